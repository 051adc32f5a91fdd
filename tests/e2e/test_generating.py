"""A data scientist starts, stops, judges and shares from the pages: each form reaches the API and shows its answer."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from generation.models import GeneratorState, Training
from synthlab.core.jobs import execute
from synthlab.core.models import Job
from tests.factories import make_scientist
from tests.generation.factories import make_batch, make_dataset, make_generator


def confirm(page: Page) -> None:
    page.locator("dialog[open] button").last.click()


def state_of(page: Page, word: str) -> None:
    expect(page.locator(".page-head .badge", has_text=word)).to_be_visible()


def test_a_training_is_started_paused_resumed_and_cancelled(visit: Any) -> None:
    dataset = make_dataset(per_split=10)
    scientist = visit()
    scientist.log_in(dataset.owner)
    page = scientist.open(f"/datasets/{dataset.pk}/")
    page.get_by_label("Length").select_option("quick")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("heading", level=1, name="Training")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Cancel").click()
    confirm(page)
    state_of(page, "cancelled")
    run = Training.objects.get()
    assert (run.config["steps"], Job.objects.count()) == (400, 2)
    scientist.picture("training")


def test_a_batch_is_asked_for_and_one_is_released_with_a_reason(visit: Any) -> None:
    batch = make_batch(generator=make_generator(dataset=make_dataset(per_split=4)))
    generator = batch.generator
    scientist = visit()
    scientist.expect_complaint("422")
    scientist.log_in(batch.requested_by)
    page = scientist.open(f"/generators/{generator.pk}/")
    page.get_by_label("Images").fill("5000")
    page.get_by_role("button", name="Make the batch").click()
    expect(page.locator("[data-problem]:visible")).to_contain_text("at most 2,000")
    page.get_by_label("Images").fill("10")
    page.get_by_role("button", name="Make the batch").click()
    page.get_by_role("button", name="Cancel").click()
    confirm(page)
    state_of(page, "cancelled")

    scientist.open(f"/batches/{batch.pk}/")
    page.get_by_text("Decide yourself").click()
    page.get_by_label("Reason").fill("demonstration: one slide")
    page.get_by_role("button", name="Decide", exact=True).click()
    state_of(page, "released")
    scientist.open(f"/generators/{generator.pk}/")
    page.get_by_label("Reason").fill("looked at 200 images")
    page.get_by_role("button", name="Approve").click()
    state_of(page, "approved")
    generator.refresh_from_db()
    assert generator.state == GeneratorState.APPROVED


def test_people_come_and_go(visit: Any) -> None:
    dataset, colleague = make_dataset(per_split=4), make_scientist()
    scientist = visit()
    scientist.log_in(dataset.owner)
    page = scientist.open(f"/datasets/{dataset.pk}/")
    page.get_by_text("Add a person").click()
    page.get_by_label("Person").select_option(label=str(colleague))
    page.get_by_role("button", name="Add", exact=True).click()
    row = page.locator("tr", has_text=str(colleague))
    expect(row).to_contain_text("no")
    row.get_by_role("button", name="Remove").click()
    confirm(page)
    expect(row).to_have_count(0)
    assert not dataset.members.filter(user=colleague).exists()


def test_an_upload_without_a_picture_is_told_by_the_names_that_the_tab_remembers(visit: Any) -> None:
    dataset = make_dataset()
    scientist = visit()
    scientist.log_in(dataset.owner)
    page = scientist.open(f"/datasets/{dataset.pk}/")
    words = {"name": "Doe Jane.png", "mimeType": "image/png", "buffer": b"words"}
    page.get_by_label("Images", exact=True).set_input_files([words])
    page.get_by_role("button", name="Upload and read").click()
    expect(page.get_by_text("Reading the upload")).to_be_visible()
    execute(str(Job.objects.get(kind="ingest").pk))
    expect(page.get_by_text("Nothing in this upload could be used").first).to_be_visible(timeout=20_000)
    page.get_by_role("link", name="Look at all 1").click()
    expect(page.get_by_text("Doe Jane.png")).to_be_visible()
    assert "Doe Jane" not in page.request.get(page.url).text()
