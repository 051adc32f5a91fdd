"""Every page, as every kind of person sees it, in both themes: no violation that axe knows."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from axe_playwright_python.sync_playwright import Axe

from tests.api.world import World, walk_routes
from tests.e2e.browsing import Visitor

# Answers of other kinds than pages; and the explorer of the API, whose colours and marks are Swagger UI's own.
NO_PAGES = re.compile(
    r"^(api/v1/|livez|readyz|studies/<uuid:pk>/results.csv|datasets/.*/gallery/<uuid:image>/)"
)
DRAWN_LATE = re.compile(r"/read/$|/review/$|^trainings/|^batches/.*/images/$")
MAIN = re.compile(r"<main.*</main>", re.DOTALL)
EVERYBODY = (None, "clinician", "scientist", "reader", "reviewer", "manager", "member", "owner", "admin")
VARYING = re.compile(r'[0-9a-f]{8}-[0-9a-f-]{27}|value="[^"]*"|content="[^"]*"|>[^<]*<')


def enter(visitor: Visitor, world: World, role: str | None) -> None:
    visitor.context.clear_cookies()
    if role:
        visitor.take_session(world.sessions[role])


def violations(visitor: Visitor) -> list[str]:
    """What axe finds: everything in the dark theme, then the contrasts of the light one."""
    found: list[dict[str, Any]] = []
    visitor.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    found += Axe().run(visitor.page).response["violations"]
    visitor.page.emulate_media(color_scheme="light", reduced_motion="reduce")
    light = Axe().run(visitor.page, options={"runOnly": ["color-contrast"]})
    found += light.response["violations"]
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary']}"
        for one in found
        for node in one["nodes"]
    ]


def page_source(visitor: Visitor, url: str) -> str:
    """What the server sends; nothing for what is no page or leads elsewhere."""
    answer = visitor.context.request.get(url, max_redirects=0)
    is_page = answer.status not in {301, 302, 405} and "text/html" in answer.headers.get("content-type", "")
    return answer.text() if is_page else ""


def form_of(html: str) -> str:
    """What tells two pages apart for axe: the elements and attributes of their main part, not their words."""
    found = MAIN.search(html)
    return hashlib.sha256(VARYING.sub("", found[0] if found else html).encode()).hexdigest()


def test_axe_finds_nothing_on_any_page_of_anybody(visit):
    world = World()
    visitor = visit()
    visitor.expect_complaint("status of 40[134]")
    seen = {form_of(""): "no page"}
    complaints: list[str] = []
    routes = [route for route in walk_routes() if not NO_PAGES.search(route)]
    for role in EVERYBODY:
        enter(visitor, world, role)
        for route in routes:
            url = visitor.origin + world.fill(route)
            form = form_of(page_source(visitor, url))
            if form in seen:
                continue
            seen[form] = route
            visitor.page.goto(url)
            if DRAWN_LATE.search(route):
                visitor.page.wait_for_load_state("networkidle")
            visitor.picture(f"page-{role}-{route.replace('/', '_').replace('<uuid:pk>', 'x')}")
            complaints += [f"{role} {route}: {one}" for one in violations(visitor)]
    assert not complaints, "\n".join(complaints)
    assert set(seen.values()) >= {"", "people/", "studies/<uuid:pk>/read/", "studies/<uuid:pk>/review/"}
