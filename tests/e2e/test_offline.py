"""No answer is lost on its way: the line goes, the login ends, the page is loaded again."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from tests.e2e.browsing import Workbench
from tests.e2e.scenery import NORMAL, STROMA, OpenStudy

pytestmark = pytest.mark.both_databases


def start(scene: OpenStudy, visit) -> Workbench:
    visitor = visit()
    visitor.log_in(scene.reader)
    visitor.open(scene.reading_path)
    bench = Workbench(visitor)
    bench.wait_for_image()
    return bench


def test_answers_given_offline_arrive_once_after_a_reload(scene: OpenStudy, visit):
    bench = start(scene, visit)
    visitor, page = bench.visitor, bench.page
    visitor.expect_complaint("ERR_INTERNET_DISCONNECTED")
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


def test_an_answer_given_after_the_session_ended_arrives_after_the_next_login(scene: OpenStudy, visit):
    bench = start(scene, visit)
    visitor, page = bench.visitor, bench.page
    visitor.expect_complaint("status of 40[13]")
    page.wait_for_load_state("networkidle")
    Session.objects.all().delete()
    visitor.press("4", "Enter")
    dialog = page.get_by_role("dialog", name="Your login has ended")
    expect(dialog).to_be_visible(timeout=15_000)
    visitor.picture("login-ended")
    assert scene.answers() == []

    visitor.log_in(scene.reader)
    dialog.get_by_role("button", name="I have logged in").click()
    expect(dialog).to_be_hidden()
    bench.wait_until_saved()
    assert [answer.classes for answer in scene.answers()] == [[NORMAL]]


def test_another_person_at_the_same_computer_does_not_send_the_first_ones_answer(scene: OpenStudy, visit):
    bench = start(scene, visit)
    visitor, page = bench.visitor, bench.page
    visitor.expect_complaint("ERR_INTERNET_DISCONNECTED")
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
