"""A data scientist starts, stops, judges and shares from the pages: each form reaches the API and shows its answer."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.utils import timezone
from playwright.sync_api import Page, expect

from generation.models import (
    CostMeasurement,
    CostSource,
    Dataset,
    GeneratorState,
    Training,
    TrainingMetric,
    TrainingSample,
)
from generation.services import training
from synthlab.core.files import store_bytes
from synthlab.core.jobs import execute, request_cancel
from synthlab.core.models import Job
from synthlab.version import code_version
from tests.factories import make_scientist
from tests.generation.factories import make_batch, make_dataset, make_generator, picture, png


def confirm(page: Page) -> None:
    page.locator("dialog[open] button").last.click()


def state_of(page: Page, word: str) -> None:
    expect(page.locator(".page-head .badge", has_text=word)).to_be_visible()


def test_a_training_is_started_paused_resumed_and_cancelled(visit: Any) -> None:
    dataset = make_dataset(per_split=10)
    scientist = visit()
    scientist.log_in(dataset.owner)
    page = scientist.open(f"/datasets/{dataset.pk}/")
    page.get_by_role("link", name="Train a generator").click()
    page.get_by_label("quick").check()
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("heading", level=1, name="Training")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Cancel").click()
    confirm(page)
    state_of(page, "cancelled")
    run = Training.objects.get()
    assert (run.config["steps"], Job.objects.filter(kind="training").count()) == (400, 2)
    scientist.picture("training")


def with_two_classes(per_split: int) -> Dataset:
    dataset = make_dataset(per_split=per_split)
    for place, image in enumerate(dataset.images.order_by("group__key", "pk")):
        image.class_key = "benign" if place % 3 else "malignant"
        image.save(update_fields=["class_key"])
    return dataset


def measure_at_once() -> Job:
    """What the short lane's worker would leave behind."""
    job = Job.objects.get(kind="measurement")
    keys = {one["key"] for one in job.payload["configs"]}
    facts = {
        "device": "cpu",
        "dtype": "float32",
        "step_seconds": 0.5,
        "look_seconds": 1,
        "checkpoint_seconds": 1,
    }
    CostMeasurement.objects.bulk_create(
        CostMeasurement(
            key=key, threads=settings.TORCH_THREADS, code_version=code_version(), source=CostSource.MEASUREMENT,
            measured_at=timezone.now(), step_seconds_low=0.4, step_seconds_high=0.6, peak_bytes=2**30, **facts,
        )
        for key in keys
    )  # fmt: skip
    return job


def test_the_form_says_what_a_length_takes_and_what_a_class_lacks(visit: Any) -> None:
    dataset = with_two_classes(24)
    scientist = visit()
    scientist.expect_complaint("422")
    scientist.log_in(dataset.owner)
    page = scientist.open(f"/datasets/{dataset.pk}/train/")
    expect(page.get_by_text("A few steps are being measured")).to_be_visible()
    job = measure_at_once()
    request_cancel(actor=None, job=job)
    page.reload()
    expect(page.locator("[data-preset-time=quick]")).to_have_text(re.compile(r"^\d.* to .* min$"))
    expect(page.get_by_text("Measured in a few steps, just now, on cpu")).to_be_visible()

    page.get_by_label("With classes").check()
    page.get_by_label("Classes are shown").select_option("own")
    page.get_by_label("Share of malignant").fill("70")
    page.get_by_label("Share of benign").fill("20")
    page.get_by_role("button", name="Start training").click()
    expect(page.locator(".field-error")).to_contain_text("add up to 1")
    page.get_by_label("Share of benign").fill("30")
    expect(page.get_by_label("I know, and start all the same")).to_be_visible()
    page.get_by_role("button", name="Start training").click()
    expect(page.locator("[data-problem]:visible")).to_contain_text("near copies")
    page.get_by_label("I know, and start all the same").check()
    scientist.picture("training_form")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("heading", level=1, name="Training")).to_be_visible()
    run = Training.objects.get()
    assert run.config["class_targets"] == {"benign": 0.3, "malignant": 0.7}
    assert run.classes == ["benign", "malignant"]


def test_a_run_that_overfits_is_cloned_with_the_change_it_asks_for(visit: Any) -> None:
    dataset = make_dataset(per_split=10)
    config = {"r1_gamma": 0.2, "batch_size": 12}
    run = training.start_training(actor=dataset.owner, dataset=dataset, config=config, seed=3)
    run.warnings = [{"code": "overfitting", "detail": "It learns by heart.", "step": 1500}]
    run.save()
    grid = store_bytes(png(picture(1)))
    for step in (250, 500, 750):
        TrainingSample.objects.create(training=run, step=step, digest=grid.digest)
        TrainingMetric.objects.create(training=run, step=step, name="monitor_kid_pixels", value=1 / step)
        TrainingMetric.objects.create(training=run, step=step, name="g_loss", value=0.1)
    scientist = visit()
    scientist.log_in(dataset.owner)
    page = scientist.open(f"/trainings/{run.pk}/")
    expect(page.locator("[data-now-best]")).to_have_text("0.00133 at step 750")
    slider = page.get_by_role("slider")
    expect(slider).to_have_attribute("aria-valuetext", "step 750")
    slider.press("ArrowLeft")
    expect(page.locator("[data-sample-step]")).to_have_text("500")
    page.get_by_role("button", name="Play").click()
    expect(page.locator("[data-sample-step]")).to_have_text("750")
    page.get_by_role("link", name="Clone with r1_gamma 1").click()
    expect(page.get_by_label("R1 penalty")).to_have_value("1")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("heading", level=2, name="Cloned from")).to_be_visible()
    clone = Training.objects.get(cloned_from=run)
    assert (clone.config["r1_gamma"], clone.config["batch_size"], clone.seed) == (1.0, 12, 3)
    row = page.locator("tr", has_text="r1_gamma")
    expect(row).to_contain_text("0.2")
    scientist.picture("clone")


def test_a_batch_is_asked_for_and_one_is_released_with_a_reason(visit: Any) -> None:
    batch = make_batch(generator=make_generator(dataset=make_dataset(per_split=4)))
    generator = batch.generator
    scientist = visit()
    scientist.expect_complaint("422")
    scientist.log_in(batch.requested_by)
    page = scientist.open(f"/generators/{generator.pk}/")
    page.get_by_label("Images").fill("1999")  # beside the four that stand
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
