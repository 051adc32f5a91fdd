"""What clinicians said about a batch stands in the report of its evaluation."""

from __future__ import annotations

import pytest
from django.urls import reverse

from annotation.services.acceptance import acceptance_in_studies
from evaluation.services.clinicians import Share, acceptance_of
from tests.annotation.factories import DISCARDED, GLAND, Scene, add_control
from tests.evaluation.factories import make_evaluation, make_image_set
from tests.factories import client_of
from tests.present import present

pytestmark = pytest.mark.django_db


def test_accepted_of_decided_with_an_interval_and_the_reasons_of_the_others():
    scene = Scene(4, approval_policy="as_read")
    evaluation = make_evaluation(image_set=make_image_set(batch=scene.batch))
    url = reverse("evaluation-page", args=[evaluation.pk])
    owner = client_of(scene.manager)
    assert acceptance_of(evaluation.image_set) is None
    assert "No clinician has decided" in owner.get(url).content.decode()
    for answer in (GLAND, GLAND, DISCARDED):
        scene.submit(scene.claim()[0], answer)
    found = acceptance_in_studies(evaluation.image_set)
    assert (found.judged, found.accepted, found.reasons) == (3, 2, (("Artefact", 1),))
    low, high = found.interval
    assert 0.2 < low < found.share < high < 0.95
    page = owner.get(url).content.decode()
    assert "2 of 3" in page
    assert "Artefact" in page
    assert "Wilson" in page
    assert "nothing to hold this against" in page
    elsewhere = make_evaluation()
    assert acceptance_of(elsewhere.image_set) is None


def test_the_twin_is_the_real_images_hidden_in_the_same_studies():
    scene = Scene(2, approval_policy="as_read")
    evaluation = make_evaluation(image_set=make_image_set(batch=scene.batch))
    add_control(scene)
    add_control(Scene(1))
    scene.answer_all(GLAND)
    found = present(acceptance_of(evaluation.image_set))
    assert (found.judged, found.accepted, found.real) == (2, 2, Share(1, 1))
    told = found.as_json()
    assert told["real"]["interval"] == Share(1, 1).interval
    assert told["method"] == "Wilson"
    page = client_of(scene.manager).get(reverse("evaluation-page", args=[evaluation.pk])).content.decode()
    assert "1 of 1" in page
