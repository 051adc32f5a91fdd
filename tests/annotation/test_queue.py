"""Handing out reads: each once, in a stored random order, and back again when a lease ends."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db.models.functions import Now

from annotation.models import ItemState, Read, ReadSkip, ReadState
from annotation.services import assigning, leases, queue, reading, studies
from synthlab.core.exceptions import Conflict, InvalidInput, NotAllowed
from tests.annotation.factories import LABELLED, Scene
from tests.factories import make_clinician
from tests.present import present

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def expire(*reads: Read) -> None:
    Read.objects.filter(pk__in=[read.pk for read in reads]).update(lease_until=Now() - timedelta(seconds=1))


def database_now() -> datetime:
    now: datetime = Read.objects.values_list(Now(), flat=True)[0]
    return now


def test_a_claim_leases_by_the_databases_clock_and_item_is_in_reading():
    scene = Scene(2)
    (read,) = scene.claim()
    assert read.state == ReadState.LEASED
    assert read.reader == scene.reader
    fresh = Read.objects.get(pk=read.pk)
    assert timedelta(minutes=14) < present(fresh.lease_until) - database_now() <= queue.LEASE
    assert fresh.item.state == ItemState.READING


def test_the_order_is_the_stored_shuffle():
    scene = Scene(6)
    expected = list(Read.objects.order_by("shuffle", "id").values_list("pk", flat=True))
    found = [scene.submit(scene.claim()[0]).read_id for _ in range(6)]
    assert found == expected


def test_a_person_holds_at_most_three_and_gets_the_held_ones_first():
    scene = Scene(6)
    first = scene.claim(count=3)
    assert scene.claim(count=3) == first
    assert scene.claim(count=1) == first[:1]
    assert Read.objects.filter(state=ReadState.LEASED).count() == 3


@pytest.mark.parametrize("count", [0, 4, -1])
def test_count_is_one_to_three(count):
    scene = Scene(1)
    with pytest.raises(InvalidInput):
        queue.claim_reads(reader=scene.reader, study=scene.study, count=count)


def test_two_readers_never_get_the_same_read_and_one_never_the_same_image_twice():
    scene = Scene(3, reads_per_item=2)
    mine, theirs = scene.claim(count=3), scene.claim(scene.second, count=3)
    assert not {read.pk for read in mine} & {read.pk for read in theirs}
    assert len({read.item_id for read in mine}) == 3
    assert {read.item_id for read in mine} == {read.item_id for read in theirs}


def test_an_expired_lease_goes_to_the_next_claim():
    scene = Scene(1)
    (read,) = scene.claim()
    assert scene.claim(scene.second) == []
    expire(read)
    (again,) = scene.claim(scene.second)
    assert again == read
    assert again.reader == scene.second


def test_four_reasons_for_an_empty_hand():
    scene = Scene(1)
    (read,) = scene.claim()
    other = queue.claim_reads(reader=scene.second, study=scene.study)
    assert other.reason == "leased"
    assert other.until == Read.objects.get(pk=read.pk).lease_until
    scene.submit(read)
    assert queue.claim_reads(reader=scene.second, study=scene.study).reason == "all_done"
    studies.pause_study(actor=scene.manager, study=scene.study)
    assert queue.claim_reads(reader=scene.second, study=scene.study).reason == "paused"
    studies.close_study(actor=scene.manager, study=scene.study)
    assert queue.claim_reads(reader=scene.second, study=scene.study).reason == "closed"


def test_only_readers_and_reviewers_get_reads():
    scene = Scene(1)
    for user in (make_clinician(), scene.manager):
        with pytest.raises(NotAllowed):
            queue.claim_reads(reader=user, study=scene.study)
    assert queue.claim_reads(reader=scene.reviewer, study=scene.study).reason == "all_done"


def test_put_aside_for_later_comes_back_when_all_else_is_done():
    scene = Scene(2)
    (first,) = scene.claim()
    leases.skip_read(actor=scene.reader, read=first, kind="later")
    (second,) = scene.claim()
    assert second != first
    scene.submit(second)
    assert scene.claim() == [first]
    assert not ReadSkip.objects.exists()


def test_not_my_field_keeps_every_read_of_the_image_from_me_but_not_from_others():
    scene = Scene(1, reads_per_item=2)
    (read,) = scene.claim()
    leases.skip_read(actor=scene.reader, read=read, kind="not_my_field")
    assert queue.claim_reads(reader=scene.reader, study=scene.study).reads == ()
    assert len(scene.claim(scene.second)) == 1


def test_a_read_given_back_behind_the_cursor_is_found_again():
    scene = Scene(3)
    (first,) = scene.claim()
    leases.release_read(actor=scene.reader, read=first)
    (second,) = scene.claim(scene.second)
    assert second == first
    third = scene.claim(count=3)
    assert len(third) == 2
    leases.release_read(actor=scene.second, read=second)
    for read in third:
        scene.submit(read)
    assert scene.claim() == [first]


def test_releasing_what_is_not_held_changes_nothing():
    scene = Scene(1)
    (read,) = scene.claim()
    scene.submit(read)
    leases.release_read(actor=scene.reader, read=read)
    read.refresh_from_db()
    assert read.state == ReadState.SUBMITTED


def test_renewing_holds_on_takes_back_and_tells_when_it_is_lost():
    scene = Scene(1)
    (read,) = scene.claim()
    expire(read)
    renewed = leases.renew_lease(actor=scene.reader, read=read)
    assert present(renewed.lease_until) > database_now()
    leases.release_read(actor=scene.reader, read=read)
    assert leases.renew_lease(actor=scene.reader, read=read).state == ReadState.LEASED
    expire(read)
    scene.claim(scene.second)
    with pytest.raises(Conflict) as refusal:
        leases.renew_lease(actor=scene.reader, read=read)
    assert refusal.value.code == "lease_lost"


def test_assigned_reads_come_first_move_and_can_be_taken_back():
    scene = Scene(4)
    last = list(Read.objects.order_by("-shuffle")[:2])
    assert (
        assigning.assign_reads(actor=scene.manager, study=scene.study, reads=last, reader=scene.reader) == 2
    )
    assert set(scene.claim(count=2)) == set(last)
    assert assigning.withdraw_reads(actor=scene.manager, study=scene.study, reads=last) == 2
    assert not Read.objects.filter(reader=scene.reader).exists()


def test_an_assigned_read_keeps_its_reader_when_the_lease_ends():
    scene = Scene(1)
    read = Read.objects.get()
    assigning.assign_reads(actor=scene.manager, study=scene.study, reads=[read], reader=scene.reader)
    scene.claim()
    expire(read)
    assert scene.claim(scene.second) == []
    assert scene.claim() == [read]


def test_assigning_is_the_managers_and_keeps_one_image_to_one_read_a_reader():
    scene = Scene(1, reads_per_item=2)
    first, second = Read.objects.order_by("ordinal")
    with pytest.raises(NotAllowed):
        assigning.assign_reads(actor=scene.reader, study=scene.study, reads=[first], reader=scene.reader)
    with pytest.raises(Conflict):
        assigning.assign_reads(
            actor=scene.manager, study=scene.study, reads=[first, second], reader=scene.reader
        )
    assigning.assign_reads(actor=scene.manager, study=scene.study, reads=[first], reader=scene.reader)
    with pytest.raises(Conflict):
        assigning.assign_reads(actor=scene.manager, study=scene.study, reads=[second], reader=scene.reader)
    with pytest.raises(InvalidInput):
        assigning.assign_reads(actor=scene.manager, study=scene.study, reads=[second], reader=scene.manager)


def test_removing_a_reader_gives_their_reads_back_and_keeps_their_answers():
    scene = Scene(3)
    (done,) = scene.claim()
    scene.submit(done)
    scene.claim(count=2)
    studies.remove_member(actor=scene.manager, study=scene.study, user=scene.reader, role="reader")
    assert list(Read.objects.filter(reader=scene.reader)) == [done]
    assert Read.objects.filter(state=ReadState.OPEN).count() == 2


def test_a_late_answer_to_an_unclaimed_read_is_taken():
    scene = Scene(1)
    (read,) = scene.claim()
    expire(read)
    leases.release_read(actor=scene.reader, read=read)
    reading.submit_answer(actor=scene.reader, read=read, rev=0, answer=LABELLED)
    read.refresh_from_db()
    assert (read.state, read.reader) == (ReadState.SUBMITTED, scene.reader)
