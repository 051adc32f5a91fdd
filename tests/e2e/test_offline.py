"""No answer is lost on its way: the line goes, the login ends, the page is loaded again."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from tests.e2e.scenery import NORMAL, STROMA, OpenStudy
from tests.e2e.test_accessibility import violations
from tests.factories import PASSWORD

pytestmark = pytest.mark.both_databases


def test_answers_given_offline_arrive_once_after_a_reload(scene: OpenStudy, visit):
    bench = scene.sit_down(visit())
    visitor, page = bench.visitor, bench.page
    visitor.expect_complaint("ERR_INTERNET_DISCONNECTED")
    # Sent before the reload, and again after it while the first is still being taken.
    visitor.expect_complaint("status of 409")
    page.wait_for_load_state("networkidle")  # the next images are in memory
    visitor.context.set_offline(True)
    visitor.press("4", "Enter")
    bench.wait_for_toast("Submitted: Normal")
    bench.wait_for_image()
    visitor.press("3", "Enter")
    bench.wait_for_toast("Submitted: Stroma")
    expect(bench.saved).to_contain_text("Offline, 2 waiting")
    visitor.picture("offline")
    assert scene.answers() == []

    visitor.context.set_offline(False)
    page.reload()
    bench.wait_for_image()
    bench.wait_until_saved()
    assert [answer.classes for answer in scene.answers()] == [[NORMAL], [STROMA]]


def test_an_answer_given_after_the_session_ended_arrives_after_a_login_in_the_dialog(product_hasher, visit):
    scene = OpenStudy()
    bench = scene.sit_down(visit())
    visitor, page = bench.visitor, bench.page
    visitor.expect_complaint("status of 40[13]")
    page.wait_for_load_state("networkidle")
    Session.objects.all().delete()
    visitor.press("4", "Enter")
    dialog = page.get_by_role("dialog", name="Your login has ended")
    expect(dialog).to_contain_text("1 answer waits in this browser")
    visitor.picture("login-ended")
    assert violations(visitor) == []
    assert scene.answers() == []

    password = dialog.get_by_label(f"Password of {scene.reader.username}")
    password.fill("not the password")
    visitor.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("This password is not right")
    password.fill(PASSWORD)
    visitor.press("Enter")
    expect(dialog).to_be_hidden()
    bench.wait_until_saved()
    assert [answer.classes for answer in scene.answers()] == [[NORMAL]]
    visitor.press("3", "Enter")  # the page goes on as if nothing had been
    bench.wait_for_toast("Submitted: Stroma")


def test_two_tabs_on_one_read_lose_nothing(scene: OpenStudy, visit):
    bench = scene.sit_down(visit())
    visitor, page = bench.visitor, bench.page
    visitor.expect_complaint("status of 409")  # both tabs may send what waits; the server takes it once
    visitor.press("1", "b", "Enter", "c")
    page.keyboard.type("from the first tab")
    page.wait_for_timeout(700)  # written within half a second
    other = visitor.context.new_page()
    other.goto(page.url)
    expect(other.locator("#wb-empty")).to_contain_text("You are reading in another tab")
    other.get_by_role("button", name="Read here instead").click()
    expect(page.locator("#wb-empty")).to_contain_text("You are reading in another tab")
    expect(other.locator("#wb-comment")).to_have_value("from the first tab")
    expect(other.locator("#wb-regions")).to_contain_text("Box")
    other.locator("#viewer").focus()
    other.keyboard.press("4")
    other.keyboard.press("Enter")
    expect(other.locator("#toasts")).to_contain_text("Submitted: Normal")
    other.locator("#wb-saved").click()
    expect(other.locator("#wb-saved")).to_have_text("All saved")
    [answer] = scene.answers()
    assert (answer.classes, answer.comment) == ([NORMAL], "from the first tab")
    page.keyboard.press("3")  # the first tab has nothing on its table that could be written over it
    page.keyboard.press("Enter")
    page.wait_for_timeout(200)
    assert len(scene.answers()) == 1


def test_another_person_at_the_same_computer_does_not_send_the_first_ones_answer(scene: OpenStudy, visit):
    bench = scene.sit_down(visit())
    visitor, page = bench.visitor, bench.page
    visitor.expect_complaint("ERR_INTERNET_DISCONNECTED")
    visitor.expect_complaint("status of 401")  # the page may ask between the line's return and the next login
    visitor.context.set_offline(True)
    visitor.press("4", "Enter")
    bench.wait_for_toast("Submitted: Normal")
    visitor.context.clear_cookies()
    visitor.context.set_offline(False)
    visitor.log_in(scene.second)
    page.reload()
    bench.wait_for_toast("1 unsent answer of another person is kept in this browser")
    bench.wait_for_image()
    assert scene.answers() == []

    visitor.context.clear_cookies()
    visitor.log_in(scene.reader)
    page.reload()
    bench.wait_for_image()
    bench.wait_until_saved()
    [answer] = scene.answers()
    assert (answer.author, answer.classes) == (scene.reader, [NORMAL])
