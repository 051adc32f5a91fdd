"""Pictures beside the guideline: who chooses them, which images may be one, and that nothing leads back to the image."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from annotation.models import Read, ReadKind, StudyExemplar
from annotation.services import filling
from annotation.services.deciding import plan_read
from annotation.services.exemplars import add_exemplar, exemplar_candidates
from evaluation.models import Decision, GateDecision
from generation.models import SyntheticImage
from synthlab.accounts.models import User
from synthlab.core.audit import study_chain
from synthlab.core.exceptions import Conflict, DomainError, InvalidInput, NotAllowed
from synthlab.core.models import AuditEvent
from tests.annotation.factories import GLAND, SIZE, Scene, make_batch, make_dataset
from tests.factories import make_clinician
from tests.present import present

pytestmark = pytest.mark.django_db


def _client(user: User) -> APIClient:
    client = APIClient()
    client.force_login(user)
    return client


def _url(scene: Scene, rest: str = "") -> str:
    return f"/api/v1/studies/{scene.study.pk}/exemplars{rest}"


def _spare(scene: Scene, count: int = 1, *, released: bool = True) -> list[SyntheticImage]:
    """Images of a batch of the study's data set that the study does not hold."""
    return list(make_batch(scene.dataset, count, released=released).images.order_by("index"))


def _add(
    scene: Scene, image: SyntheticImage, *, actor: User | None = None, key: str = "gland"
) -> StudyExemplar:
    return add_exemplar(
        actor=actor or scene.manager, study=scene.study, image=image, label_class=key, caption="A clear lumen"
    )


def _accepted(scene: Scene) -> SyntheticImage:
    answer = scene.submit(scene.claim()[0], GLAND)
    scene.accept(answer)
    return present(answer.read.item.synthetic_image)


def test_a_reader_sees_the_picture_and_nothing_that_leads_to_the_image():
    scene = Scene(2)
    [image] = _spare(scene)
    body = {"image": str(image.pk), "label_class": "gland", "caption": "A clear lumen"}
    made = _client(scene.manager).post(
        _url(scene), body, format="json", headers={"Idempotency-Key": "exemplar-1"}
    )
    assert made.status_code == 201
    reader = _client(scene.reader)
    reply = reader.get(_url(scene))
    [told] = reply.json()["results"]
    assert set(told) == {"id", "label_class", "caption", "pixels_url"}
    assert (told["label_class"], told["caption"]) == ("gland", "A clear lumen")
    pixels = reader.get(told["pixels_url"])
    assert (pixels["X-Image-Width"], len(pixels.content)) == (str(SIZE), SIZE * SIZE)
    everything = reply.content + repr(dict(pixels.headers)).encode()
    for secret in (image.pk, image.batch_id, image.digest, image.pixel_digest, image.seed):
        assert str(secret).encode() not in everything
    assert reader.get(f"/api/v1/images/{image.pk}/file").status_code == 404


def test_nobody_outside_the_study_sees_it_and_only_its_managers_choose():
    scene = Scene(2)
    row = _add(scene, _spare(scene)[0])
    stranger = _client(make_clinician())
    assert stranger.get(_url(scene)).status_code == 404
    assert stranger.get(_url(scene, f"/{row.pk}/pixels")).status_code == 404
    assert _client(scene.reader).delete(_url(scene, f"/{row.pk}")).status_code == 403
    with pytest.raises(NotAllowed):
        _add(scene, _spare(scene)[0], actor=scene.reader)
    assert _client(scene.manager).delete(_url(scene, f"/{row.pk}")).status_code == 204
    assert not scene.study.exemplars.exists()
    told = AuditEvent.objects.filter(chain=study_chain(scene.study), action__startswith="study.exemplar")
    assert list(told.order_by("pk").values_list("action", flat=True)) == [
        "study.exemplar_added", "study.exemplar_removed",
    ]  # fmt: skip


def test_an_exemplar_of_one_study_is_not_found_in_another():
    scene, other = Scene(1), Scene(1)
    row = _add(scene, _spare(scene)[0])
    assert _client(other.manager).get(_url(other, f"/{row.pk}/pixels")).status_code == 404
    assert _client(other.manager).delete(_url(other, f"/{row.pk}")).status_code == 404


def test_what_somebody_will_read_is_no_exemplar_and_what_is_accepted_can_be():
    scene = Scene(2)
    waiting = present(scene.study.items.order_by("pk")[0].synthetic_image)
    with pytest.raises(Conflict, match="reads this image still"):
        _add(scene, waiting)
    image = _accepted(scene)
    assert image in exemplar_candidates(scene.study, scene.manager)
    _add(scene, image)
    with pytest.raises(Conflict) as refusal:
        _add(scene, image)
    assert refusal.value.code == "exemplar_known"


def test_an_accepted_image_that_comes_back_to_be_read_again_is_no_exemplar():
    scene = Scene(1)
    image = _accepted(scene)
    plan_read(scene.study.items.get(), ReadKind.REPEAT)
    assert image not in exemplar_candidates(scene.study, scene.manager)
    with pytest.raises(Conflict):
        _add(scene, image)


def test_filling_leaves_an_exemplar_out():
    scene = Scene(1)
    shown, free = _spare(scene, 2)
    _add(scene, shown)
    filled = filling.fill_study(actor=scene.manager, study=scene.study, batches=[shown.batch])
    assert (filled.added, filled.known) == (1, 1)
    assert not Read.objects.filter(item__synthetic_image=shown).exists()
    assert Read.objects.filter(item__synthetic_image=free).exists()


@pytest.mark.parametrize(
    ("wishes", "code"),
    [
        ({"caption": "  "}, "exemplar_caption"),
        ({"caption": "x" * 201}, "exemplar_caption"),
        ({"label_class": "lung"}, "exemplar_class"),
    ],
)
def test_an_exemplar_needs_a_caption_and_a_class(wishes, code):
    scene = Scene(1)
    usual = {"image": _spare(scene)[0], "label_class": "gland", "caption": "x"}
    with pytest.raises(InvalidInput) as refusal:
        add_exemplar(actor=scene.manager, study=scene.study, **{**usual, **wishes})
    assert refusal.value.code == code


def test_only_released_images_of_the_studys_data_set_are_taken():
    scene = Scene(1)
    [unreleased] = _spare(scene, released=False)
    foreign = make_batch(make_dataset(scene.manager), 1).images.get()
    for image in (unreleased, foreign):
        with pytest.raises(DomainError) as refusal:
            _add(scene, image)
        assert refusal.value.code == "exemplar_image"
    assert list(exemplar_candidates(scene.study, scene.manager)) == []
    GateDecision.objects.create(
        batch=unreleased.batch, decision=Decision.RELEASED, decided_by=scene.manager, reason="test"
    )
    assert list(exemplar_candidates(scene.study, scene.manager)) == [unreleased]


def test_a_real_image_is_not_found():
    scene = Scene(1)
    real = present(scene.dataset.images.first())
    body = {"image": str(real.pk), "label_class": "gland", "caption": "x"}
    reply = _client(scene.manager).post(
        _url(scene), body, format="json", headers={"Idempotency-Key": "exemplar-2"}
    )
    assert reply.status_code == 404
