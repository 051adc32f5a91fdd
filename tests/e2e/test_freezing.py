"""From accepted images to an archive in the browser: choose, preview, freeze, two signatures, export, a hold decided."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from annotation.export.verify import verify_archive
from annotation.models import Export, Snapshot, SnapshotHold, Study, StudyRole
from annotation.services import reviewing, studies
from generation.models import Split
from generation.services.withdrawing import withdraw_images
from synthlab.accounts.models import User
from synthlab.core.jobs import execute
from tests.annotation.factories import make_evaluation
from tests.e2e.scenery import OpenStudy
from tests.factories import PASSWORD, make_clinician
from tests.present import present

pytestmark = pytest.mark.usefixtures("product_hasher")


@pytest.fixture
def second(scene: OpenStudy) -> User:
    """Another manager; the study asks for two signatures, and all its images but two are accepted."""
    Study.objects.update(signatures_needed=2)
    for _ in range(6):
        reviewing.accept(actor=scene.reviewer, annotation=scene.answer_next())
    person = make_clinician(display_name="Second manager")
    studies.add_member(actor=scene.manager, study=scene.study, user=person, role=StudyRole.MANAGER)
    return person


def freeze(page: Page) -> Snapshot:
    page.get_by_role("link", name="Choose and preview").click()
    page.get_by_role("checkbox", name="DAB-positive gland").check()
    page.get_by_label("Split into train, val and test").check()
    page.get_by_label("Train, %").fill("60")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".field-error")).to_have_text("The three shares add up to 100 %.")
    page.get_by_label("Val, %").fill("20")
    page.get_by_label("Test, %").fill("20")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="It takes 6 images")).to_be_visible()
    expect(page.locator("main")).to_contain_text("2 not decided yet")
    expect(page.get_by_role("checkbox", name="DAB-positive gland")).to_be_checked()
    assert not Snapshot.objects.exists()
    page.get_by_label("Name").fill("Training set 1")
    page.get_by_role("button", name="Freeze 6 images").click()
    expect(page.get_by_role("heading", name="Training set 1")).to_be_visible()
    return Snapshot.objects.get()


def sign(page: Page, meaning: str) -> None:
    page.get_by_label("You sign for").fill(meaning)
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Sign", exact=True).click()


def export_to_the_end(page: Page) -> None:
    page.get_by_role("button", name="Export as COCO").click()
    expect(page.get_by_text("Writing the archive")).to_be_visible()
    execute(str(Export.objects.get().job_id))


def allow(page: Page) -> None:
    expect(page.get_by_role("link", name="Download (zip)")).to_have_count(0)
    page.get_by_label("Allow").check()
    page.get_by_label("Reason").fill("The consent covers what was made before.")
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_text("Export allowed")).to_be_visible()
    expect(page.get_by_role("link", name="Download (zip)")).to_be_visible()


def test_a_set_is_chosen_frozen_signed_by_two_exported_held_and_let_go(scene: OpenStudy, second: User, visit):
    manager, other = visit(), visit()
    manager.log_in(scene.manager)
    page = manager.open(f"/studies/{scene.study.pk}/snapshots/")
    snapshot = freeze(page)
    assert snapshot.facts["splits"]["images"] == {"train": 4, "val": 1, "test": 1}
    expect(page.locator("main")).to_contain_text("It can be signed once it is measured.")
    make_evaluation(snapshot.image_set, scene.manager)

    page.reload()
    sign(page, "approved for training set 1")
    expect(page.get_by_text("You have signed.")).to_be_visible()
    expect(page.locator("main")).to_contain_text("Another manager of this study: Second manager")
    manager.picture("half-signed")
    other.log_in(second)
    theirs = other.open(f"/snapshots/{snapshot.pk}/")
    sign(theirs, "checked by a second person")
    expect(theirs.get_by_text("The signatures hold")).to_be_visible()

    export_to_the_end(theirs)
    page.reload()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download (zip)").click()
    assert verify_archive(download.value.path()).snapshot_digest == snapshot.digest

    image = present(scene.study.dataset).images.in_split(Split.TRAIN).first()
    withdraw_images(
        actor=scene.manager, dataset=present(scene.study.dataset), images=[present(image).pk], reason="x"
    )
    page = manager.open("/")
    page.get_by_role("link", name="Held: Training set 1").click()
    expect(page.get_by_text("Export held: a decision is needed")).to_be_visible()
    manager.picture("held")
    allow(manager.page)
    assert SnapshotHold.objects.get().decided_by == scene.manager
