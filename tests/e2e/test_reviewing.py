"""A second person accepts and returns by the keyboard; what was returned comes back to its reader."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from annotation.models import Item, ItemState, Review
from tests.e2e.browsing import Workbench
from tests.e2e.scenery import GLAND, OpenStudy

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

    # Without a reason nothing is returned.
    reviewer.press("r")
    expect(page.locator("#review [data-problem]")).to_contain_text("Say why")
    expect(page.locator("#review-comment")).to_be_focused()
    page.keyboard.type(NOTE)
    reviewer.picture("review")
    reviewer.press("Escape", "r")
    expect(page.get_by_text("Nothing to review")).to_be_visible()

    verdicts = {review.annotation_id: review.verdict for review in Review.objects.all()}
    assert sorted(verdicts.values()) == ["accept", "return"]
    assert set(verdicts) == {first.pk, second.pk}
    assert Item.objects.filter(study=scene.study, state=ItemState.ACCEPTED).count() == 1

    reader = visit()
    reader.log_in(scene.reader)
    page = reader.open(scene.reading_path)
    bench = Workbench(reader)
    bench.wait_for_image()
    expect(page.locator("#wb-notice")).to_contain_text(NOTE)
    reader.picture("returned")
    reader.press("4", "Enter")
    bench.wait_for_toast("Submitted: Normal")
    bench.wait_until_saved()
    assert [answer.classes for answer in scene.answers()] == [[GLAND], [GLAND], ["normal"]]
