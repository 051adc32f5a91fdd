"""A second person accepts and returns by the keyboard, points at a place, and accepts many at once.

What was returned comes back to its reader, with the pin where the reviewer put it.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from annotation.models import Item, ItemState, Review
from tests.e2e.browsing import Visitor
from tests.e2e.scenery import BOXED, GLAND, IMAGE, OpenStudy
from tests.e2e.test_accessibility import violations

NOTE = "The box cuts the gland: please take all of it."


@pytest.mark.both_databases
def test_a_reviewer_accepts_one_and_returns_one_which_its_reader_sees_again(scene: OpenStudy, visit):
    first, second = scene.answer_next(), scene.answer_next()
    reviewer = visit()
    reviewer.log_in(scene.reviewer)
    page = reviewer.open(f"/studies/{scene.study.pk}/review/")
    left = page.locator("#review-left")
    expect(left).to_have_text("2")
    expect(page.locator("#review-answers")).to_contain_text("DAB-positive gland")
    expect(page.locator("#review-marks polygon.mark")).to_have_count(1)
    reviewer.press("a")
    expect(left).to_have_text("1")

    place = return_with_a_pin(reviewer)

    assert Review.objects.get(verdict="return").point == place
    verdicts = {review.annotation_id: review.verdict for review in Review.objects.all()}
    assert verdicts in ({first.pk: "accept", second.pk: "return"}, {first.pk: "return", second.pk: "accept"})
    assert Item.objects.filter(study=scene.study, state=ItemState.ACCEPTED).count() == 1

    bench = scene.sit_down(visit())
    reader, page = bench.visitor, bench.page
    expect(page.locator("#wb-notice")).to_contain_text(NOTE)
    expect(page.locator("#viewer .pin")).to_be_visible()
    reader.picture("returned")
    reader.press("4", "Enter")
    bench.wait_for_toast("Submitted: Normal")
    bench.wait_until_saved()
    assert [answer.classes for answer in scene.answers()] == [[GLAND], [GLAND], ["normal"]]


def return_with_a_pin(reviewer: Visitor) -> dict[str, float]:
    """Return the reading that is shown, by keys alone; where the pin was put."""
    page = reviewer.page
    # Without a reason nothing is returned.
    reviewer.press("r")
    expect(page.locator("#review [data-problem]")).to_contain_text("Say why")
    expect(page.locator("#review-comment")).to_be_focused()
    page.keyboard.type(NOTE)
    # Typing is no command; after Escape the keys mean what they say: a pin in the middle, then moved.
    expect(page.locator("#review-pinned")).to_be_hidden()
    reviewer.press("Escape", "p", "ArrowLeft", "ArrowLeft", "Shift+ArrowDown")
    place = {"x": IMAGE / 2 - 2, "y": IMAGE / 2 + 8}
    expect(page.locator("#review-pin-text")).to_have_text(
        f"Pinned at {place['x']:g}, {place['y']:g} of {IMAGE} × {IMAGE}."
    )
    expect(page.locator("#review-pin .pin")).to_be_visible()
    reviewer.picture("review")
    reviewer.press("r")
    expect(page.get_by_text("Nothing to review")).to_be_visible()
    return place


def test_a_reviewer_pins_by_mouse_and_accepts_what_the_filters_choose_after_being_told_how_many(
    scene: OpenStudy, visit
):
    for _ in range(2):
        scene.answer_next()
    scene.answer_next({**BOXED, "classes": ["normal"], "regions": []})
    reviewer = visit()
    reviewer.log_in(scene.reviewer)
    page = reviewer.open(f"/studies/{scene.study.pk}/review/?class={GLAND}")
    expect(page.locator("#review-left")).to_have_text("2")
    assert violations(reviewer) == []

    frame = page.locator("#review-frame")
    box = frame.bounding_box()
    assert box is not None
    frame.click(position={"x": box["width"] / 4, "y": box["height"] / 2})
    expect(page.locator("#review-pin-text")).to_have_text(
        f"Pinned at {IMAGE / 4:g}, {IMAGE / 2:g} of {IMAGE} × {IMAGE}."
    )
    reviewer.press("a")
    expect(page.locator("#review [data-problem]")).to_contain_text("A pin needs words")
    reviewer.press("Escape", "Delete")
    expect(page.locator("#review-pinned")).to_be_hidden()

    together = page.get_by_role("button", name="Accept these 2 answers together")
    together.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Accept 2 answers without looking at each?")
    # In the question a key for the page behind it does nothing.
    reviewer.press("a")
    reviewer.picture("review-together")
    # Meanwhile one more came in: what was confirmed is not what is there.
    scene.answer_next()
    dialog.get_by_role("button", name="Accept these 2 answers together").click()
    expect(page.get_by_text("now they are 3, or others")).to_be_visible()
    reviewer.expect_complaint("409")
    assert not Review.objects.exists()
    page.reload()
    page.get_by_role("button", name="Accept these 3 answers together").click()
    page.get_by_role("dialog").get_by_role("button", name="Accept these 3").click()
    expect(page.get_by_text("Nothing fits these filters")).to_be_visible()
    assert Item.objects.filter(study=scene.study, state=ItemState.ACCEPTED).count() == 3
    assert Item.objects.filter(study=scene.study, state=ItemState.REVIEW).count() == 1
