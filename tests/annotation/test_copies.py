"""An image flagged as a copy of a real one counts as accepted, and is frozen, only after somebody cleared the pair."""

from __future__ import annotations

from typing import Any

import pytest

from annotation.models import Item, ItemState, ReadKind
from annotation.services import planning, reviewing, signing, snapshots
from evaluation.models import ImageScore
from evaluation.services.copies import review_copy
from generation.models import SourceImage, SyntheticImage
from synthlab.core.exceptions import Conflict, InvalidInput
from tests.annotation.factories import DISCARDED, GLAND, Scene, make_evaluation
from tests.annotation.test_snapshots import accepted_scene
from tests.evaluation.factories import flag_as_copy
from tests.factories import PASSWORD
from tests.present import present

pytestmark = pytest.mark.django_db


def flagged(scene: Scene, index: int = 0) -> tuple[SyntheticImage, SourceImage]:
    image = present(scene.batch.images.filter(index=index).first())
    nearest = present(scene.dataset.images.first())
    flag_as_copy(image, nearest, "copy")
    return image, nearest


def clear(scene: Scene, pair: tuple[SyntheticImage, SourceImage]) -> None:
    # The owner of the data set holds `view_real` only by a grant of their own.
    scene.dataset.members.update_or_create(user=scene.manager, defaults={"view_real": True})
    image, nearest = pair
    review_copy(
        actor=scene.manager, image=image, nearest=nearest.pk, verdict="cleared", reason="Other lumen."
    )


@pytest.mark.parametrize(
    "options", [{"approval_policy": "as_read"}, {"reads_per_item": 2, "approval_policy": "as_read"}]
)
def test_whatever_the_policy_a_flagged_image_waits_in_review_until_it_is_cleared(options: dict[str, Any]):
    scene = Scene(1, **options)
    pair = flagged(scene)
    annotations = scene.answer_all(GLAND)
    if options.get("reads_per_item"):
        annotations += scene.answer_all(GLAND, scene.second)
    item = Item.objects.get()
    assert item.state == ItemState.REVIEW
    with pytest.raises(Conflict) as refusal:
        scene.accept(annotations[0])
    assert refusal.value.code == "copy_not_cleared"
    with pytest.raises(Conflict):
        reviewing.overrule(actor=scene.reviewer, annotation=annotations[0], answer=GLAND)
    item.refresh_from_db()
    assert (item.state, item.outcome) == (ItemState.REVIEW, None)
    clear(scene, pair)
    scene.accept(annotations[0])
    item.refresh_from_db()
    assert item.state == ItemState.ACCEPTED


def test_a_flagged_image_is_discarded_like_any_other():
    scene = Scene(1, approval_policy="as_read")
    flagged(scene)
    scene.answer_all(DISCARDED)
    assert Item.objects.get().state == ItemState.DISCARDED


def test_no_answer_to_an_adjudication_is_refused_for_a_flag():
    scene = Scene(1, reads_per_item=2)
    flagged(scene)
    scene.answer_all(GLAND)
    scene.answer_all(DISCARDED, scene.second)
    item = Item.objects.get()
    assert item.state == ItemState.DISPUTED
    read = item.reads.get(kind=ReadKind.ADJUDICATION)
    (claimed,) = scene.claim(scene.reviewer)
    assert claimed.pk == read.pk
    scene.submit(claimed, GLAND, scene.reviewer)
    item.refresh_from_db()
    assert item.state == ItemState.REVIEW


def test_flagged_after_it_was_accepted_an_image_stays_out_of_snapshots():
    scene = accepted_scene(3)
    pair = flagged(scene)
    preview = planning.preview_snapshot(scene.study)
    assert preview.images == 2
    assert [(row["key"], row["images"]) for row in preview.excluded] == [("copies_not_cleared", 1)]
    assert [(row["key"], row["images"]) for row in preview.classes] == [("gland", 2)]
    snapshot = snapshots.create_snapshot(actor=scene.manager, study=scene.study, name="Without")
    assert snapshot.item_count == 2
    assert not snapshot.items.filter(image=pair[0]).exists()
    clear(scene, pair)
    assert planning.preview_snapshot(scene.study).images == 3


def test_nothing_is_frozen_where_all_look_copied():
    scene = accepted_scene(1)
    flagged(scene)
    with pytest.raises(InvalidInput) as refusal:
        snapshots.create_snapshot(actor=scene.manager, study=scene.study, name="None")
    assert refusal.value.code == "no_accepted_images"


def test_flagged_by_the_measurement_of_the_set_itself_it_bars_the_signature():
    scene = accepted_scene(2)
    snapshot = snapshots.create_snapshot(actor=scene.manager, study=scene.study, name="First")
    evaluation = make_evaluation(snapshot.image_set, scene.manager)
    image, nearest = present(present(snapshot.items.first()).image), present(scene.dataset.images.first())
    ImageScore.objects.create(evaluation=evaluation, image=image, nearest=nearest, flags=["copy"])

    def sign() -> None:
        signing.sign_snapshot(actor=scene.manager, snapshot=snapshot, password=PASSWORD, meaning="approved")

    with pytest.raises(Conflict) as refusal:
        sign()
    assert refusal.value.code == "copies_not_cleared"
    clear(scene, (image, nearest))
    sign()
    snapshot.refresh_from_db()
    assert snapshot.is_signed
