"""The size of a pixel belongs to the study: readers see a scale bar, the same for every image."""

from __future__ import annotations

import json
import re

import pytest
from django.db import IntegrityError, transaction

from annotation.models import Study
from tests.annotation.calls import API, post
from tests.annotation.factories import Scene, make_schema
from tests.factories import client_of

pytestmark = pytest.mark.django_db


def test_a_study_is_made_with_the_size_of_its_pixels_and_its_readers_get_it():
    scene = Scene(1)
    body = {"title": "Glands", "schema": str(make_schema(scene.manager).pk), "pixel_size_um": 0.5}
    made = post(client_of(scene.manager), f"{API}/studies", body)
    assert (made.status_code, made.json()["pixel_size_um"]) == (201, 0.5)
    Study.objects.filter(pk=scene.study.pk).update(pixel_size_um=0.25)
    page = client_of(scene.reader).get(f"/studies/{scene.study.pk}/read/").content.decode()
    found = re.search(r'<script id="workbench-data" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    assert json.loads(found[1])["study"]["pixel_size_um"] == 0.25


@pytest.mark.parametrize("size", [0, -1, 100_001])
def test_a_size_that_cannot_be_is_refused_with_its_field(size: float):
    scene = Scene(1)
    body = {"title": "Glands", "schema": str(make_schema(scene.manager).pk), "pixel_size_um": size}
    refused = post(client_of(scene.manager), f"{API}/studies", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "pixel_size_out_of_range")
    assert refused.json()["detail"].startswith("pixel_size_um: ")


def test_the_database_refuses_a_pixel_without_a_side():
    scene = Scene(1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Study.objects.filter(pk=scene.study.pk).update(pixel_size_um=0)
