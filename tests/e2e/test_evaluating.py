"""Whoever owns a data set reads a report, looks at a flagged pair, compares, and sets a threshold."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from evaluation.models import CopyReview, Evaluation, GatePolicy
from evaluation.services import gating
from generation.models import Dataset
from synthlab.core.models import AuditEvent
from tests.e2e.test_accessibility import violations
from tests.evaluation.factories import add_numbers, flag_as_copy, make_evaluation, make_image_set
from tests.generation.factories import make_batch, make_dataset, make_generator
from tests.present import present


def two_reports() -> tuple[Dataset, Evaluation]:
    """A measured batch with one flagged image, and another generator's batch that was measured alike."""
    dataset = make_dataset(per_split=4)
    batch = make_batch(generator=make_generator(dataset=dataset), count=4)
    evaluation = flag_as_copy(
        present(batch.images.first()), present(dataset.images.first()), "copy"
    ).evaluation
    elsewhere = make_batch(generator=make_generator(dataset=dataset))
    add_numbers(evaluation, classes=("gland", "stroma"))
    add_numbers(make_evaluation(image_set=make_image_set(batch=elsewhere)), scale=2.0)
    return dataset, evaluation


def cut_off(page: Page) -> list[str]:
    """Cells of the report's numbers that do not lie wholly inside the paper or the window."""
    found: list[str] = page.locator(".report-lines td").evaluate_all(
        "cells => cells.filter(cell => cell.getBoundingClientRect().right > innerWidth || !cell.getClientRects().length)"
        ".map(cell => cell.dataset.label ?? 'line')"
    )
    return found


def test_a_report_is_read_a_pair_cleared_and_two_generators_compared(visit):
    dataset, evaluation = two_reports()
    owner = visit()
    owner.log_in(dataset.owner)
    page = owner.open(f"/evaluations/{evaluation.pk}/")
    expect(page.get_by_role("heading", level=2, name="Too little real data to say")).to_be_visible()
    expect(page.get_by_text("1 image looks like a copy")).to_be_visible()
    expect(page.locator(".histogram .bar")).to_have_count(3)
    expect(page.locator(".past")).to_have_count(2)
    assert violations(owner) == []
    owner.picture("report")

    for media, width in (("print", 720), ("screen", 390)):
        page.emulate_media(media=media)
        page.set_viewport_size({"width": width, "height": 1000})
        assert cut_off(page) == [], f"numbers beyond the edge on {media}"
        expect(page.locator(".report-lines details p").first).to_be_visible(visible=media == "print")
    page.emulate_media(media="screen")
    page.set_viewport_size({"width": 1280, "height": 800})

    page.get_by_role("link", name="See the nearest pairs").click()
    expect(page.locator(".pair-images img")).to_have_count(2)
    assert AuditEvent.objects.filter(action="real_images.viewed").count() == 1
    assert violations(owner) == []
    page.get_by_label("Decision on image").select_option("cleared")
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_text("Say why it is no copy")).to_be_visible()
    page.get_by_label("Reason").fill("Another gland.")
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_text("cleared", exact=True)).to_be_visible()
    assert CopyReview.objects.get().reviewed_by == dataset.owner
    owner.picture("pairs")

    page = owner.open(f"/evaluations/{evaluation.pk}/")
    expect(page.get_by_text("like a copy")).to_have_count(0)
    page.get_by_role("button", name="Side by side").click()
    expect(page.get_by_role("heading", level=1, name="Side by side")).to_be_visible()
    expect(page.get_by_text("intervals do not meet").first).to_be_visible()
    assert violations(owner) == []
    owner.picture("compare")
    owner.expect_complaint("status of 422")


def test_thresholds_are_saved_as_a_version_and_an_empty_one_is_not_judged(visit):
    dataset = make_dataset(per_split=4)
    gating.default_policy()
    owner = visit()
    owner.log_in(dataset.owner)
    page = owner.open("/gate-policies/")
    expect(page.get_by_text("provisional", exact=True)).to_be_visible()
    page.get_by_text("Set its thresholds").click()
    assert violations(owner) == []
    page.get_by_label("Name").fill("strict")
    page.locator("[name='thresholds.fd_ratio_max']").fill("1.25")
    page.locator("[name='thresholds.copies_share_max']").fill("")
    page.get_by_role("button", name="Save version 1").click()
    expect(page.get_by_role("heading", level=1, name="strict v1")).to_be_visible()
    saved = GatePolicy.objects.get(name="strict").thresholds
    assert (saved["fd_ratio_max"], saved["copies_share_max"], saved["coverage_ratio_min"]) == (
        1.25,
        None,
        0.8,
    )
    assert violations(owner) == []
    owner.picture("policy")
