"""A data scientist drops a folder on the page, sees what was not taken and why, and takes one picture in after all."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page, expect

from generation.models import Dataset, Rejection, SourceImage
from synthlab.core.jobs import execute
from synthlab.core.models import AuditEvent, Job
from tests.generation.factories import make_dataset, make_generator, picture, png
from tests.generation.ingest.builders import SC_IMAGE, dicom, texture

# What a browser makes of a folder that is dropped: entries that are walked, not files.
DROP = """
([files, zone]) => {
  const transfer = new DataTransfer();
  const made = files.map(({ path, data }) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    return { path, file: new File([bytes], path.split("/").at(-1)) };
  });
  const entryOf = ({ path, file }) => ({ isFile: true, name: path.split("/").at(-1), file: (give) => give(file) });
  const folder = (name, inner) => ({
    isFile: false, name,
    createReader: () => {
      const left = [inner];
      return { readEntries: (give) => give(left.pop() ?? []) };
    },
  });
  const root = folder("Doe Jane", made.map(entryOf));
  const event = new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: transfer });
  Object.defineProperty(event.dataTransfer, "items", { value: [{ webkitGetAsEntry: () => root }] });
  document.querySelector(zone).dispatchEvent(event);
}
"""


def mixed() -> dict[str, bytes]:
    """Good pictures, and one of each kind of bad ones."""
    files = {f"good-{n}.png": png(picture(n, 64)) for n in range(12)}
    cmyk = io.BytesIO()
    Image.fromarray(picture(90, 64)).convert("CMYK").save(cmyk, "JPEG")
    grey: dict[str, Any] = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    return files | {
        "again.png": files["good-0.png"],
        "flat.png": png(np.full((64, 64, 3), 128, np.uint8)),
        "tiny.png": png(picture(91, 20)),
        "cmyk.jpg": cmyk.getvalue(),
        "scan.dcm": dicom(texture(5, (200, 200)), SOPClassUID=SC_IMAGE, Modality="OT", **grey),
        "notes.txt": b"Jane Doe, born 1964",
        ".DS_Store": b"of the system",
    }


def drop(page: Page, files: dict[str, bytes]) -> None:
    sent = [{"path": name, "data": base64.b64encode(data).decode()} for name, data in files.items()]
    page.evaluate(DROP, [sent, "[data-upload-drop]"])


def read_it() -> None:
    job = Job.objects.get(kind="ingest", state="queued")
    execute(str(job.pk))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error


def take_in_two(scientist: Any, page: Page) -> None:
    """On the page of refusals: what is flat, and what may show text, the latter after a question."""
    quarantine = page.locator(
        "section", has=page.get_by_role("heading", name="May show text about a patient: 1")
    )
    expect(quarantine.get_by_text("Doe Jane/scan.dcm")).to_be_visible()
    expect(page.get_by_text("Doe Jane/notes.txt")).to_be_visible()  # the tab remembers, the server never knew
    scientist.picture("rejections")
    assert not Axe().run(page).response["violations"]
    flat = page.locator("[data-rejection]", has_text="Doe Jane/flat.png")
    flat.get_by_role("button", name="Take it in").click()
    expect(flat.get_by_text("Taken in, on the side")).to_be_visible()
    quarantine.get_by_role("button", name="Take it in").click()
    page.locator("dialog[open] button").last.click()
    expect(quarantine.get_by_text("Taken in, on the side")).to_be_visible()


def test_a_folder_is_dropped_and_what_was_refused_is_decided(visit: Any) -> None:
    dataset = make_dataset()
    scientist = visit()
    scientist.log_in(dataset.owner)
    page = scientist.open(f"/datasets/{dataset.pk}/")
    drop(page, mixed())
    expect(page.get_by_text("18 files, ")).to_contain_text("1 hidden file of the system left out")
    rows = page.get_by_role("list", name="Chosen files").get_by_role("listitem")
    expect(rows).to_have_count(18)

    # One stop of the Tab key; arrows walk and Delete removes.
    page.get_by_role("button", name="Remove Doe Jane/good-0.png").focus()
    scientist.press("ArrowDown", "Delete")
    expect(rows).to_have_count(17)
    expect(page.get_by_role("button", name="Remove Doe Jane/good-2.png")).to_be_focused()
    scientist.picture("upload-chosen")
    page.get_by_text("More about how the images are read").click()
    assert not Axe().run(page).response["violations"]

    page.get_by_label("Resize to").select_option("64")
    page.get_by_label("Colour").select_option("rgb")
    page.get_by_role("button", name="Upload and read").click()
    expect(page.get_by_text("Reading the upload")).to_be_visible()
    read_it()
    expect(page.get_by_role("heading", name="What was not taken")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("1 picture may show text about a patient")).to_be_visible()
    scientist.picture("dataset-after-upload")

    page.get_by_role("link", name="Look at all 6").click()
    take_in_two(scientist, page)
    page.reload()
    page.get_by_role("button", name="Keep all").click()
    page.locator("dialog[open] button").last.click()
    expect(page.get_by_role("button", name="Keep all")).to_have_count(0)
    scientist.picture("rejections-decided")
    assert SourceImage.objects.filter(dataset=dataset, flags__icontains="overruled").count() == 2
    assert not Rejection.objects.kept().exists()
    assert AuditEvent.objects.filter(action="rejected_image.viewed").exists()
    assert "Doe Jane" not in page.request.get(page.url).text()
    assert "Jane" not in json.dumps([*Rejection.objects.values(), *Job.objects.values()], default=str)


def test_a_lost_line_costs_nothing_that_came(visit: Any) -> None:
    dataset = make_dataset()
    scientist = visit()
    scientist.expect_complaint("ERR_FAILED|net::|Failed to load")
    scientist.log_in(dataset.owner)
    page = scientist.open(f"/datasets/{dataset.pk}/")
    puts: list[str] = []
    page.on("request", lambda request: puts.append(request.url) if request.method == "PUT" else None)
    page.route("**/files/9", lambda route: route.abort())
    files = [{"name": f"{n}.png", "mimeType": "image/png", "buffer": png(picture(n, 64))} for n in range(10)]
    page.get_by_label("Images", exact=True).set_input_files(files)
    page.get_by_role("button", name="Upload and read").click()
    expect(page.locator("[data-problem]:visible")).to_contain_text("1 of 10 files is missing", timeout=30_000)
    scientist.picture("upload-interrupted")
    page.unroute("**/files/9")
    puts.clear()
    page.get_by_role("button", name="Go on with the 1 that failed").click()
    expect(page.get_by_text("Reading the upload")).to_be_visible()
    assert [url.rsplit("/", 1)[-1] for url in puts] == ["9"]


def test_five_thousand_files_stay_quick(visit: Any) -> None:
    dataset = make_dataset()
    scientist = visit()
    scientist.log_in(dataset.owner)
    page = scientist.open(f"/datasets/{dataset.pk}/")
    drop(page, {f"file-{n:04}.png": b"x" for n in range(5000)})
    expect(page.get_by_text("5000 files")).to_be_visible()
    seconds = page.evaluate(
        """() => {
          const started = performance.now();
          for (let n = 0; n < 20; n += 1) document.querySelector("[data-upload-list] button").click();
          document.body.offsetHeight;
          return (performance.now() - started) / 1000;
        }"""
    )
    expect(page.get_by_text("4980 files")).to_be_visible()
    assert seconds < 2, seconds
    page.locator("[data-upload-clear]").click()
    expect(page.get_by_text("No file is chosen yet")).to_be_visible()


def test_a_data_set_in_use_says_what_to_do(visit: Any) -> None:
    dataset: Dataset = make_generator(dataset=make_dataset(per_split=4)).dataset
    scientist = visit()
    scientist.log_in(dataset.owner)
    page = scientist.open(f"/datasets/{dataset.pk}/")
    expect(page.get_by_text("it takes no further images")).to_be_visible()
    expect(page.locator("[data-upload-form]")).to_have_count(0)
