"""What a snapshot takes, what it leaves out, and that both are told before and after."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from annotation.models import Item, Snapshot
from annotation.services import filling, planning, snapshots
from annotation.services.choosing import REASONS
from evaluation.models import CopyReview, CopyVerdict
from generation.models import SyntheticImage
from synthlab.core.exceptions import InvalidInput
from synthlab.core.invariants import find_violations
from tests.annotation.factories import DISCARDED, GLAND, LABELLED, Scene, add_control, make_batch
from tests.evaluation.factories import flag_as_copy
from tests.present import present

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

SHARES = {"train": 0.5, "val": 0.25, "test": 0.25}


def scene_of(*answers: dict[str, Any], **options: Any) -> Scene:
    scene = Scene(len(answers), approval_policy="as_read", sample_share=0.0, **options)
    for answer in answers:
        scene.submit(scene.claim()[0], answer)
    return scene


def taken(scene: Scene, **filters: Any) -> int:
    """How many a filter lets through, in the preview and in the snapshot alike."""
    plan = planning.preview_snapshot(scene.study, filters)
    snapshot = snapshots.create_snapshot(actor=scene.manager, study=scene.study, name="x", filters=filters)
    assert snapshot.item_count == plan.images == snapshot.items.count()
    left_out = sum(row["images"] for row in plan.excluded)
    assert sum(snapshot.facts.get("excluded", {}).values()) == left_out
    assert plan.images + left_out == scene.study.items.for_snapshot().count()
    return snapshot.item_count


def test_by_class_and_by_confidence():
    scene = scene_of(GLAND, GLAND, LABELLED, {**GLAND, "confidence": None}, {**GLAND, "confidence": 2})
    assert taken(scene) == 5
    assert taken(scene, classes=["gland"]) == 4
    assert taken(scene, classes=["gland", "normal"]) == 5
    assert taken(scene, min_confidence=4) == 2 + (LABELLED.get("confidence") or 0 >= 4)
    assert taken(scene, classes=["gland"], min_confidence=1) == 3


def test_by_generator():
    scene = scene_of(GLAND, GLAND)
    other = make_batch(scene.dataset, 3)
    filling.fill_study(actor=scene.manager, study=scene.study, batches=[other])
    scene.answer_all(GLAND)
    assert taken(scene, generators=[str(other.generator_id)]) == 3
    assert taken(scene, generators=[str(scene.batch.generator_id)]) == 2
    preview = planning.preview_snapshot(scene.study)
    assert sorted(row["images"] for row in preview.generators) == [2, 3]


def test_by_how_it_was_decided():
    scene = Scene(3, reads_per_item=2, approval_policy="as_read", sample_share=0.0)
    first = scene.claim()[0]
    scene.submit(first, GLAND)
    scene.answer_all(GLAND)
    own = scene.claim(scene.second)[0]
    scene.submit(own, LABELLED, scene.second)
    scene.answer_all(GLAND, scene.second)
    adjudication = scene.claim(scene.reviewer)[0]
    scene.submit(adjudication, GLAND, scene.reviewer)
    assert taken(scene) == 3
    assert taken(scene, agreement=["agreed"]) == 2
    assert taken(scene, agreement=["adjudicated"]) == 1
    preview = planning.preview_snapshot(scene.study)
    assert {row["key"]: row["images"] for row in preview.ways} == {"agreed": 2, "adjudicated": 1}
    names = {row["name"]: row["images"] for row in preview.readers}
    assert names == {str(scene.reader): 3, str(scene.second): 3, str(scene.reviewer): 1}


def test_one_reader_alone_is_a_way_of_its_own():
    scene = scene_of(GLAND, GLAND)
    assert taken(scene, agreement=["single"]) == 2


def test_by_day_in_utc_and_both_days_count():
    scene = scene_of(GLAND, GLAND, GLAND)
    last = datetime(2030, 1, 31, 23, 59, tzinfo=UTC)
    for item, at in zip(
        Item.objects.all(), (last, last + timedelta(minutes=2), last - timedelta(days=9)), strict=True
    ):
        Item.objects.filter(pk=item.pk).update(decided_at=at)
    assert taken(scene, decided_until="2030-01-31") == 2
    assert taken(scene, decided_from="2030-01-31") == 2
    assert taken(scene, decided_from="2030-01-31", decided_until="2030-01-31") == 1


def test_what_was_flagged_is_left_out_though_cleared_where_that_is_asked_for():
    scene = scene_of(GLAND, GLAND)
    image, nearest = present(scene.batch.images.first()), present(scene.dataset.images.first())
    flag_as_copy(image, nearest, "copy")
    assert taken(scene) == 1
    CopyReview.objects.create(
        image=image, nearest=nearest, verdict=CopyVerdict.CLEARED, reviewed_by=scene.manager, reason="no"
    )
    assert taken(scene) == 2
    assert taken(scene, exclude_cleared=True) == 1
    assert taken(scene, exclude_cleared=False) == 2


def test_discards_are_told_with_their_reasons():
    scene = scene_of(GLAND, DISCARDED, DISCARDED, {**DISCARDED, "discard_reason": "blurred"})
    preview = planning.preview_snapshot(scene.study)
    assert preview.discarded == 3
    assert [(row["title"], row["images"]) for row in preview.discard_reasons] == [
        ("Artefact", 2),
        ("Blurred", 1),
    ]


def test_hidden_controls_are_not_among_what_is_left_out():
    scene = scene_of(GLAND, DISCARDED)
    add_control(scene)
    assert planning.preview_snapshot(scene.study).undecided == 0
    frozen = snapshots.create_snapshot(actor=scene.manager, study=scene.study, name="First")
    assert sum(frozen.facts["items_by_state"].values()) == 2


@pytest.mark.parametrize(
    ("filters", "code"),
    [
        ({"colour": "red"}, "filter_unknown"),
        ({"generators": ["x"]}, "filter_unknown"),
        ({"agreement": ["by_lot"]}, "filter_unknown"),
        ({"agreement": "agreed"}, "filter_unknown"),
        ({"decided_from": "yesterday"}, "filter_unknown"),
        ({"decided_until": 5}, "filter_unknown"),
        ({"min_confidence": 9}, "filter_unknown"),
        ({"min_confidence": True}, "filter_unknown"),
        ({"exclude_cleared": "yes"}, "filter_unknown"),
        ({"decided_from": "2030-02-01", "decided_until": "2030-01-01"}, "dates_reversed"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(filters: dict[str, Any], code: str):
    scene = scene_of(GLAND)
    with pytest.raises(InvalidInput) as refusal:
        planning.preview_snapshot(scene.study, filters)
    assert refusal.value.code == code


def test_every_reason_has_words():
    assert all(words and words[0].islower() for words in REASONS.values())


def split_snapshot(scene: Scene, **splits: Any) -> Snapshot:
    return snapshots.create_snapshot(
        actor=scene.manager, study=scene.study, name="split", splits={"shares": SHARES, **splits}
    )


def test_splits_stand_with_the_items_in_the_facts_and_in_the_digest():
    scene = scene_of(*[GLAND] * 8)
    plain = snapshots.create_snapshot(actor=scene.manager, study=scene.study, name="plain")
    first, again = split_snapshot(scene), split_snapshot(scene)
    others = [split_snapshot(scene, seed=seed).digest for seed in range(1, 6)]
    assert first.digest == again.digest
    assert plain.digest != first.digest
    assert set(others) - {first.digest}
    named = list(first.items.values_list("split", flat=True))
    assert {name: named.count(name) for name in SHARES} == {"train": 4, "val": 2, "test": 2}
    assert first.facts["splits"] == {
        "seed": 0, "shares": SHARES, "images": {"train": 4, "val": 2, "test": 2}
    }  # fmt: skip
    assert set(plain.items.values_list("split", flat=True)) == {""}
    assert list(find_violations(INVARIANTS)) == []


INVARIANTS = (
    "a family of related images stands in one split of a snapshot",
    "a snapshot is split whole or not at all",
)


def test_images_of_one_latent_vector_stay_together():
    scene = scene_of(*[GLAND] * 8)
    images = list(scene.batch.images.order_by("index"))
    for left, right in zip(images[::2], images[1::2], strict=True):
        SyntheticImage.objects.filter(pk=right.pk).update(seed=left.seed)
    preview = planning.preview_snapshot(scene.study, None, {"shares": SHARES})
    assert preview.families == {"count": 4, "related_images": 8, "largest": 2}
    assert [(row["name"], row["images"], row["families"]) for row in preview.splits] == [
        ("train", 4, 2), ("val", 2, 1), ("test", 2, 1)
    ]  # fmt: skip
    snapshot = split_snapshot(scene)
    homes = {(row.image.seed, row.split) for row in snapshot.items.select_related("image")}
    assert len(homes) == 4


@pytest.mark.parametrize("change", ["torn", "half"])
def test_check_finds_a_family_that_was_torn_and_a_split_that_was_taken_away(change: str):
    scene = scene_of(*[GLAND] * 8)
    snapshot = split_snapshot(scene)
    if change == "torn":
        snapshot.items.update(family=1)
    else:
        snapshot.items.filter(split="train").update(split="")
    assert len(list(find_violations(INVARIANTS))) == 1


@pytest.mark.parametrize(
    ("splits", "code"),
    [
        ({"shares": {"train": 0.5, "val": 0.4}}, "splits_unknown"),
        ({"shares": {"train": 1.5, "val": -0.5}}, "splits_unknown"),
        ({"shares": {"learn": 1.0}}, "splits_unknown"),
        ({"shares": {}}, "splits_unknown"),
        ({"shares": SHARES, "seed": -1}, "splits_unknown"),
        ({"shares": SHARES, "by": "day"}, "splits_unknown"),
        ({"shares": SHARES}, "split_empty"),
    ],
)
def test_splits_that_cannot_be_are_refused(splits: dict[str, Any], code: str):
    scene = scene_of(GLAND, GLAND)
    with pytest.raises(InvalidInput) as refusal:
        snapshots.create_snapshot(actor=scene.manager, study=scene.study, name="x", splits=splits)
    assert refusal.value.code == code
    assert not Snapshot.objects.exists()
