"""Refused pictures: taken in on the only side where they do no harm, or kept out, and nothing of them stays."""

from __future__ import annotations

from typing import Any

import pytest

from generation.models import Dataset, Group, Rejection, RejectionDecision, SourceImage, Split
from generation.services import rejections
from generation.services.describing import describe_dataset
from synthlab.core.exceptions import Conflict, NotAllowed
from synthlab.core.files import path_of
from synthlab.core.invariants import find_violations
from synthlab.core.jobs import execute
from synthlab.core.models import AuditEvent, Job
from tests.factories import make_scientist
from tests.generation.factories import SIZE, make_dataset, make_generator, picture
from tests.generation.rejecting import make_rejection

pytestmark = pytest.mark.django_db


def overrule(rejection: Rejection) -> SourceImage:
    return rejections.overrule_rejection(actor=rejection.ingest.dataset.owner, rejection=rejection)


def refused(rejection: Rejection) -> str:
    before = rejection.ingest.dataset.images.count()
    with pytest.raises(Conflict) as caught:
        overrule(rejection)
    rejection.refresh_from_db()
    assert (rejection.decision, rejection.ingest.dataset.images.count()) == ("", before)
    return caught.value.code


def run_jobs() -> None:
    for job in Job.objects.filter(state="queued"):
        execute(str(job.pk))
        job.refresh_from_db()
        assert job.state == "succeeded", job.error


def group_of(dataset: Dataset, split: str) -> Group:
    return dataset.groups.filter(split=split)[0]


def test_a_picture_that_was_taken_in_is_an_image_like_any_other() -> None:
    dataset = make_dataset(per_split=4)
    before = dataset.manifest_digest
    rejection = make_rejection(dataset, code="blank", class_key="flat")
    thumbnail, digest = rejection.thumbnail_digest, rejection.image_digest
    image = overrule(rejection)
    dataset.refresh_from_db()
    rejection.refresh_from_db()
    assert (image.digest, image.thumbnail_digest, image.class_key, image.flags) == (
        digest, thumbnail, "flat", ["overruled"],
    )  # fmt: skip
    assert (image.ingest, image.ordinal) == (rejection.ingest, rejection.ordinal)
    assert dataset.manifest_digest != before
    assert dataset.classes == [{"key": "flat", "title": "flat"}]
    assert (rejection.decision, rejection.decided_by) == (RejectionDecision.OVERRULED, dataset.owner)
    assert (rejection.image_digest, rejection.thumbnail_digest, rejection.candidate) == ("", "", {})
    event = AuditEvent.objects.get(action="rejection.overruled")
    assert (event.actor, event.target_id) == (dataset.owner, rejection.pk)
    assert not list(find_violations())


def test_it_goes_where_its_group_stands() -> None:
    dataset = make_dataset(per_split=4)
    for split in (Split.TRAIN, Split.VAL):
        key = group_of(dataset, split).key
        assert overrule(make_rejection(dataset, group_key=key)).group.split == split


def test_a_new_group_leaves_the_others_where_they_are() -> None:
    dataset = make_dataset(per_split=4)
    before = dict(dataset.groups.values_list("key", "split"))
    image = overrule(make_rejection(dataset))
    after = dict(dataset.groups.values_list("key", "split"))
    assert after.pop(image.group.key) in Split.values
    assert after == before


@pytest.mark.parametrize("split", [Split.TRAIN, Split.VAL])
def test_what_looks_like_another_goes_to_its_side(split: str) -> None:
    dataset = make_dataset(per_split=4)
    like = dataset.images.filter(group__split=split)[0]
    rejection = make_rejection(dataset, code="near_duplicate", resembles=[like.digest])
    assert overrule(rejection).group.split == split


def test_nothing_comes_to_two_sides() -> None:
    dataset = make_dataset(per_split=4)
    one = dataset.images.filter(group__split=Split.TRAIN)[0]
    other = dataset.images.filter(group__split=Split.VAL)[0]
    code = "near_duplicate"
    both = make_rejection(dataset, code=code, resembles=[one.digest, other.digest])
    own = make_rejection(dataset, code=code, group_key=other.group.key, resembles=[one.digest])
    given = make_rejection(dataset, code=code, split=Split.VAL, resembles=[one.digest])
    crowded = make_rejection(dataset, code=code, crowded=True)
    assert [refused(each) for each in (both, own, given, crowded)] == ["split_unsafe"] * 4


def test_two_that_look_alike_and_were_both_refused_stay_on_one_side() -> None:
    dataset = make_dataset(per_split=4)
    first = make_rejection(dataset, group_key=group_of(dataset, Split.VAL).key)
    second = make_rejection(dataset, resembles=[first.image_digest])
    third = make_rejection(
        dataset, group_key=group_of(dataset, Split.TRAIN).key, resembles=[first.image_digest]
    )
    assert overrule(first).group.split == Split.VAL
    assert overrule(second).group.split == Split.VAL
    assert refused(third) == "split_unsafe"


def test_the_same_pixels_come_once_and_never_after_a_withdrawal() -> None:
    dataset = make_dataset(per_split=4)
    twin, again = (make_rejection(dataset, pixels=picture(77)) for _ in range(2))
    image = overrule(twin)
    assert refused(again) == "image_present"
    SourceImage.objects.filter(pk=image.pk).update(withdrawn_at=image.created_at, withdrawn_by=dataset.owner)
    assert refused(again) == "image_withdrawn"


