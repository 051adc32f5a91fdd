"""The reading page in Chromium: from a key to the next image, with 500 shapes on one image, and from nothing.

The page, the web server and the browser are the real ones; the browser runs without a window and without a GPU, and all
share the machine. `workbench.js` notes when frames stand; the page knows nothing of it.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Response, sync_playwright

from bench.claims import percentile
from bench.harness import Aim, Bench, Result, Run, run_alone
from bench.installation import served
from tools.browser import find_chromium

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
)
WINDOW = {"width": 1440, "height": 900}
SIDE, CROWDED_SIDE, SHAPES = 256, 1024, 500
LOOK_MS = 300  # a reader looks at an image at least so long, and the next one comes meanwhile
PATIENCE_SECONDS = 30
KEY_REPEAT_MS = 33  # a key that is held down repeats thirty times a second
NORMAL = "4"  # the key of a class that needs no shape

Times = dict[str, list[float]]


@dataclass(frozen=True, kw_only=True)
class Plan:
    answers: int
    steps: int
    visits: int


FULL = Plan(answers=100, steps=60, visits=7)
QUICK = Plan(answers=10, steps=10, visits=1)


def measure(run: Run) -> Result:
    """One installation, one browser; each part with pages of its own."""
    plan = QUICK if run.quick else FULL
    spec = {"side": SIDE, "images": plan.answers + 10, "crowded_side": CROWDED_SIDE, "shapes": SHAPES}
    chromium = find_chromium()
    if chromium is None:
        raise RuntimeError("This benchmark needs Chromium; see tools/browser.py.")
    with served("bench.workbench_runs", spec) as facts, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        visits = [_visit(browser, facts) for _ in range(plan.visits + 1)][
            1:
        ]  # the first one warms the server
        answers = _answer(browser, facts, plan.answers)
        crowded = _crowd(browser, facts, plan.steps)
        browser.close()
    return _result(visits, answers, crowded)


@dataclass(frozen=True)
class Visit:
    """One opening of the page by a browser that has never seen it: milliseconds, and bytes as they were sent."""

    milliseconds: float
    scripts: int
    styles: int
    files: int


def _visit(browser: Browser, facts: dict[str, Any]) -> Visit:
    sent: dict[str, list[Response]] = {"script": [], "stylesheet": []}

    def note(response: Response) -> None:
        sent.get(response.request.resource_type, []).append(response)

    with _page(browser, facts) as page:
        page.on("response", note)
        _open(page, facts, "many")
        page.wait_for_load_state("networkidle")
        size = {
            kind: sum(one.request.sizes()["responseBodySize"] for one in answers)
            for kind, answers in sent.items()
        }
        at = page.evaluate("bench.images[0].at")
    return Visit(at, size["script"], size["stylesheet"], sum(map(len, sent.values())))


def _answer(browser: Browser, facts: dict[str, Any], count: int) -> list[float]:
    """Milliseconds from the key that ends an answer until the next image stands on the screen."""
    with _page(browser, facts) as page:
        _open(page, facts, "many")
        for number in range(count + 1):
            page.wait_for_timeout(LOOK_MS)
            page.keyboard.press(NORMAL)
            page.keyboard.press("Enter")
            _wait_until(page, f"bench.images.length >= {number + 2}")
        times: list[float] = page.evaluate("bench.images.map(({ sinceKey }) => sinceKey)")
    return times[2:]  # the page's first image, and the first that this page followed another with


def _crowd(browser: Browser, facts: dict[str, Any], steps: int) -> Times:
    """Milliseconds from an input until the frame that shows what it did, with many shapes on the image."""
    with _page(browser, facts) as page:
        _open(page, facts, "crowded")
        _wait_until(page, f"document.querySelectorAll('[data-shape]').length === {SHAPES}")
        return {name: _inputs(page, act, steps) for name, act in ACTS.items()}


def _inputs(page: Page, act: Callable[[Page, int], None], steps: int) -> list[float]:
    page.wait_for_timeout(LOOK_MS)
    page.evaluate("bench.inputs.length = 0")
    act(page, steps)
    page.wait_for_timeout(LOOK_MS)
    times: list[float] = page.evaluate("bench.inputs")
    return times


def _hover(page: Page, steps: int) -> None:
    left, top = _middle_of(page, 0)
    for step in range(steps):
        page.mouse.move(left + 7 * step, top + 5 * step)


def _select(page: Page, steps: int) -> None:
    for step in range(steps):
        page.mouse.click(*_middle_of(page, step * 7 % SHAPES))


def _move(page: Page, steps: int) -> None:
    left, top = _middle_of(page, SHAPES // 2)
    page.mouse.move(left, top)
    page.mouse.down()
    for step in range(steps):
        page.mouse.move(left + 2 * step, top + step)
    page.mouse.up()


def _nudge(page: Page, steps: int) -> None:
    for _ in range(steps):
        page.keyboard.press("ArrowLeft")
        page.wait_for_timeout(KEY_REPEAT_MS)


def _draw(page: Page, steps: int) -> None:
    page.keyboard.press("b")
    left, top = _middle_of(page, 30)
    page.mouse.move(left, top)
    page.mouse.down()
    for step in range(steps):
        page.mouse.move(left + 3 * step, top + 2 * step)
    page.mouse.up()


def _zoom(page: Page, steps: int) -> None:
    for step in range(steps):
        page.keyboard.press("+" if step % 2 else "-")
        page.wait_for_timeout(KEY_REPEAT_MS)


ACTS: dict[str, Callable[[Page, int], None]] = {
    "pointing": _hover,
    "choosing": _select,
    "dragging": _move,
    "nudging by keys": _nudge,
    "drawing": _draw,
    "zooming": _zoom,
}


def _middle_of(page: Page, number: int) -> tuple[float, float]:
    """Where a shape's middle is on the screen."""
    box = page.locator("[data-shape]").nth(number).bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@contextmanager
