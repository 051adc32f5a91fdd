"""The browser is killed while somebody draws: at most the last second is lost."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect

from tests.e2e.browsing import Visitor
from tests.e2e.conftest import FLAGS
from tests.e2e.scenery import GLAND, OpenStudy
from tests.e2e.server import LiveWeb
from tests.e2e.test_tools import click_at

pytestmark = pytest.mark.both_databases


def open_browser(playwright: Playwright, chromium: Path, profile: Path, web: LiveWeb) -> Visitor:
    """A browser of its own that keeps what it stores in this folder."""
    context = playwright.chromium.launch_persistent_context(
        profile, executable_path=chromium, args=FLAGS, viewport={"width": 1440, "height": 900}
    )
    return Visitor(context, web.url)


def kill_browser(profile: Path) -> None:
    """Chromium writes its host and process id into the lock of its profile."""
    process = int(os.readlink(profile / "SingletonLock").rsplit("-", 1)[1])
    os.kill(process, signal.SIGKILL)


def test_a_polygon_that_was_being_drawn_when_the_browser_was_killed_goes_on_from_its_last_corner(
    scene: OpenStudy, web: LiveWeb, playwright: Playwright, chromium: Path, tmp_path: Path
):
    bench = scene.sit_down(open_browser(playwright, chromium, tmp_path, web))
    bench.page.wait_for_load_state("networkidle")
    bench.visitor.context.set_offline(True)  # nothing of it can have come back from the server
    bench.visitor.press("1", "b", "Enter", "o")
    corners = click_at(bench, [(0.1, 0.1), (0.5, 0.15), (0.6, 0.3)])
    bench.page.wait_for_timeout(1000)
    corners += click_at(bench, [(0.55, 0.4)])  # in the last second: may be lost, or not
    kill_browser(tmp_path)

    again = open_browser(playwright, chromium, tmp_path, web)
    try:
        bench = scene.sit_down(again)
        expect(bench.page.locator("#wb-regions .wb-region")).to_have_count(1)
        expect(bench.page.locator("#viewer[data-tool=polygon] .is-preview")).to_have_count(1)
        bench.visitor.picture("after-the-crash")
        bench.visitor.press("Enter")
        expect(bench.page.locator("#wb-regions .wb-region")).to_have_count(2)
        bench.visitor.press("Enter")
        bench.wait_for_toast("Submitted: DAB-positive gland")
        bench.wait_until_saved()
        again.check()
    finally:
        again.context.close()
    [answer] = scene.answers()
    box, polygon = answer.regions.all()
    assert (answer.classes, box.kind, polygon.kind) == ([GLAND], "box", "polygon")
    found = [tuple(point) for point in polygon.geometry["points"]]
    assert len(found) in (3, 4)
    assert found == [pytest.approx(one, abs=0.02) for one in corners[: len(found)]]
