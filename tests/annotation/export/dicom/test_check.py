"""`synthlab verify` compares every object with the labels; here its digests are all in order and the content is not."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from pydicom import Dataset

from annotation.export.canonical import canonical_json, digest_bytes
from annotation.export.dicom.check import check_objects
from annotation.export.opened import BadArchiveError, Opened
from annotation.export.verify import verify_archive
from tests.annotation.export.dicom.cast import Packed, answers, make_release, pack

LABELS = "annotations/labels.json"


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Packed:
    return pack(
        tmp_path_factory.mktemp("dicom"), lambda folder: make_release(folder, size=32, given=answers(32)[:5])
    )


def check(packed: Packed, tmp_path, changes: Mapping[str, bytes | None]) -> None:
    """Check the archive with some of its files replaced, added or (None) left out."""
    target = tmp_path / "changed.zip"
    with zipfile.ZipFile(packed.archive) as old, zipfile.ZipFile(target, "w") as new:
        files = {name: old.read(name) for name in old.namelist()} | dict(changes)
        digests = {}
        for name, data in sorted(files.items()):
            if data is not None:
                new.writestr(name, data)
                digests[name] = digest_bytes(data)
    with Opened(target, digests) as opened:
        check_objects(opened, opened.json(LABELS))


def changed(packed: Packed, member, kind: str, change: Callable[[Dataset], None]) -> dict[str, bytes]:
    """The file of an object after a change."""
    found = packed.read(member, kind)
    change(found)
    path = packed.path(member, kind).with_name("changed")
    found.save_as(path)
    data = path.read_bytes()
    path.unlink()
    return {f"dicom/{member.digest}/{kind}.dcm": data}


def with_box(packed: Packed):
    """The member with one box over the whole image."""
    return next(m for m in packed.release.members if [r.kind for r in m.regions] == ["box"])


def test_an_archive_as_it_was_written_is_whole(case):
    found = verify_archive(case.archive)
    assert (found.format, found.compared, found.images) == ("dicom", True, len(case.release.members))
    assert found.regions == sum(len(member.regions) for member in case.release.members)


def test_an_image_with_hundreds_of_regions_is_compared_too(packed):
    assert verify_archive(packed.archive).regions == 306


def test_unchanged_files_pass_the_check_alone(small, tmp_path):
    check(small, tmp_path, {})


def drop_flag(found: Dataset) -> None:
    del found.SyntheticData


def deny_flag(found: Dataset) -> None:
    found.SyntheticData = "NO"


def rename_object(found: Dataset) -> None:
    found.SOPInstanceUID = "2.25.1"


def rename_study(found: Dataset) -> None:
    found.StudyInstanceUID = "2.25.1"


def rename_series(found: Dataset) -> None:
    found.SeriesInstanceUID = "2.25.1"


def rename_class(found: Dataset) -> None:
    found.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"


@pytest.mark.parametrize("kind", ["image", "report", "segmentation"])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (drop_flag, "does not say that it is synthetic"),
        (deny_flag, "does not say that it is synthetic"),
        (rename_object, "SOPInstanceUID"),
        (rename_study, "StudyInstanceUID"),
        (rename_series, "SeriesInstanceUID"),
        (rename_class, "SOPClassUID"),
    ],
)
def test_every_object_must_be_synthetic_and_in_its_place(small, tmp_path, kind, change, told):
    member = with_box(small)
    with pytest.raises(BadArchiveError, match=told) as caught:
        check(small, tmp_path, changed(small, member, kind, change))
    assert caught.value.file == f"dicom/{member.digest}/{kind}.dcm"


def flip_pixel(found: Dataset) -> None:
    pixels = bytearray(found.PixelData)
    pixels[17] ^= 1
    found.PixelData = bytes(pixels)


def refer_elsewhere(found: Dataset) -> None:
    """The deepest reference alone, as a merge of two archives by hand would leave it."""
    [*_, last] = [one for one in found.iterall() if one.keyword == "ReferencedSOPInstanceUID"]
    last.value = "2.25.1"


def move_corner(found: Dataset) -> None:
    for element in found.iterall():
        if element.keyword == "GraphicData":
            element.value = [0.001, *element.value[1:-2], 0.001, element.value[-1]]


def open_outline(found: Dataset) -> None:
    for element in found.iterall():
        if element.keyword == "GraphicData":
            element.value = [*element.value[:-2], 1.0, 1.0]


def name_another_class(found: Dataset) -> None:
    for element in found.iterall():
        if element.keyword == "CodeValue" and element.value == "gland":
            element.value = "normal"


def name_another_reader(found: Dataset) -> None:
    for element in found.iterall():
        if element.keyword == "PersonName":
            element.value = "p-ffffffffffff^"


def drop_measurements(found: Dataset) -> None:
    found.ContentSequence = found.ContentSequence[:-1]


def empty_segments(found: Dataset) -> None:
    found.PixelData = bytes(len(found.PixelData))


def track_another(found: Dataset) -> None:
    found.SegmentSequence[0].TrackingUID = "2.25.1"


def forget_digest(found: Dataset) -> None:
    found.ImageComments = ""


@pytest.mark.parametrize(
    ("kind", "change", "told"),
    [
        ("image", flip_pixel, "other pixels"),
        ("image", forget_digest, "names another approved image"),
        ("report", refer_elsewhere, "refers to something else"),
        ("report", move_corner, "says something else"),
        ("report", open_outline, "not closed"),
        ("report", name_another_class, "says something else"),
        ("report", name_another_reader, "says something else"),
        ("report", drop_measurements, "cannot be read as a report"),
        ("segmentation", refer_elsewhere, "refers to something else"),
        ("segmentation", empty_segments, "other segments"),
        ("segmentation", track_another, "other segments"),
        ("segmentation", name_another_class, "other segments"),
    ],
)
def test_content_that_differs_from_the_labels_is_named(small, tmp_path, kind, change, told):
    member = with_box(small)
    with pytest.raises(BadArchiveError, match=told) as caught:
        check(small, tmp_path, changed(small, member, kind, change))
    assert caught.value.file == f"dicom/{member.digest}/{kind}.dcm"


@pytest.mark.parametrize("kind", ["image", "report", "segmentation"])
def test_a_missing_object_is_named(small, tmp_path, kind):
    name = f"dicom/{with_box(small).digest}/{kind}.dcm"
    with pytest.raises(BadArchiveError, match="is missing") as caught:
        check(small, tmp_path, {name: None})
    assert caught.value.file == name


def test_an_object_of_no_image_is_named(small, tmp_path):
    member = with_box(small)
    name = f"dicom/{'f' * 64}/image.dcm"
    with pytest.raises(BadArchiveError, match="belongs to no image") as caught:
        check(small, tmp_path, {name: small.path(member, "image").read_bytes()})
    assert caught.value.file == name


def test_a_segmentation_where_no_region_covers_a_pixel_is_named(small, tmp_path):
    member = next(m for m in small.release.members if not m.regions)
    name = f"dicom/{member.digest}/segmentation.dcm"
    with pytest.raises(BadArchiveError, match="belongs to no image") as caught:
        check(small, tmp_path, {name: small.path(with_box(small), "segmentation").read_bytes()})
    assert caught.value.file == name


def test_objects_of_two_images_that_changed_places_are_named(small, tmp_path):
    first, second = small.release.members[:2]
    swapped = {
        f"dicom/{first.digest}/report.dcm": small.path(second, "report").read_bytes(),
        f"dicom/{second.digest}/report.dcm": small.path(first, "report").read_bytes(),
    }
    with pytest.raises(BadArchiveError, match="SOPInstanceUID") as caught:
        check(small, tmp_path, swapped)
    assert caught.value.file == f"dicom/{first.digest}/report.dcm"


def test_what_is_no_dicom_file_is_named(small, tmp_path):
    name = f"dicom/{with_box(small).digest}/report.dcm"
    with pytest.raises(BadArchiveError, match="is no DICOM file") as caught:
        check(small, tmp_path, {name: b"not at all"})
    assert caught.value.file == name


def test_labels_of_another_confidence_are_not_those_of_the_report(small, tmp_path):
    labels = json.loads((small.folder / LABELS).read_bytes())
    labels["members"][0]["confidence"] = 2
    with pytest.raises(BadArchiveError, match="says something else") as caught:
        check(small, tmp_path, {LABELS: canonical_json(labels)})
    assert caught.value.file == f"dicom/{labels['members'][0]['image']}/report.dcm"


def test_single_precision_tells_thousandths_apart_at_every_size_that_is_made():
    # The report holds FL; what it says must lead back to the very thousandth.
    for size in (32, 64, 128, 512):
        grid = np.round(np.arange(0, size * 1000 + 1) / 1000, 3)
        assert np.array_equal(np.round(grid.astype(np.float32).astype(np.float64), 3), grid)


def test_pydicom_alone_can_check(small):
    """Whoever verifies needs no highdicom."""
    program = (
        "import sys; sys.modules['highdicom'] = None\n"
        "from pathlib import Path\n"
        "from annotation.export.verify import verify_archive\n"
        "found = verify_archive(Path(sys.argv[1])); print(found.format, found.compared)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(small.archive)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["dicom", "True"]
