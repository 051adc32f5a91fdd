"""What a reader does to the image and on it; samples, places and lengths are worked out here and not taken from the page."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, expect

from annotation.models import Read, Study
from generation.models import SyntheticImage
from synthlab.core.files import store_bytes
from tests.e2e.browsing import Workbench
from tests.e2e.scenery import GLAND, IMAGE, OpenStudy
from tests.present import present

SMALL, LARGE = 64, 1024
# The grey level that stands on the screen in the middle of an image pixel.
GREY = """([column, side]) => {
  const canvas = document.querySelector("#viewer-pixels");
  const shown = Math.min(canvas.clientWidth, canvas.clientHeight) - 48;
  const scale = Math.min(shown / side, 80) * devicePixelRatio;
  const x = (canvas.width - side * scale) / 2 + (column + 0.5) * scale;
  return canvas.getContext("2d").getImageData(Math.floor(x), Math.floor(canvas.height / 2), 1, 1).data[0];
}"""


def put_images(scene: OpenStudy, *pictures: NDArray[np.generic]) -> None:
    """The study's images, in the order in which they are handed out, show these pictures."""
    reads = Read.objects.filter(study=scene.study).select_related("item__synthetic_image").order_by("id")
    for place, (read, samples) in enumerate(zip(reads, pictures, strict=True)):
        out = io.BytesIO()
        Image.fromarray(samples).save(out, "PNG")
        stored = store_bytes(out.getvalue())
        height, width = samples.shape[:2]
        SyntheticImage.objects.filter(items=read.item).update(
            digest=stored.digest, size=stored.size, width=width, height=height
        )
        Read.objects.filter(pk=read.pk).update(shuffle=place)


def windowed(samples: NDArray[np.uint16], low: float, high: float) -> NDArray[np.float64]:
    return np.clip((samples.astype(np.float64) - low) / (high - low), 0, 1) * 255


def check_greys(page: Page, expected: NDArray[np.float64]) -> None:
    """Within one grey of what the screen shows, at a few columns."""
    columns = [0, 1, 13, 31, 32, 50, SMALL - 1]
    shown = "columns => columns.map(column => (" + GREY + ")([column, 64]))"
    want = [float(expected[column]) for column in columns]
    near = f"([columns, want]) => ({shown})(columns).every((grey, at) => Math.abs(grey - want[at]) <= 1)"
    try:
        page.wait_for_function(near, arg=[columns, want], timeout=5000)
    except Exception:
        assert page.evaluate(shown, columns) == want
        raise


def set_slider(page: Page, name: str, value: int) -> None:
    page.locator(f"#wb-{name}").fill(str(value))


def step_through_presets(bench: Workbench, ramp: NDArray[np.uint16]) -> None:
    """From the extremes, by the percentiles, swapped and back, to the full range."""
    visitor, page, facts = bench.visitor, bench.page, bench.page.locator("#viewer-facts")
    low, high = int(ramp[0]), int(ramp[-1])
    expect(facts).to_contain_text("Darkest to brightest")
    check_greys(page, windowed(ramp, low, high))
    visitor.press("]")
    expect(facts).to_contain_text("Percentiles 1 to 99")
    check_greys(
        page, windowed(ramp, low, high)
    )  # a ramp of 64 steps: the outermost percent is the outermost step
    visitor.press("]")
    check_greys(page, windowed(ramp, ramp[3], ramp[60]))
    visitor.press("i")
    expect(facts).to_contain_text("inverted")
    check_greys(page, 255 - windowed(ramp, ramp[3], ramp[60]))
    visitor.press("i", "[", "[", "[")
    expect(facts).to_contain_text("Full range")
    check_greys(page, windowed(ramp, 0, 65535))


def set_window(bench: Workbench, ramp: NDArray[np.uint16]) -> None:
    """By the sliders, by dragging, and back to how it opened."""
    visitor, page = bench.visitor, bench.page
    page.locator("#wb-window summary").click()
    set_slider(page, "level", 20_000)
    set_slider(page, "width", 10_000)
    expect(page.locator("#viewer-facts")).to_contain_text("own window")
    check_greys(page, windowed(ramp, 15_000, 25_000))
    visitor.press("w")
    viewer = present(page.locator("#viewer").bounding_box())
    x, y = viewer["x"] + 300, viewer["y"] + 300
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 50, y + 20, steps=4)
    page.mouse.up()
    step = 65536 / 400  # for each screen pixel
    level, half = 20_000 - 20 * step, 5000 + 25 * step
    check_greys(page, windowed(ramp, level - half, level + half))
    visitor.press("q")
    check_greys(page, windowed(ramp, int(ramp[0]), int(ramp[-1])))


