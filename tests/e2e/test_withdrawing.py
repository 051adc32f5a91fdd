"""The owner of a data set takes two real images out of it for good."""

from __future__ import annotations

from playwright.sync_api import expect

from generation.models import Withdrawal
from synthlab.core.files import path_of
from synthlab.core.jobs import execute
from tests.e2e.test_accessibility import violations
from tests.generation.factories import make_dataset, make_generator


def test_two_images_are_chosen_looked_through_and_withdrawn(visit):
    dataset = make_dataset(per_split=10)
    generator = make_generator(dataset=dataset)  # imported: nobody can say what it saw
    owner = visit()
    owner.log_in(dataset.owner)
    page = owner.open(f"/datasets/{dataset.pk}/gallery/")
    expect(page.locator(".thumbs img")).to_have_count(20)
    for number in (1, 2):
        page.get_by_label(f"Choose real image {number}", exact=True).check()
    page.get_by_role("button", name="Withdraw the chosen ones").click()

    expect(page.get_by_role("heading", level=1, name="Withdraw images")).to_be_visible()
    expect(page.get_by_role("link", name=generator.name)).to_be_visible()
    expect(page.get_by_text("You have to decide about 1 generator")).to_be_visible()
    assert violations(owner) == []
    owner.picture("consequences")
    assert not Withdrawal.objects.exists()

    page.get_by_label("Reason").fill("consent was taken back")
    page.get_by_role("button", name="Withdraw for good").click()
    page.get_by_role("dialog").get_by_role("button", name="Withdraw for good").click()
    expect(page.get_by_role("heading", level=1, name="Withdrawn images")).to_be_visible()
    expect(page.get_by_text("being erased")).to_be_visible()
    withdrawal = Withdrawal.objects.get()
    gone = list(withdrawal.images.all())
    assert len(gone) == 2
    execute(str(withdrawal.job_id))
    page.reload()
    expect(page.get_by_text("erased", exact=True)).to_be_visible()
    expect(page.get_by_text("consent was taken back")).to_be_visible()
    assert violations(owner) == []
    owner.picture("withdrawn")
    assert not any(path_of(image.digest).exists() for image in gone)

    owner.open(f"/datasets/{dataset.pk}/")
    expect(
        page.get_by_text("Images were withdrawn that 1 generator in use may have learnt from")
    ).to_be_visible()
    owner.open(f"/datasets/{dataset.pk}/gallery/")
    expect(page.locator(".thumbs img")).to_have_count(18)
