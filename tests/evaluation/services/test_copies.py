"""An image flagged as a copy: who may clear it, and what stands against that."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from evaluation.models import CopyReview, ImageScore
from evaluation.services import copies
from generation.models import SourceImage, SyntheticImage
from synthlab.accounts.models import User
from synthlab.core.exceptions import Conflict, DomainError, InvalidInput, NotAllowed
from synthlab.core.models import AuditEvent
from tests.evaluation.factories import flag_as_copy
from tests.generation.cast import Cast
from tests.generation.factories import make_batch, make_generator
from tests.present import present

pytestmark = pytest.mark.django_db


class Pair:
    """A flagged synthetic image and the real one beside it."""

    def __init__(self, *flags: str) -> None:
        self.cast = Cast()
        batch = make_batch(generator=make_generator(dataset=self.cast.dataset), count=2)
        self.image: SyntheticImage = present(batch.images.order_by("index").first())
        self.other: SyntheticImage = present(batch.images.order_by("index").last())
        self.nearest: SourceImage = present(self.cast.dataset.images.first())
        self.score = flag_as_copy(self.image, self.nearest, *(flags or ("copy",)))

    def review(self, verdict: str = "cleared", *, actor: User | None = None, **about: Any) -> CopyReview:
        told = {"image": self.image, "nearest": self.nearest.pk, "reason": "Another gland.", **about}
        return copies.review_copy(actor=actor or self.cast.user("owner"), verdict=verdict, **told)

    def uncleared(self) -> set[Any]:
        return copies.uncleared_among([self.image.pk, self.other.pk])


def refused(call: Any, code: str, kind: type[DomainError]) -> None:
    with pytest.raises(kind) as refusal:
        call()
    assert refusal.value.code == code


def test_a_flag_stands_until_somebody_clears_the_pair_and_a_later_word_counts():
    pair = Pair()
    assert pair.uncleared() == {pair.image.pk}
    pair.review("confirmed", reason="")
    assert pair.uncleared() == {pair.image.pk}
    pair.review()
    assert pair.uncleared() == set()
    pair.review("confirmed")
    assert pair.uncleared() == {pair.image.pk}
    assert CopyReview.objects.count() == 3
    assert CopyReview.objects.live().get().verdict == "confirmed"
    events = AuditEvent.objects.filter(action__startswith="copy.").order_by("sequence")
    assert [event.action for event in events] == ["copy.confirmed", "copy.cleared", "copy.confirmed"]


def test_other_flags_ask_for_no_look():
    assert Pair("duplicate", "constant").uncleared() == set()


def test_flagged_beside_another_real_image_it_is_looked_at_again():
    pair = Pair()
    pair.review()
    flag_as_copy(pair.image, present(pair.cast.dataset.images.last()), "copy")
    assert pair.uncleared() == {pair.image.pk}


def test_only_who_may_see_real_images_judges_a_pair():
    pair = Pair()
    for role in ("member", "viewer", "outsider", "admin"):
        refused(lambda role=role: pair.review(actor=pair.cast.user(role)), "view_real_needed", NotAllowed)
    assert not CopyReview.objects.exists()


def test_clearing_needs_a_reason_and_a_pair_that_was_flagged():
    pair = Pair()
    refused(lambda: pair.review(reason="  "), "reason_needed", InvalidInput)
    refused(lambda: pair.review(reason="x" * 2001), "reason_too_long", InvalidInput)
    refused(lambda: pair.review(image=pair.other), "pair_not_flagged", InvalidInput)
    elsewhere = present(pair.cast.dataset.images.last())
    refused(lambda: pair.review(nearest=elsewhere.pk), "pair_not_flagged", InvalidInput)
    with pytest.raises(IntegrityError), transaction.atomic():
        CopyReview.objects.create(
            image=pair.image, nearest=pair.nearest, verdict="cleared", reviewed_by=pair.cast.dataset.owner
        )


@pytest.mark.parametrize("flag", ["identical", "identical_reference"])
def test_equal_pixels_are_no_matter_of_opinion(flag: str):
    pair = Pair("copy", flag)
    refused(pair.review, "identical_image", Conflict)
    assert pair.review("confirmed").verdict == "confirmed"


def test_nothing_is_cleared_beside_an_image_that_was_withdrawn():
    pair = Pair()
    SourceImage.objects.filter(pk=pair.nearest.pk).update(
        withdrawn_at=pair.nearest.created_at,
        withdrawn_by=pair.cast.dataset.owner,
        withdrawal_reason="consent",
    )
    refused(pair.review, "nearest_withdrawn", Conflict)


def test_many_images_are_asked_about_in_few_queries(django_assert_max_num_queries: Any):
    pair = Pair()
    for image in present(pair.image.batch).images.exclude(pk=pair.image.pk):
        flag_as_copy(image, pair.nearest, "copy")
    with django_assert_max_num_queries(2):
        assert len(pair.uncleared()) == 2
    assert ImageScore.objects.like_copies().count() == 2