def look_at_large(bench: Workbench, large: NDArray[np.uint8]) -> None:
    """It fits, and at 1:1 a bar of 100 screen pixels is 50 µm."""
    page, facts = bench.page, bench.page.locator("#viewer-facts")
    expect(facts).to_contain_text("Full range")
    viewer = present(page.locator("#viewer").bounding_box())
    fit = (min(viewer["width"], viewer["height"]) - 48) / LARGE
    expect(facts).to_contain_text(f"{round(fit * 100)} %")
    # 0.5 µm a pixel: the longest round bar within 160 screen pixels.
    expect(page.locator("#viewer-scale")).to_have_text("100 µm" if fit * 200 <= 160 else "50 µm")
    shown = page.evaluate(GREY, [LARGE // 2, LARGE])
    around = large[LARGE // 2 - 2 : LARGE // 2 + 2, LARGE // 2 - 2 : LARGE // 2 + 3, 0]
    assert shown in around
    bench.visitor.press("Shift+E")
    expect(facts).to_contain_text("100 %")
    expect(page.locator("#viewer-scale")).to_have_text("50 µm")
    expect(page.locator("#viewer-scale")).to_have_css("width", "100px")


def test_sixteen_bits_are_windowed_as_asked_and_large_images_fit_with_a_scale_bar(visit):
    scene = OpenStudy(images=2)
    ramp = (1000 + 500 * np.arange(SMALL)).astype(np.uint16)
    large = np.random.default_rng(3).integers(0, 256, (LARGE, LARGE, 3), dtype=np.uint8)
    put_images(scene, np.tile(ramp, (SMALL, 1)), large)
    Study.objects.filter(pk=scene.study.pk).update(pixel_size_um=0.5)
    visitor = visit()
    visitor.expect_complaint("willReadFrequently")  # this test looks at the pixels itself
    bench = scene.sit_down(visitor)
    step_through_presets(bench, ramp)
    set_window(bench, ramp)
    visitor.picture("sixteen-bits")
    visitor.press("n")
    expect(bench.page.locator("#viewer-facts")).to_contain_text("smooth")
    visitor.press("n", "4", "Enter")
    look_at_large(bench, large)
    visitor.picture("large")


def click_at(bench: Workbench, places: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Clicks, given as shares of the shown image; where they are, in image pixels."""
    place = present(bench.page.locator("#viewer-pixels").bounding_box())
    scale = (min(place["width"], place["height"]) - 48) / IMAGE
    left = place["x"] + (place["width"] - IMAGE * scale) / 2
    top = place["y"] + (place["height"] - IMAGE * scale) / 2
    on_screen = [(round(left + x * IMAGE * scale), round(top + y * IMAGE * scale)) for x, y in places]
    for x, y in on_screen:
        bench.page.mouse.click(x, y)
    return [((x - left) / scale, (y - top) / scale) for x, y in on_screen]


def undo_and_redo(bench: Workbench) -> None:
    """Back over the reload, and forth again."""
    marks = bench.page.locator("#wb-regions .wb-region")
    expect(marks).to_have_count(3)
    for count in (2, 1):
        bench.visitor.press("z")
        expect(marks).to_have_count(count)
    bench.visitor.press("Shift+Z", "Shift+Z")
    expect(marks).to_have_count(3)


def box_around(points: list[tuple[float, float]]) -> dict[str, float]:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return {"x": min(xs), "y": min(ys), "width": max(xs) - min(xs), "height": max(ys) - min(ys)}


@pytest.mark.both_databases
def test_boxes_by_two_and_by_four_points_and_polygons_survive_a_resize_a_reload_and_undoing(
    scene: OpenStudy, visit
):
    visitor = visit()
    # The draft sent on leaving may come after the page that follows has begun: its own newer answer goes on top of it.
    visitor.expect_complaint("status of 412")
    bench = scene.sit_down(visitor)
    page, marks = bench.page, bench.page.locator("#wb-regions .wb-region")
    visitor.press("1")
    two = click_at(bench, [(0.1, 0.15), (0.3, 0.4)])
    expect(marks).to_have_count(1)
    visitor.press("Shift+B")
    four = click_at(bench, [(0.5, 0.1), (0.9, 0.3), (0.6, 0.45), (0.45, 0.2)])
    expect(marks).to_have_count(2)

    page.set_viewport_size({"width": 1100, "height": 700})
    visitor.press("o")
    corners = click_at(bench, [(0.2, 0.6), (0.7, 0.65), (0.75, 0.9)])
    page.wait_for_timeout(700)  # the draft is written within half a second
    page.reload()
    bench.wait_for_image()
    expect(marks).to_have_count(2)
    expect(page.locator("#viewer[data-tool=polygon] .is-preview")).to_have_count(1)
    corners += click_at(bench, [(0.25, 0.85)])
    visitor.press("Enter")
    undo_and_redo(bench)
    visitor.picture("shapes")
    visitor.press("Enter")
    bench.wait_for_toast("Submitted: DAB-positive gland")
    bench.wait_until_saved()

    [answer] = scene.answers()
    first, second, third = answer.regions.all()
    assert {one.label_class.key for one in (first, second, third)} == {GLAND}
    assert first.geometry == pytest.approx(box_around(two), abs=0.02)
    assert second.geometry == pytest.approx(box_around(four), abs=0.02)
    assert [tuple(point) for point in third.geometry["points"]] == [
        pytest.approx(one, abs=0.02) for one in corners
    ]