def test_what_has_another_form_does_not_come() -> None:
    dataset = make_dataset(per_split=4)
    assert refused(make_rejection(dataset, pixels=picture(5, SIZE * 2))) == "image_does_not_fit"
    assert refused(make_rejection(dataset, pixels=picture(5)[..., 0])) == "image_does_not_fit"


def test_what_was_not_kept_cannot_be_overruled() -> None:
    rejection = make_rejection(make_dataset(per_split=4), code="damaged", kept=False)
    assert refused(rejection) == "not_overrulable"


def test_a_decision_is_made_once() -> None:
    dataset = make_dataset(per_split=4)
    rejection = make_rejection(dataset)
    overrule(rejection)
    with pytest.raises(Conflict) as caught:
        overrule(rejection)
    assert caught.value.code == "rejection_decided"
    with pytest.raises(Conflict) as gone:
        rejections.confirm_rejections(actor=dataset.owner, dataset=dataset, expected=1, rejection=rejection)
    assert gone.value.code == "rejections_changed"


def test_nothing_shifts_under_a_generator_or_during_a_reading() -> None:
    dataset = make_dataset(per_split=4)
    rejection = make_rejection(dataset)
    ingest = rejection.ingest
    ingest.job = Job.objects.create(kind="ingest", state="queued", lane="long")
    ingest.save()
    assert refused(rejection) == "ingest_running"
    Job.objects.update(state="cancelled", finished_at=ingest.created_at)
    make_generator(dataset=dataset)
    assert refused(rejection) == "dataset_in_use"


def test_only_the_owner_decides_and_only_who_may_look_ends_a_quarantine() -> None:
    dataset = make_dataset(per_split=4)
    rejection = make_rejection(dataset, code="burned_in_unknown")
    stranger = make_scientist()
    for act in (
        lambda: rejections.overrule_rejection(actor=stranger, rejection=rejection),
        lambda: rejections.confirm_rejections(actor=stranger, dataset=dataset, expected=1),
    ):
        with pytest.raises(NotAllowed) as caught:
            act()
        assert caught.value.code == "owner_only"
    dataset.members.update(view_real=False)
    with pytest.raises(NotAllowed) as blind:
        overrule(rejection)
    assert blind.value.code == "view_real_needed"


@pytest.mark.django_db(transaction=True)
def test_after_a_decision_no_file_stays_that_no_row_needs() -> None:
    dataset = make_dataset(per_split=4)
    taken = make_rejection(dataset, code="burned_in_unknown", full=picture(501, 64))
    left = make_rejection(dataset)
    shared = make_rejection(dataset, pixels=picture(502))
    same = make_rejection(dataset, pixels=picture(502))
    full, thumbnail, gone = taken.look_digest, taken.thumbnail_digest, left.image_digest
    image = overrule(taken)
    rejections.confirm_rejections(actor=dataset.owner, dataset=dataset, expected=1, rejection=left)
    rejections.confirm_rejections(actor=dataset.owner, dataset=dataset, expected=1, rejection=shared)
    run_jobs()
    assert not path_of(full).exists()
    assert not path_of(gone).exists()
    assert path_of(image.digest).exists()
    assert path_of(thumbnail).exists()
    assert path_of(same.image_digest).exists()  # the other refusal still names it
    assert not list(find_violations())


@pytest.mark.django_db(transaction=True)
def test_all_that_remain_are_kept_out_at_once_as_counted() -> None:
    dataset, other = make_dataset(per_split=4), make_dataset(per_split=4)
    mine = [make_rejection(dataset, code=code) for code in ("blank", "blank", "near_duplicate")]
    make_rejection(dataset, code="damaged", kept=False)  # nothing of it is kept: nothing to decide
    theirs = make_rejection(other)

    def confirm(expected: int, **which: Any) -> int:
        return rejections.confirm_rejections(actor=dataset.owner, dataset=dataset, expected=expected, **which)

    with pytest.raises(Conflict) as caught:
        confirm(1, code="blank")
    assert (caught.value.code, caught.value.extra["count"]) == ("rejections_changed", 2)
    assert confirm(2, code="blank") == 2
    assert confirm(1, ingest=mine[2].ingest) == 1
    run_jobs()
    assert not any(path_of(each.image_digest).exists() for each in mine)
    assert path_of(theirs.image_digest).exists()
    assert Rejection.objects.filter(decision=RejectionDecision.CONFIRMED).count() == 3


def test_the_sheet_says_what_a_person_took_in() -> None:
    dataset = make_dataset(per_split=4)
    overrule(make_rejection(dataset))
    ingest = dataset.ingests.get()
    ingest.facts = {
        "splits": {split: {"independent_images": 4} for split in Split.values},
        "form": {}, "duplicates": {"exact": 0, "near": 0, "tied_groups": 0}, "tiling": None, "holders_known": 0,
        "split": {"seed": 0, "shares": {"train": 0.5, "val": 0.5, "held_out": 0}},
    }  # fmt: skip
    ingest.save()
    sheet = describe_dataset(dataset).data_sheet
    assert (sheet["images"], sheet["taken_in_by_a_person"], sheet["uploads"]) == (9, 1, 1)
    assert any("taken in by a person" in said for said in sheet["statements"])
