"""A clinician reads: from the login page to answers in the database."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from annotation.models import Item, ItemState, Read, ReadSkip, ReadState
from tests.e2e.browsing import Visitor, Workbench
from tests.e2e.scenery import GLAND, IMAGE, STROMA, OpenStudy
from tests.factories import PASSWORD


def log_in_by_page(visitor: Visitor, username: str) -> None:
    page = visitor.open("/")
    expect(page).to_have_title("Log in · SynthLab")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_title("Home · SynthLab")


def open_reading_page(visitor: Visitor, scene: OpenStudy) -> Workbench:
    page = visitor.page
    page.get_by_role("link", name=scene.study.title).first.click()
    bench = Workbench(visitor)
    bench.wait_for_image()
    return bench


def label_a_gland(bench: Workbench) -> dict[str, float]:
    """By keys and the mouse; Enter without the box that a gland needs says so and submits nothing."""
    visitor, page = bench.visitor, bench.page
    visitor.press("1", "Enter")
    expect(page.locator("#wb-regions-error")).to_be_visible()
    drawn = bench.drag((0.2, 0.3), (0.7, 0.6), image=IMAGE)
    expect(page.locator("#wb-regions")).to_contain_text("Box")
    visitor.press("Shift+4", "c")
    page.keyboard.type("brown rim 12")
    visitor.press("Escape", "Enter")
    bench.wait_for_toast("Submitted: DAB-positive gland")
    return drawn


def choose(bench: Workbench, keys: str, told: str) -> None:
    bench.wait_for_image()
    bench.visitor.press(*keys.split())
    bench.wait_for_toast(told)


def refuse_nothing_and_forget_it_at_a_discard(bench: Workbench) -> None:
    """What an answer lacks is said at its field, until a discard needs none of it."""
    bench.wait_for_image()
    lacking = bench.page.locator("#wb-classes-error")
    bench.visitor.press("Enter")
    expect(lacking).to_have_text("Choose a finding by its key, or discard the image.")
    bench.visitor.press("x")
    expect(lacking).to_be_hidden()


def take_the_last_answer_back(bench: Workbench) -> None:
    """It was not sent yet, and stands there again to be changed."""
    bench.wait_for_image()
    bench.visitor.press("z")
    chosen = bench.page.locator("#wb-classes [aria-pressed=true]")
    expect(chosen).to_have_count(1)
    expect(chosen).to_contain_text("Normal")


@pytest.mark.both_databases
def test_a_reader_logs_in_labels_draws_discards_skips_and_undoes(product_hasher, scene: OpenStudy, visit):
    visitor = visit()
    log_in_by_page(visitor, scene.reader.username)
    bench = open_reading_page(visitor, scene)
    drawn = label_a_gland(bench)
    refuse_nothing_and_forget_it_at_a_discard(bench)
    choose(bench, "2", "Discarded: Blurred or smeared")
    choose(bench, "s 2", "Skipped: Not my field")
    choose(bench, "4 Enter", "Submitted: Normal")
    take_the_last_answer_back(bench)
    choose(bench, "3 Enter", "Submitted: Stroma")
    visitor.picture("reading")
    bench.wait_until_saved()

    gland, discarded, stroma = scene.answers()
    assert (gland.decision, gland.classes, gland.confidence) == ("labelled", [GLAND], 4)
    assert gland.comment == "brown rim 12"
    [region] = gland.regions.all()
    assert (region.kind, region.label_class.key) == ("box", GLAND)
    assert region.geometry == pytest.approx(drawn, abs=0.02)
    assert (discarded.decision, discarded.discard_reason, discarded.classes) == ("discarded", "blur", [])
    assert (stroma.decision, stroma.classes) == ("labelled", [STROMA])
    [skip] = ReadSkip.objects.all()
    assert (skip.kind, skip.reader) == ("not_my_field", scene.reader)
    assert Read.objects.filter(state=ReadState.SUBMITTED).count() == 3
    assert Item.objects.filter(state=ItemState.REVIEW).count() >= 2


def test_the_image_takes_most_of_the_reading_page(scene: OpenStudy, visit):
    visitor = scene.sit_down(visit(1440, 900)).visitor
    viewer = visitor.page.locator("#viewer").bounding_box()
    whole = visitor.page.locator("#main").bounding_box()
    assert viewer is not None
    assert whole is not None
    assert viewer["width"] * viewer["height"] / (whole["width"] * whole["height"]) >= 0.7


def test_the_bar_tells_how_much_is_left_and_how_long_it_takes(scene: OpenStudy, visit):
    for _ in range(4):
        scene.answer_next()
    visitor = visit()
    visitor.log_in(scene.reader)
    page = visitor.open(scene.reading_path)
    expect(page.locator("#wb-count")).to_have_text("4 / 8")
    expect(page.locator("#wb-eta")).to_have_text("")
    scene.answer_next()
    page.reload()
    expect(page.locator("#wb-count")).to_have_text("5 / 8")
    # Three images at the 6.5 seconds that each of the five took.
    expect(page.locator("#wb-eta")).to_have_text("about 20 s left")
