"""A reader looks back, takes an answer up again, and corrects what the server refused."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from annotation.models import Annotation, Read, ReadState
from annotation.services import studies
from tests.e2e.scenery import GLAND, STROMA, OpenStudy
from tests.e2e.test_accessibility import violations
from tests.present import present


@pytest.mark.both_databases
def test_an_own_answer_is_reopened_by_keys_and_the_new_one_counts(scene: OpenStudy, visit):
    first, last = scene.answer_next(), scene.answer_next()
    bench = scene.sit_down(visit())
    visitor, page = bench.visitor, bench.page
    expect(page.locator("#wb-count")).to_have_text("2 / 8")
    visitor.press("4", "h")
    panel = page.get_by_role("region", name="Your answers")
    rows = panel.get_by_role("listitem")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("DAB-positive gland")
    expect(rows.first.locator("svg path")).to_have_count(1)
    visitor.picture("own-answers")
    assert violations(visitor) == []
    visitor.press("Enter")  # the newest one's button has the focus
    expect(panel).to_be_hidden()
    bench.wait_for_image()
    expect(page.locator("#wb-classes [aria-pressed=true]")).to_contain_text("DAB-positive gland")
    expect(page.locator("#wb-count")).to_have_text("1 / 8")
    visitor.press("3", "Enter")
    bench.wait_for_toast("Submitted: Stroma")
    bench.wait_for_image()
    # What lay on the table lies there again, as it was left.
    expect(page.locator("#wb-classes [aria-pressed=true]")).to_contain_text("Normal")
    bench.wait_until_saved()
    assert Read.objects.get(pk=last.read_id).state == ReadState.RETURNED
    assert [answer.classes for answer in scene.answers() if answer.read.state == ReadState.SUBMITTED] == [
        first.classes,
        [STROMA],
    ]


def test_a_closed_study_takes_what_is_in_hand_and_lets_it_be_reopened_once_it_is_open_again(visit):
    scene = OpenStudy(images=1)
    bench = scene.sit_down(visit())
    studies.close_study(actor=scene.manager, study=scene.study)
    bench.visitor.press("x", "2")
    expect(bench.page.locator("#wb-empty")).to_contain_text("This study is closed")
    bench.wait_until_saved()
    assert len(scene.answers()) == 1
    panel = bench.page.get_by_role("region", name="Your answers")
    bench.visitor.press("h")
    expect(panel).to_contain_text("Closed")
    bench.visitor.picture("closed")

    studies.open_study(actor=scene.manager, study=scene.study)
    bench.visitor.press("h", "h")
    panel.get_by_role("button", name="Reopen: Discarded: Blurred or smeared").click()
    bench.wait_for_image()
    notice = bench.page.locator("#wb-notice")
    expect(notice).to_have_text(
        "You had discarded it: Blurred or smeared. Label it now, or discard it again."
    )


@pytest.mark.both_databases
def test_what_the_server_refuses_comes_back_with_the_reason_at_its_field(scene: OpenStudy, visit):
    bench = scene.sit_down(visit())
    visitor, page = bench.visitor, bench.page
    visitor.expect_complaint("status of 422")
    # The page lets nothing wrong out; a corner is bent on its way, as an old page or a broken one might.

    def spoil(route: Route) -> None:
        body = present(route.request.post_data_json)
        body["regions"][0]["geometry"]["width"] = 4000
        route.continue_(post_data=body)

    page.route("**/submit", spoil)
    visitor.press("1", "b", "Enter", "Enter")
    bench.wait_for_image()
    bench.saved.click()
    bench.wait_for_toast("The server did not take an answer")
    expect(bench.saved).to_have_text("1 not taken")
    page.unroute("**/submit")
    page.locator("#toasts").get_by_role("button", name="Look").click()
    page.get_by_role("dialog", name="Answers the server did not take").get_by_role(
        "button", name="Correct it"
    ).click()
    expect(page.locator("#wb-regions-error")).to_contain_text("Mark 1: The box ends outside the image")
    expect(page.locator("#wb-regions .wb-region[aria-pressed=true]")).to_have_count(1)
    visitor.picture("refused")
    assert Annotation.objects.filter(is_final=True).count() == 0
    visitor.press("Enter")
    bench.wait_for_toast("Submitted: DAB-positive gland")
    bench.wait_until_saved()
    [answer] = scene.answers()
    assert (answer.classes, answer.regions.count()) == ([GLAND], 1)
