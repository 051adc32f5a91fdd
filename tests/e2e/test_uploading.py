"""A data scientist brings a real photograph and sees how it was divided."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from generation.models import Dataset, Group
from synthlab.core.jobs import execute
from synthlab.core.models import Job, JobState
from synthlab.demo.images import write_photograph
from tests.factories import make_scientist

NAME = "Colon, one slide"


def test_a_photograph_becomes_tiles_whose_split_the_page_shows(visit, tmp_path: Path):
    scientist = visit()
    scientist.log_in(make_scientist())
    page = scientist.open("/datasets/")
    page.get_by_label("Name", exact=True).fill(NAME)
    page.get_by_label("Licence").fill("No known copyright restrictions")
    page.get_by_role("button", name="Make the data set").click()
    expect(page.get_by_role("heading", level=1, name=NAME)).to_be_visible()

    page.get_by_label("Images", exact=True).set_input_files(write_photograph(tmp_path))
    page.get_by_label("Cut large pictures into tiles").select_option("64")
    page.get_by_label("Step between tiles").fill("32")
    page.get_by_role("button", name="Upload and read").click()
    expect(page.get_by_text("Reading the upload")).to_be_visible()

    job = Job.objects.get(kind="ingest")
    assert job.state == JobState.QUEUED
    execute(str(job.pk))
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED, job.error

    # The page notices by itself.
    expect(page.get_by_role("heading", name="Split")).to_be_visible(timeout=20_000)
    scientist.picture("split")
    dataset = Dataset.objects.get(name=NAME)
    rows = page.locator("section", has=page.get_by_role("heading", name="Split")).locator("tbody tr")
    shown = [tuple(text.split()[-2:]) for text in rows.all_inner_texts() if not text.startswith("All")]
    shown = [counts for counts in shown if counts != ("0", "0")]
    counted = [
        (
            str(dataset.images.filter(group__split=split).count()),
            str(dataset.groups.filter(split=split).count()),
        )
        for split in ("train", "val", "held_out")
        if Group.objects.filter(dataset=dataset, split=split).exists()
    ]
    assert sorted(shown) == sorted(counted)
    assert len(shown) >= 2
    assert "photograph" not in page.content()  # file names are identifiers and are kept nowhere
