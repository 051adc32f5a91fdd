"""Somebody at a browser, and what must be true of every page they see."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
    expect,
)
from rest_framework.test import APIClient

from synthlab.accounts.models import User

INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>", re.IGNORECASE)
INLINE_HANDLER = re.compile(r"<[^>]+\s(?:style|on[a-z]+)=", re.IGNORECASE)
# A busy machine is slow, not broken.
expect.set_options(timeout=15_000)
# A folder given here gets a picture of every page that is looked at.
PICTURES = os.environ.get("SYNTHLAB_TEST_PICTURES", "")


class Visitor:
    """A browser of one person. It remembers every complaint of the browser and every request.

    Args:
        context: A fresh browser context: no cookies, nothing stored.
        origin: Of the server under test; nothing may be asked of another one.
    """

    def __init__(self, context: BrowserContext, origin: str) -> None:
        self.context = context
        self.origin = origin
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.foreign: list[str] = []
        self.broken: list[str] = []
        self.documents: dict[str, Response] = {}
        self._expected: list[str] = []
        self._expected_broken: list[str] = []
        context.on("console", self._note_console)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("request", self._note_request)
        context.on("response", self._note_response)

    # --- what the browser tells -----------------------------------------------------------------

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.text} ({message.location['url']})")

    def _note_request(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme not in {"data", "blob"} and f"{url.scheme}://{url.netloc}" != self.origin:
            self.foreign.append(request.url)

    def _note_response(self, response: Response) -> None:
        if response.status >= 500:
            self.broken.append(f"{response.status} {response.url}")
        if response.request.resource_type == "document":
            self.documents[response.url] = response

    def expect_complaint(self, pattern: str) -> None:
        """A complaint that belongs to what the test does, such as being offline."""
        self._expected.append(pattern)

    def expect_broken(self, pattern: str) -> None:
        """An answer of 5xx (`STATUS URL`) that belongs to what the test does to the server."""
        self._expected_broken.append(pattern)

    # --- what a person does ---------------------------------------------------------------------

    def log_in(self, user: User) -> None:
        """A session of this person, without the login page."""
        client = APIClient()
        client.force_login(user)
        self.take_session(client.cookies[settings.SESSION_COOKIE_NAME].value)

    def take_session(self, value: str) -> None:
        """A session that was made elsewhere."""
        name = settings.SESSION_COOKIE_NAME
        self.context.add_cookies([{"name": name, "value": value, "url": self.origin, "httpOnly": True}])

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.origin}{path}")
        return self.page

    def press(self, *keys: str) -> None:
        """Keys, one after the other; a page that is just coming up hears them only once its scripts run."""
        for key in keys:
            self.page.wait_for_load_state()
            self.page.keyboard.press(key)

    def picture(self, name: str) -> None:
        """A picture for people to look at, where somebody asked for pictures."""
        if PICTURES:
            self.page.screenshot(path=Path(PICTURES) / f"{name}.png")

    # --- what must be true ----------------------------------------------------------------------

    def check(self) -> None:
        """No complaint, no 5xx, nothing asked of anybody else, no inline code on any page that was seen."""
        assert self.documents, "no page was visited"
        for url, response in self.documents.items():
            policy = response.header_value("content-security-policy") or ""
            assert "default-src 'none'" in policy, f"{url}: no policy"
            assert "unsafe" not in policy, f"{url}: {policy}"
        for url, response in self.documents.items():
            if response.request.method == "GET" and response.status == 200:
                self._check_body(url)
        assert not self.foreign, self.foreign
        broken = [one for one in self.broken if not any(re.search(p, one) for p in self._expected_broken)]
        assert not broken, broken
        unexpected = [one for one in self.complaints if not any(re.search(p, one) for p in self._expected)]
        assert not unexpected, unexpected

    def _check_body(self, url: str) -> None:
        """The page as the server sends it now (scripts of the page itself may set what they like)."""
        answer = self.context.request.get(url)
        if "text/html" not in answer.headers.get("content-type", ""):
            return
        text = answer.text()
        assert not INLINE_SCRIPT.findall(text), url
        assert not INLINE_HANDLER.findall(text), url


class Workbench:
    """The reading page, by what a reader sees."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self.page = visitor.page
        self.saved: Locator = self.page.locator("#wb-saved")
        self.submit: Locator = self.page.locator("#wb-submit")

    def wait_for_image(self) -> None:
        """Until an image is on the table and can be answered."""
        expect(self.submit).to_be_enabled(timeout=15_000)

    def wait_until_saved(self, seconds: float = 20) -> None:
        """Until the server has acknowledged everything; the badge sends at once what could still be taken back."""
        if "waiting" in self.saved.inner_text():
            self.saved.click()
        expect(self.saved).to_have_text("All saved", timeout=seconds * 1000)

    def wait_for_toast(self, text: str) -> None:
        expect(self.page.locator("#toasts")).to_contain_text(text)

    def drag(self, start: tuple[float, float], end: tuple[float, float], *, image: int) -> dict[str, float]:
        """Draw from one place of the screen to another, both given as a share of the shown image.

        Args:
            start: Where the button goes down; 0 to 1 from the image's upper left corner.
            end: Where it goes up.
            image: The image's side in its own pixels.

        Returns:
            The box that was drawn, in image pixels, worked out here from the place of the page's elements.
        """
        place = self.page.locator("#viewer-pixels").bounding_box()
        assert place is not None
        margin = 24
        side = min(place["width"], place["height"]) - 2 * margin
        scale = min(side / image, 80)
        left = place["x"] + (place["width"] - image * scale) / 2
        top = place["y"] + (place["height"] - image * scale) / 2
        corners = [(round(left + x * image * scale), round(top + y * image * scale)) for x, y in (start, end)]
        self.page.mouse.move(*corners[0])
        self.page.mouse.down()
        self.page.mouse.move(corners[0][0] + 9, corners[0][1] + 5, steps=3)
        self.page.mouse.move(*corners[1], steps=5)
        self.page.mouse.up()
        (x0, y0), (x1, y1) = [((x - left) / scale, (y - top) / scale) for x, y in corners]
        return {"x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0}
