"""The reading page is light, and stays quick with five hundred marks on one image."""

from __future__ import annotations

import gzip

from playwright.sync_api import Response, expect

from annotation.models import Annotation, Read
from annotation.services import queue, reading
from tests.e2e.browsing import Workbench
from tests.e2e.scenery import GLAND, OpenStudy

MOST_BYTES = 100_000
MARKS = 500
# How many elements come or go, anywhere on the page, when one key moves one mark; and what it takes until the next frame can be drawn.
NUDGE = """async () => {
  let changed = 0;
  const watch = new MutationObserver(records => {
    for (const { addedNodes, removedNodes } of records) changed += addedNodes.length + removedNodes.length;
  });
  watch.observe(document.body, { childList: true, subtree: true });
  const times = [];
  for (let n = 0; n < 20; n += 1) {
    const start = performance.now();
    document.querySelector("#viewer").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", code: "ArrowRight", bubbles: true }));
    document.body.getBoundingClientRect();
    times.push(performance.now() - start);
    await new Promise(requestAnimationFrame);
  }
  watch.disconnect();
  times.sort((a, b) => a - b);
  return { changed: changed / 20, median: times[10] };
}"""


def keep_marks(scene: OpenStudy) -> Read:
    """A draft with many boxes, as if drawn before."""
    [read] = queue.claim_reads(reader=scene.reader, study=scene.study, count=1).reads
    boxes = [{"x": n % 25, "y": n // 25, "width": 2 + n % 3, "height": 3} for n in range(MARKS)]
    regions = [{"kind": "box", "class": GLAND, "geometry": box} for box in boxes]
    answer = {"decision": "labelled", "classes": [GLAND], "regions": regions}
    return reading.save_draft(actor=scene.reader, read=read, rev=read.rev, answer=answer)


def test_the_page_is_light_and_five_hundred_marks_are_moved_one_by_one(scene: OpenStudy, visit):
    read = keep_marks(scene)
    visitor = visit()
    visitor.log_in(scene.reader)
    parts: list[Response] = []
    visitor.context.on(
        "response",
        lambda answer: (
            parts.append(answer) if answer.request.resource_type in {"script", "stylesheet"} else None
        ),
    )
    page = visitor.open(scene.reading_path)
    bench = Workbench(visitor)
    bench.wait_for_image()
    weights = {part.url.rsplit("/", 1)[1]: len(gzip.compress(part.body(), 9)) for part in parts}
    assert len(weights) > 40
    assert sum(weights.values()) < MOST_BYTES, sorted(weights.items(), key=lambda row: -row[1])[:9]

    expect(page.locator("#wb-regions .wb-region")).to_have_count(MARKS)
    expect(page.locator("#viewer-shapes .shape")).to_have_count(MARKS)
    visitor.press(".")
    cost = page.evaluate(NUDGE)
    # The mark, its row in the list, its five handles and what is spoken; by no means all 500.
    assert cost["changed"] <= 40, cost
    assert cost["median"] < 50, cost
    visitor.press("Enter")
    bench.wait_for_toast("Submitted: DAB-positive gland")
    bench.wait_until_saved()
    [answer] = Annotation.objects.filter(read=read, is_final=True)
    assert answer.regions.count() == MARKS
    assert answer.regions.get(order=0).geometry["x"] == 20
