"""How much is left for one reader."""

from __future__ import annotations

import pytest

from annotation.services.progress import PACE_FROM, reader_progress
from tests.annotation.factories import GLAND, Scene

pytestmark = pytest.mark.django_db


def test_time_left_is_told_when_there_are_enough_answers_to_tell_it_from():
    scene = Scene(12)
    for answered in range(1, PACE_FROM):
        scene.submit(scene.claim()[0], GLAND)
        assert reader_progress(scene.reader, scene.study).as_json() == {
            "done": answered, "total": 12, "eta_seconds": None,
        }  # fmt: skip
    scene.submit(scene.claim()[0], GLAND)
    # Seven images are left at 4.5 + 0.5 seconds each.
    assert reader_progress(scene.reader, scene.study).eta_seconds == 7 * 5
