"""Hidden controls: real images of the same shape, drawn at random, before anybody reads, by one who may see them."""

from __future__ import annotations

import pytest
from django.urls import reverse

from annotation.models import Item, Read, ReadKind
from annotation.services import filling
from annotation.services.controls import add_controls
from generation.models import Ingest, SourceImage, Split
from synthlab.core.audit import dataset_chain, study_chain, verify_chain
from synthlab.core.exceptions import Conflict, InvalidInput, NotAllowed
from synthlab.core.models import AuditEvent
from tests.annotation.calls import API, post
from tests.annotation.factories import SIZE, Scene, make_batch, make_source_image
from tests.annotation.test_pages import page, text
from tests.factories import client_of
from tests.present import present

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def controlled_scene(real: int = 3, **options) -> Scene:
    """A study whose manager may see the real images: `real` of the validation part, and some that do not fit."""
    scene = Scene(2, **options)
    scene.dataset.members.update_or_create(user=scene.manager, defaults={"view_real": True})
    group = scene.dataset.groups.get(split=Split.VAL)
    ingest = Ingest.objects.get(dataset=scene.dataset)
    made = [make_source_image(scene.dataset, group, ingest) for _ in range(real + 3)]
    for image, other in zip(made, ({"width": 2 * SIZE}, {"channels": 3}, {"bits": 16}), strict=False):
        SourceImage.objects.filter(pk=image.pk).update(**other)
    SourceImage.objects.filter(group=group).exclude(pk__in=[image.pk for image in made]).update(height=1)
    return scene


def test_images_of_the_same_shape_from_the_validation_part_are_drawn_and_read_like_the_others():
    scene = controlled_scene(reads_per_item=2)
    assert add_controls(actor=scene.manager, study=scene.study, count=2) == 2
    assert add_controls(actor=scene.manager, study=scene.study, count=9) == 1
    assert add_controls(actor=scene.manager, study=scene.study, count=9) == 0
    controls = Item.objects.filter(source_image__isnull=False)
    shapes = controls.values_list(
        *(f"source_image__{name}" for name in ("width", "height", "channels", "bits"))
    )
    assert set(shapes) == {(SIZE, SIZE, 1, 8)}
    assert set(controls.values_list("source_image__group__split", flat=True)) == {Split.VAL}
    assert Read.objects.filter(kind=ReadKind.CONTROL).count() == 6
    assert len(scene.answer_all()) == 5
    shown = AuditEvent.objects.filter(action="real_images.shown_to_readers").first()
    assert len(present(shown).facts["images"]) == 2
    for chain in (study_chain(scene.study), dataset_chain(scene.dataset)):
        assert verify_chain(chain).intact


def test_they_are_not_added_without_the_right_to_see_them_nor_once_reading_has_begun():
    scene = controlled_scene()
    with pytest.raises(NotAllowed):
        add_controls(actor=scene.reviewer, study=scene.study, count=1)
    for count in (0, 1001):
        with pytest.raises(InvalidInput):
            add_controls(actor=scene.manager, study=scene.study, count=count)
    scene.dataset.members.update(view_real=False)
    with pytest.raises(NotAllowed) as refusal:
        add_controls(actor=scene.manager, study=scene.study, count=1)
    assert refusal.value.code == "view_real_needed"
    scene.dataset.members.update(view_real=True)
    scene.claim()
    with pytest.raises(Conflict) as late:
        add_controls(actor=scene.manager, study=scene.study, count=1)
    assert late.value.code == "study_begun"
    assert not Item.objects.filter(source_image__isnull=False).exists()


def test_nothing_hides_among_images_of_several_shapes_or_of_none():
    scene = controlled_scene()
    coloured = make_batch(scene.dataset, 1, mode="RGB")
    filling.fill_study(actor=scene.manager, study=scene.study, batches=[coloured])
    with pytest.raises(Conflict) as refusal:
        add_controls(actor=scene.manager, study=scene.study, count=1)
    assert refusal.value.code == "controls_need_one_shape"


def test_over_rest_and_on_the_page():
    scene = controlled_scene()
    url = f"{API}/studies/{scene.study.pk}/controls"
    assert 'max="3"' in text(page(scene.manager, "study-page", scene.study.pk))
    assert post(client_of(scene.reader), url, {"count": 1}).status_code == 403
    assert post(client_of(scene.manager), url, {"count": 2}).json() == {"added": 2}
    body = text(page(scene.manager, "study-page", scene.study.pk))
    assert "This study holds 2." in body
    scene.claim()
    assert reverse("study-controls", args=[scene.study.pk]) not in text(
        page(scene.manager, "study-page", scene.study.pk)
    )
    for user in (scene.reader, scene.reviewer):
        assert "control" not in text(page(user, "study-page", scene.study.pk))