def _page(browser: Browser, facts: dict[str, Any]) -> Iterator[Page]:
    """A page of a browser that is logged in and has nothing else."""
    context = browser.new_context(viewport=WINDOW)  # type: ignore[arg-type]
    host = urlsplit(facts["url"]).hostname
    context.add_cookies(
        [
            {"name": key, "value": value, "domain": host, "path": "/"}
            for key, value in facts["cookies"].items()
        ]
    )
    context.add_init_script(path=Path(__file__).with_suffix(".js"))
    try:
        yield context.new_page()
    finally:
        context.close()


def _open(page: Page, facts: dict[str, Any], study: str) -> None:
    page.goto(facts["url"] + facts["paths"][study])
    _wait_until(page, "bench.images.length > 0")


def _wait_until(page: Page, expression: str) -> None:
    """Asked from outside: the page's policy forbids Playwright's own way, which evaluates text inside it."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not page.evaluate(expression):
        if time.monotonic() > end:
            raise RuntimeError(f"the page did not come to: {expression}")
        page.wait_for_timeout(20)


def _result(visits: list[Visit], answers: list[float], crowded: Times) -> Result:
    cold = [visit.milliseconds for visit in visits]
    slowest = max(crowded, key=lambda act: percentile(crowded[act], 95))
    one = visits[0]
    measured: Times = {"key to next image": answers, "cold page": cold}
    measured |= {f"{SHAPES} shapes, {act}": times for act, times in crowded.items()}
    return Result(
        ratios={
            "key_to_image_p95_ms": percentile(answers, 95),
            "crowded_p95_ms": percentile(crowded[slowest], 95),
            "script_and_style_kb": (one.scripts + one.styles) / 1000,
            "cold_page_ms": statistics.median(cold),
        },
        columns=["what", "n", "median ms", "p95 ms", "slowest ms"],
        rows=[
            [what, len(times), statistics.median(times), _p95(times), max(times)]
            for what, times in measured.items()
        ],
        notes=[
            f"Chromium without a window, {WINDOW['width']} × {WINDOW['height']}, no GPU; browser and web server share the "
            "machine. Times end when the frame has been painted by the page.",
            f"Next image: {SIDE} × {SIDE} pixels in colour, prefetched; {LOOK_MS} ms with each. Shapes: boxes and polygons "
            f"of twelve corners on {CROWDED_SIDE} × {CROWDED_SIDE} pixels; the slowest was {slowest}.",
            f"Cold page: a browser that has never seen it, from the start of loading to the image; {one.files} files of "
            f"script and style, {one.scripts / 1000:.1f} and {one.styles / 1000:.1f} kB as they were sent.",
        ],
    )


def _p95(times: list[float]) -> float:
    return percentile(times, 95) if len(times) > 1 else times[0]


BENCH = Bench(
    name="workbench",
    title="The reading page: next image, many shapes, cold start",
    minutes=3,
    quick_seconds=120,
    aims=(
        Aim(ratio="key_to_image_p95_ms", at_most=100),
        Aim(ratio="crowded_p95_ms", at_most=50),
        Aim(ratio="script_and_style_kb", at_most=100),
        Aim(ratio="cold_page_ms", at_most=1500),
    ),
    measure=measure,
    sources=(
        "bench/installation.py",
        "bench/workbench.js",
        "bench/workbench_runs.py",
        "static/css/*.css",
        "static/js/**/*.js",
        "templates/annotation/*workbench*.html",
    ),
)

if __name__ == "__main__":
    raise SystemExit(run_alone(BENCH))
