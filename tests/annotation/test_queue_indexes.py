"""A claim looks at few rows however long the queue is and however many the reader has read; so does what tells how much is left."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from annotation.services import progress
from annotation.services.progress import PACE_FROM, reader_progress
from annotation.services.queue import claim_reads
from tests.annotation.factories import GLAND, Scene
from tests.present import present

pytestmark = pytest.mark.django_db


@pytest.fixture
def plans() -> Iterator[list[str]]:
    """How SQLite goes about each statement on reads from now on."""
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL reads a small table whole")
    found: list[str] = []

    def note(execute, sql, params, many, context):
        if '"annotation_read"' in sql and sql.startswith("SELECT"):
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
                found.extend(str(row[-1]) for row in cursor.fetchall())
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield found


def test_no_search_goes_by_the_study_or_the_reader_alone(plans):
    scene = Scene(PACE_FROM + 2)
    for _ in range(PACE_FROM):
        scene.submit(scene.claim()[0], GLAND)
    plans.clear()
    claim_reads(reader=scene.reader, study=scene.study, count=1)
    assert reader_progress(scene.reader, scene.study).eta_seconds is not None
    walks = [plan for plan in plans if plan.startswith(("SEARCH annotation_read ", "SCAN annotation_read"))]
    assert len(walks) >= 5
    of_a_reader_alone = "read_by_reader (reader_id=?)"
    of_a_study_alone = ("(study_id=?)", "annotation_read_study_id")
    for plan in plans:
        assert not plan.startswith("SCAN annotation_read"), plan
        assert of_a_reader_alone not in plan
        assert not (
            plan.startswith("SEARCH annotation_read ") and any(end in plan for end in of_a_study_alone)
        ), plan
    for index in ("read_leases_by_study", "read_open_by_shuffle", "read_by_item", "read_by_submission"):
        assert any(index in plan for plan in plans), index


def test_a_long_queue_is_counted_once_a_minute_and_a_short_one_each_time(monkeypatch):
    monkeypatch.setattr(progress, "COUNTED_AT_ONCE", 3)
    scene = Scene(7)

    def told() -> tuple[int, int]:
        now = reader_progress(scene.reader, scene.study)
        return now.done, now.total

    assert told() == (0, 7)
    present(scene.study.reads.filter(state="open").first()).delete()
    scene.submit(scene.claim()[0], GLAND)
    assert told() == (1, 7), "five are left: the total of a minute ago stands"
    scene.submit(scene.claim()[0], GLAND)
    scene.submit(scene.claim()[0], GLAND)
    assert told() == (3, 6), "three are left, and counted"
