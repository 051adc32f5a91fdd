"""A whole read without a mouse and without eyes: by keys, by what is spoken, and by the tree that a screen reader gets."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.scenery import GLAND, IMAGE, OpenStudy

# What a screen reader is told of the page, in reading order; the lines between these are free.
TREE = """
- main:
  - heading "Colon glands" [level=1]
  - progressbar "Your progress in this study"
  - button /Guideline G/
  - button /Answers H/
  - button /All saved/
  - button /Keys/
  - region "Image":
    - toolbar "Tools":
      - button "Select and move" [pressed]
      - button "Box"
    - application "Image under reading"
    - paragraph: /Arrow keys move the crosshair/
  - region "Answer":
    - group "Finding":
      - button /1 DAB-positive gland/
    - heading "Marks" [level=2]
    - combobox "Site"
    - group /How sure/
    - textbox /Comment/
    - button /Ask for a second opinion/
    - button /Submit and next/
"""


@pytest.mark.both_databases
def test_a_whole_read_by_keys_with_every_place_spoken(scene: OpenStudy, visit):
    bench = scene.sit_down(visit())
    visitor, page = bench.visitor, bench.page
    bench.wait_until_saved()
    expect(page.locator("main")).to_match_aria_snapshot(TREE)
    spoken = page.locator("#announcer")
    expect(spoken).to_have_attribute("aria-live", "polite")

    visitor.press("1")
    expect(spoken).to_have_text("DAB-positive gland chosen")
    visitor.press("b", "ArrowLeft")
    expect(spoken).to_have_text(f"centre, at {IMAGE // 2 - 1}, {IMAGE // 2} px")
    visitor.press("Enter")
    side = IMAGE // 4
    left, top = IMAGE // 2 - 1 - side // 2, IMAGE // 2 - side // 2
    expect(spoken).to_have_text(f"Box set: centre, {side} × {side} px")
    visitor.press("ArrowUp")
    expect(spoken).to_have_text(f"centre, {side} × {side} px at {left}, {top - 1}")
    visitor.press("Shift+ArrowRight")
    expect(spoken).to_have_text(f"centre, {side + 1} × {side} px at {left}, {top - 1}")
    for _ in range(10):
        visitor.press("ArrowLeft")
    expect(spoken).to_have_text(f"middle left, {side + 1} × {side} px at {left - 10}, {top - 1}")
    expect(page.locator("#wb-regions")).to_match_aria_snapshot(
        f"- listitem:\n  - button /Box, DAB-positive gland middle left, {side + 1} × {side} px/ [pressed]\n"
        '  - button "Remove Box, DAB-positive gland"'
    )
    visitor.press("Shift+3", "f")
    expect(spoken).to_have_text("Second opinion asked")
    visitor.press("Enter")
    expect(spoken).to_have_text("Submitted: DAB-positive gland")
    bench.wait_until_saved()
    [answer] = scene.answers()
    assert (answer.classes, answer.confidence, answer.read.is_flagged) == ([GLAND], 3, True)
    [region] = answer.regions.all()
    assert region.geometry == {"x": left - 10, "y": top - 1, "width": side + 1, "height": side}


def test_keys_in_fields_and_dialogs_do_nothing_else(scene: OpenStudy, visit):
    bench = scene.sit_down(visit())
    visitor, page = bench.visitor, bench.page
    untouched = {"#wb-choices": 0, "dialog[open]": 0, "#wb-own:visible": 0, "#wb-guideline:visible": 0}
    visitor.press("c")
    page.keyboard.type("x1 sz 2? hgil BOWPQ[]+-=.,jk")
    visitor.press("Delete", "Backspace", "ArrowLeft", "Control+z", "Enter")
    for place, count in untouched.items():
        expect(page.locator(place).locator("visible=true")).to_have_count(count)
    expect(page.locator("#wb-classes [aria-pressed=true]")).to_have_count(0)
    visitor.press("Escape")
    page.locator("#wb-site").focus()
    visitor.press("x", "1", "s")
    expect(page.locator("#wb-choices")).to_be_hidden()
    expect(page.locator("#wb-classes [aria-pressed=true]")).to_have_count(0)
    visitor.press("Escape", "?")
    expect(page.locator("dialog.help[open]")).to_have_count(1)
    visitor.press("1", "x", "Enter")
    expect(page.locator("#wb-classes [aria-pressed=true]")).to_have_count(0)
    visitor.press("Escape")
    bench.wait_until_saved()
    assert scene.answers() == []
