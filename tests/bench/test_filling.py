"""Queues that were copied by the database are what the services would have made, row by row."""

from __future__ import annotations

import pytest

from annotation.models import Item, Membership, Read, ReadState
from annotation.services.queue import claim_reads
from annotation.services.reading import submit_answer
from bench.filling import Filler, make_person, run_ahead
from generation.models import SyntheticImage
from tests.annotation.factories import LABELLED
from tests.present import present

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def test_a_copied_queue_hands_out_every_image_once_and_in_a_shuffled_order():
    reader = make_person("reader", "clinician")
    filler = Filler([reader], 8)
    study, other = filler.open_study(8), filler.open_study(3)
    assert (study.reads.count(), other.reads.count()) == (8, 3)
    assert SyntheticImage.objects.values("digest").distinct().count() == 9
    taken = []
    while read := next(iter(claim_reads(reader=reader, study=study, count=1).reads), None):
        submit_answer(actor=reader, read=read, rev=read.rev, answer=LABELLED)
        taken.append(read)
    assert len({read.item_id for read in taken}) == 8
    assert [read.shuffle for read in taken] == sorted(read.shuffle for read in taken)
    numbers = [present(read.item.synthetic_image).index for read in taken]
    assert numbers != sorted(numbers)
    assert not other.reads.exclude(state=ReadState.OPEN).exists()


def test_one_who_ran_ahead_stands_where_so_many_claims_would_have_brought_them():
    reader, fellow = make_person("reader", "clinician"), make_person("fellow", "clinician")
    study = Filler([reader, fellow], 12).open_study(12, reads=2)
    for _ in range(5):
        [read] = claim_reads(reader=fellow, study=study, count=1).reads
        submit_answer(actor=fellow, read=read, rev=read.rev, answer=LABELLED)
    by_claims = set(Read.objects.filter(reader=fellow).values_list("pk", flat=True))
    place = Membership.objects.get(user=fellow).queue_shuffle
    Read.objects.filter(pk__in=by_claims).update(state=ReadState.OPEN, reader=None, submitted_at=None)

    run_ahead(reader, study, 5)
    assert set(Read.objects.filter(reader=reader).values_list("pk", flat=True)) == by_claims
    assert Membership.objects.get(user=reader).queue_shuffle == place
    [following] = claim_reads(reader=reader, study=study, count=1).reads
    assert following.shuffle >= place
    assert following.item_id not in set(Item.objects.filter(reads__in=by_claims).values_list("pk", flat=True))
