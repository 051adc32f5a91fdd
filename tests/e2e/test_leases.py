"""The time with an image runs out: the reader is told before, keeps it by a key, and is told when somebody else has it."""

from __future__ import annotations

import re

import pytest
from django.db.models.functions import Now
from playwright.sync_api import Page, expect

from annotation.models import Annotation, Read, ReadState
from annotation.services import queue
from tests.annotation.test_queue import expire
from tests.e2e.scenery import NORMAL, OpenStudy
from tests.present import present


def wait_for_one_renewal_each(page: Page, renewed: list[str]) -> None:
    """Each of the three images in hand is asked for once, and none is on its way still when the time runs out again."""
    for _ in range(100):
        if len(renewed) >= 3:
            break
        page.wait_for_timeout(50)
    page.wait_for_load_state("networkidle")
    assert len(renewed) == len(set(renewed)) == 3


@pytest.mark.both_databases
def test_a_reader_who_was_away_is_told_keeps_the_image_and_learns_when_it_is_gone(scene: OpenStudy, visit):
    visitor = visit()
    visitor.expect_complaint("status of 409")
    visitor.page.clock.install()
    bench = scene.sit_down(visitor)
    page = bench.page
    renewed: list[str] = []
    page.on("response", lambda answer: renewed.append(answer.url) if answer.url.endswith("/renew") else None)
    notice = page.locator("#wb-lease")
    expect(notice).to_be_hidden()
    # Away for ten minutes, the page says nothing more to the server; fifteen after its last word the time is up.
    page.clock.fast_forward("13:30")
    page.clock.run_for(2000)
    expect(notice).to_contain_text("This image goes back to the queue in 1:")
    expect(page).to_have_title(re.compile(r"^1:[012]\d · Read · Colon glands · SynthLab$"))
    visitor.picture("lease-soon")
    visitor.press("l")
    page.clock.run_for(2000)
    expect(notice).to_be_hidden()
    expect(page).to_have_title("Read · Colon glands · SynthLab")
    wait_for_one_renewal_each(page, renewed)

    with page.expect_response(lambda answer: answer.url.endswith("/draft")):
        visitor.press("4")
    held = present(Read.objects.filter(state=ReadState.LEASED, annotations__isnull=False).first())
    page.clock.fast_forward("15:05")
    page.clock.run_for(2000)
    expect(notice).to_contain_text("Your time with this image is up")
    expire(held)
    [taken] = queue.claim_reads(reader=scene.second, study=scene.study, count=1).reads
    assert taken.pk == held.pk, "a lease that has ended is handed out first"
    visitor.press("l")
    bench.wait_for_toast("Another reader has this image now. What you had entered was kept")
    bench.wait_for_image()
    expect(page.locator("#wb-classes [aria-pressed=true]")).to_have_count(0)
    late = Annotation.objects.kept_late()
    page.clock.run_for(5000)
    expect(bench.saved).to_have_text("All saved")
    assert late.filter(read=held, author=scene.reader).exists()
    assert Read.objects.get(pk=held.pk, lease_until__gt=Now()).reader == scene.second


def test_leaving_gives_back_what_nobody_has_said_anything_about(scene: OpenStudy, visit):
    bench = scene.sit_down(visit())
    visitor, page = bench.visitor, bench.page
    page.wait_for_load_state("networkidle")
    held = Read.objects.filter(state=ReadState.LEASED, reader=scene.reader)
    assert held.count() == 3
    with page.expect_response(lambda answer: answer.url.endswith("/draft")):
        visitor.press("4")
    visitor.open("/docs/")
    for _ in range(50):
        if held.count() == 1:
            break
        page.wait_for_timeout(100)
    [kept] = held
    assert kept.annotations.get().draft["classes"] == [NORMAL]
