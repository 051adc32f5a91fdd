"""The manager holds up pictures, the reader looks at them beside the image."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.annotation.factories import make_batch
from tests.e2e.scenery import OpenStudy
from tests.e2e.test_accessibility import violations
from tests.present import present

PAINTED = """canvas => [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data].some((v, i) => i % 4 < 3 && v > 0)"""


def test_a_manager_adds_a_picture_and_a_reader_sees_it_by_key(scene: OpenStudy, visit):
    make_batch(present(scene.study.dataset), 2, mode="RGB")
    manager = visit()
    manager.log_in(scene.manager)
    page = manager.open(f"/studies/{scene.study.pk}/exemplars/")
    page.locator(".exemplar-choice input").first.check()
    page.get_by_label("Class").select_option(label="Stroma")
    page.get_by_label("What to look at").fill("Pink fibres, few nuclei")
    page.get_by_role("button", name="Add").click()
    expect(page.locator(".exemplars")).to_contain_text("Pink fibres, few nuclei")
    expect(page.locator(".exemplars canvas")).to_have_count(1)
    manager.picture("exemplars")
    assert violations(manager) == []

    bench = scene.sit_down(visit())
    reader, page = bench.visitor, bench.page
    reader.press("g")
    panel = page.locator("#wb-guideline")
    expect(panel).to_contain_text("Pink fibres, few nuclei")
    picture = panel.get_by_role("img", name="Stroma: Pink fibres, few nuclei")
    expect(picture).to_have_attribute("width", "16")
    assert picture.evaluate(PAINTED)
    reader.picture("guideline")
    assert violations(reader) == []
    reader.press("4")  # the keys of the answer go on working
    expect(page.locator("#wb-classes [aria-pressed=true]")).to_contain_text("Normal")
    reader.press("Escape")
    expect(panel).to_be_hidden()
