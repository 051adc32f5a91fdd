"""A reader puts an action on another key."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.scenery import OpenStudy


def test_a_reader_changes_a_key_and_it_counts_at_once_and_after_a_reload(scene: OpenStudy, visit):
    bench = scene.sit_down(visit())
    visitor, page = bench.visitor, bench.page
    visitor.press("?")
    page.get_by_role("button", name="Change keys").click()
    change = page.get_by_role("button", name="Change the key of: Discard, then a digit")
    note = page.locator("dialog.help [role=status]")
    change.click()
    visitor.press("s")
    expect(note).to_contain_text("S is the key of “Skip")
    visitor.press("Escape")
    expect(note).to_have_text("Nothing was changed.")
    change.click()
    visitor.press("d")
    expect(note).to_contain_text("D is the key now")
    visitor.picture("keys")
    visitor.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.locator("#wb-discard kbd")).to_have_text("D")
    visitor.press("x")
    expect(page.locator("#wb-choices")).to_be_hidden()
    page.reload()
    bench.wait_for_image()
    visitor.press("d")
    expect(page.locator("#wb-choices")).to_be_visible()
    visitor.press("Escape", "?")
    page.get_by_role("button", name="Change keys").click()
    page.get_by_role("button", name="Reset all keys").click()
    expect(note).to_contain_text("the usual ones")
    visitor.press("Escape")
    expect(page.locator("#wb-discard kbd")).to_have_text("X")
