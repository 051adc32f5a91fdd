"""Two fingers on the image."""

from __future__ import annotations

from tests.e2e.browsing import Workbench
from tests.e2e.scenery import OpenStudy

PINCH = """viewer => {
  const { left, top, width, height } = viewer.getBoundingClientRect();
  const [x, y] = [left + width / 2, top + height / 2];
  viewer.setPointerCapture = () => {};
  const send = (type, pointerId, dx) => viewer.dispatchEvent(new PointerEvent(type,
    { pointerId, pointerType: "touch", clientX: x + dx, clientY: y, button: type === "pointermove" ? -1 : 0, bubbles: true }));
  send("pointerdown", 11, -40); send("pointerdown", 12, 40);
  for (let step = 40; step <= 120; step += 10) { send("pointermove", 11, -step); send("pointermove", 12, step); }
  send("pointerup", 11, -120); send("pointerup", 12, 120);
}"""
CORNER = """canvas => canvas.getContext("2d").getImageData(3, Math.floor(canvas.height / 2), 1, 1).data[3]"""


def test_two_fingers_zoom_and_draw_nothing_even_with_a_tool_in_hand(scene: OpenStudy, visit):
    visitor = visit()
    visitor.expect_complaint("willReadFrequently")  # this test looks at the pixels itself
    visitor.log_in(scene.reader)
    page = visitor.open(scene.reading_path)
    bench = Workbench(visitor)
    bench.wait_for_image()
    visitor.press("1", "b")
    canvas, viewer = page.locator("#viewer-pixels"), page.locator("#viewer")
    assert canvas.evaluate(CORNER) == 0, "beside the image that is shown whole"
    viewer.evaluate(PINCH)
    page.wait_for_function(f"() => ({CORNER})(document.querySelector('#viewer-pixels')) === 255")
    assert page.locator("#wb-regions button").count() == 0
    visitor.press("Escape", "e")
    page.wait_for_function(f"() => ({CORNER})(document.querySelector('#viewer-pixels')) === 0")
