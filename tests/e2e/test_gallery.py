"""Looking through a batch: keys, filters, discarding with undo, and one image beside its nearest real one."""

from __future__ import annotations

import re
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from evaluation.models import ImageScore
from generation.models import Batch, ImageDecision, SyntheticImage
from synthlab.core.models import AuditEvent
from tests.e2e.browsing import Visitor
from tests.evaluation.factories import make_evaluation, make_image_set
from tests.generation.factories import make_batch, make_dataset, make_generator

COUNT = 3000


def measured_batch() -> Batch:
    """3,000 images of two classes, of which 24 have files of their own; every hundredth looks like a copy."""
    dataset = make_dataset(per_split=4)
    generator = make_generator(dataset=dataset, state="approved", classes=("gland", "stroma"))
    batch = make_batch(generator=generator, count=24)
    models = list(batch.images.order_by("index"))
    fields = ("seed", "digest", "pixel_digest", "size", "width", "height")
    SyntheticImage.objects.bulk_create(
        SyntheticImage(
            batch=batch, index=index, **{name: getattr(models[index % 24], name) for name in fields}
        )
        for index in range(24, COUNT)
    )
    batch.images.filter(index__lt=COUNT // 2).update(class_key="gland")
    batch.images.filter(index__gte=COUNT // 2).update(class_key="stroma")
    Batch.objects.filter(pk=batch.pk).update(count=COUNT)
    evaluation = make_evaluation(image_set=make_image_set(batch=batch))
    nearest = dataset.images.first()
    ImageScore.objects.bulk_create(
        ImageScore(
            evaluation=evaluation, image=image, nearest=nearest, distance=0.1, p_value=0.2,
            ratio=0.2 + (image.index * 37 % COUNT) / COUNT,
            flags=["copy"] if image.index % 100 == 0 else [],
        )
        for image in batch.images.all()
    )  # fmt: skip
    return batch


def cell(page: Page, index: int) -> Locator:
    return page.locator(f"#image-{index}")


def drawn(page: Page, index: int) -> None:
    """The picture of this image is decoded and on the screen."""
    expect(cell(page, index)).to_be_in_viewport()
    picture = cell(page, index).locator("img")
    expect(picture).to_have_attribute("src", re.compile("^blob:"))
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 32


def check_axe(visitor: Visitor) -> None:
    for scheme in ("dark", "light"):
        visitor.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found = Axe().run(visitor.page).response["violations"]
        assert not found, [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found]
    visitor.page.emulate_media(color_scheme="dark")


def test_a_batch_is_looked_through_by_keys_alone(visit: Any) -> None:
    batch = measured_batch()
    scientist = visit()
    scientist.log_in(batch.requested_by)
    page = scientist.open(f"/batches/{batch.pk}/")
    page.get_by_role("link", name="Look through all 3,000").click()
    said, chosen = page.locator("#gallery-said"), page.locator("#gallery-chosen")
    expect(said).to_have_text("3,000 of 3,000 images · 30 flagged")
    drawn(page, 0)
    assert page.locator(".gallery-cell").count() < 500
    scientist.picture("gallery_dark_1440")
    check_axe(scientist)

    page.locator("#gallery").focus()
    scientist.press("End")
    drawn(page, COUNT - 1)
    expect(page.locator("#gallery")).to_have_attribute("aria-activedescendant", f"image-{COUNT - 1}")
    scientist.press("Home", "ArrowRight", "Space", "Shift+ArrowRight", "Shift+ArrowRight")
    expect(chosen).to_have_text("3 chosen")
    for index, selected in ((0, "false"), (1, "true"), (2, "true"), (3, "true"), (4, "false")):
        expect(cell(page, index)).to_have_attribute("aria-selected", selected)

    scientist.press("x")
    expect(page.get_by_role("heading", name="Discard 3 images")).to_be_visible()
    check_axe(scientist)
    scientist.press("Escape")
    expect(chosen).to_have_text("3 chosen")
    scientist.press("x")
    page.get_by_label("Reason").select_option("artefact")
    page.get_by_role("button", name="Discard 3 images").press("Enter")
    expect(page.locator("#toasts")).to_contain_text("3 images discarded.")
    expect(said).to_have_text("2,997 of 3,000 images · 30 flagged · 3 discarded")
    expect(cell(page, 2)).to_have_count(0)
    assert set(batch.images.discarded().values_list("index", flat=True)) == {1, 2, 3}
    assert ImageDecision.objects.get().reason == "artefact"

    scientist.press("z")
    expect(said).to_have_text("3,000 of 3,000 images · 30 flagged")
    assert not batch.images.discarded().exists()


def test_what_a_filter_leaves_is_chosen_and_discarded_and_the_address_keeps_it(visit: Any) -> None:
    batch = measured_batch()
    scientist = visit()
    scientist.log_in(batch.requested_by)
    page = scientist.open(f"/batches/{batch.pk}/images/")
    said = page.locator("#gallery-said")
    page.get_by_label("Flag").select_option("copy")
    page.get_by_label("Class").select_option("stroma")
    expect(said).to_have_text("15 of 3,000 images · 30 flagged")
    page.get_by_label("Order").select_option("ratio")
    expect(page).to_have_url(re.compile(r"\?class=stroma&flag=copy&ordering=ratio$"))
    expect(page.locator("[aria-posinset='1'] .gallery-note")).to_have_text("0.27")
    page.get_by_role("button", name="Choose all 15").click()
    page.get_by_role("button", name=re.compile("^Discard")).first.click()
    page.get_by_label("Reason").select_option("other")
    page.get_by_role("button", name="Discard 15 images").click()
    assert page.locator("#discard-dialog").evaluate("dialog => dialog.open")  # `other` needs words
    page.get_by_label("Comment").fill("all from one scanner")
    page.get_by_role("button", name="Discard 15 images").click()
    expect(page.get_by_role("heading", name="No image matches")).to_be_visible()
    page.get_by_label("Show", exact=True).select_option("true")
    expect(said).to_have_text("15 of 3,000 images · 15 flagged · 15 discarded")
    page.go_back()
    expect(page.get_by_label("Show", exact=True)).to_have_value("false")
    page.go_forward()
    page.get_by_role("button", name="Choose all 15").click()
    page.get_by_role("button", name="Take back").click()
    expect(page.locator("#toasts")).to_contain_text("15 images taken back.")
    assert not batch.images.discarded().exists()


def test_mouse_ranges_and_a_narrow_window(visit: Any) -> None:
    batch = measured_batch()
    scientist = visit(width=800, height=900)
    scientist.log_in(batch.requested_by)
    page = scientist.open(f"/batches/{batch.pk}/images/")
    drawn(page, 0)
    cell(page, 2).click()
    cell(page, 9).click(modifiers=["Shift"])
    expect(page.locator("#gallery-chosen")).to_have_text("8 chosen")
    cell(page, 4).click(modifiers=["Control"])
    expect(page.locator("#gallery-chosen")).to_have_text("7 chosen")
    scientist.picture("gallery_dark_800")
    page.get_by_label("Size").select_option("168")
    drawn(page, 9)
    page.locator("#gallery").evaluate("list => list.scrollTop = list.scrollHeight / 2")
    middle = page.locator(".gallery-cell").nth(12)
    expect(middle.locator("img")).to_have_attribute("src", re.compile("^blob:"))
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 800


def test_one_image_beside_its_nearest_real_one(visit: Any) -> None:
    batch = measured_batch()
    scientist = visit()
    scientist.log_in(batch.requested_by)
    page = scientist.open(f"/batches/{batch.pk}/images/?flag=copy")
    drawn(page, 0)
    page.locator("#gallery").focus()
    scientist.press("ArrowRight", "Enter")
    expect(page.get_by_role("heading", level=1, name="Image 100")).to_be_visible()
    looks = AuditEvent.objects.filter(action="real_image.viewed")
    assert looks.count() == 0
    scientist.press("n")
    expect(page.locator("#difference")).to_be_visible()
    expect(page.locator("#difference-said")).to_have_text(re.compile(r"^\d+\.\d of 255 on average\.$"))
    assert looks.count() == 1
    check_axe(scientist)
    scientist.picture("image_dark_1440")
    scientist.press("ArrowRight")
    expect(page.get_by_role("heading", level=1, name="Image 200")).to_be_visible()
    scientist.press("x")
    page.get_by_role("button", name="Discard 1 image").click()
    expect(page.locator(".page-head .badge", has_text="discarded")).to_be_visible()
    expect(page.locator(".image-history")).to_contain_text("Discarded by")
    scientist.press("r")
    expect(page.locator(".image-history")).to_contain_text("Taken back by")
    scientist.press("Escape")
    expect(cell(page, 200)).to_have_attribute("data-here", "")
    assert looks.count() == 1


def test_a_batch_that_grows_and_one_that_nobody_measured(visit: Any) -> None:
    batch = make_batch(generator=make_generator(dataset=make_dataset(per_split=4)), count=3)
    scientist = visit()
    scientist.log_in(batch.requested_by)
    page = scientist.open(f"/batches/{batch.pk}/images/")
    expect(page.get_by_text("Not measured yet")).to_be_visible()
    expect(page.get_by_label("Flag")).to_be_disabled()
    expect(page.locator("#gallery-said")).to_have_text("3 of 3 images")
    gone = list(batch.images.all())
    batch.images.all().delete()
    Batch.objects.filter(pk=batch.pk).update(state="running")
    page.reload()
    expect(page.get_by_role("heading", name="The first images are being made")).to_be_visible()
    SyntheticImage.objects.bulk_create(gone)
    expect(page.locator("#gallery-said")).to_have_text("3 of 3 images")
    page.locator("#gallery").focus()
    scientist.press("Space")
    expect(page.get_by_role("button", name=re.compile("^Discard"))).to_be_disabled()
