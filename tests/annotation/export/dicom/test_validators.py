"""Foreign programs accept every object: dicom3tools' dciodvfy and OFFIS dcmtk."""

from __future__ import annotations

import re
import subprocess

import numpy as np
from PIL import Image

from annotation.export.rows import MemberRow, RegionRow
from annotation.geometry import Point
from tests.annotation.export.dicom.cast import Packed
from tests.environment import program

# dciodvfy of 2022 does not know an attribute of 2023, says so in four lines, and wants Laterality in the line that it
# warns about when it is there; private schemes are no "defined term". Any other line is a fault.
TOLERATED = [
    r"(ComprehensiveSR|Segmentation|VLMicroscopicImage|VLPhotographicImage|SCImage)",
    r"\(0x0008,0x001c\)  \?  - Warning - Unrecognized tag - assuming explicit value representation OK",
    r"Error - Attribute with an even group number is not a recognized standard attribute - \(0x0008,0x001c\)  \? ",
    r"Warning - Attribute is not present in standard DICOM IOD - \(0x0008,0x001c\)  \? ",
    r"Warning - Dicom dataset contains attributes not present in standard DICOM IOD - this is a Standard Extended SOP Class",
    r"Warning - is only permitted to be empty when actually unknown; .* - attribute <Laterality>",
    r"Warning - Unrecognized defined term <99[0-9A-Z]{8,14}> for value 1 of attribute <Coding Scheme Designator>",
]


UNCHECKED = "W: The VR checker does not support this Specific Character Set: ISO_IR 192"


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, timeout=60
    )


def complaints(path: object) -> list[str]:
    done = run(program("dciodvfy", package="dicom3tools"), path)
    lines = (done.stdout + done.stderr).splitlines()
    assert lines, "the validator said nothing at all"
    return [line for line in lines if not any(re.fullmatch(known, line) for known in TOLERATED)]


def test_dciodvfy_accepts_every_object(packed):
    for path in packed.objects:
        assert complaints(path) == [], path


def test_dciodvfy_accepts_every_image_class_size_and_depth(case):
    for path in case.objects:
        assert complaints(path) == [], path


def test_the_list_of_tolerated_lines_would_not_hide_a_fault(packed, tmp_path):
    image = packed.read(packed.release.members[0], "image")
    del image.StudyID
    image.BurnedInAnnotation = "PERHAPS"
    image.save_as(tmp_path / "bad.dcm")
    told = "\n".join(complaints(tmp_path / "bad.dcm"))
    assert "StudyID" in told
    assert "PERHAPS" in told


def test_dcmtk_parses_every_object_without_a_word(packed):
    tool = program("dcmdump", package="dcmtk")
    for path in packed.objects:
        done = run(tool, "--quiet", "+L", path)
        assert (done.returncode, done.stderr) == (0, "")
        assert "(0008,001c) CS [YES]" in done.stdout


def test_dcmtk_renders_the_approved_pixels(case):
    tool = program("dcm2pnm", package="dcmtk")
    for member in case.release.members:
        target = case.folder / "rendered.pnm"
        expected = case.pixels(member)
        deep = expected.dtype != np.uint8
        done = run(tool, "+opw" if deep else "+op", case.path(member, "image"), target)
        assert done.returncode == 0, done.stderr
        with Image.open(target) as image:
            assert np.array_equal(np.asarray(image), expected)


def test_dcmtk_reads_the_same_words_and_shapes_from_every_report(packed):
    tool = program("dsrdump", package="dcmtk")
    for member in packed.release.members:
        done = run(tool, "+Pl", "+Pc", packed.path(member, "report"))
        # Release 3.6 checks values in older character sets only, and says so.
        assert (done.returncode, done.stderr) == (0, f"{UNCHECKED}\n")
        assert shapes_told(done.stdout) == shapes_given(member)
        findings = re.findall(r'CODE:\(121071,DCM,"Finding"\)=\(([^,]+),99SYNTHLAB', done.stdout)
        assert findings == [*member.classes, *(region.label for region in member.regions)]
        assert re.findall(r'PNAME:\(121008,DCM,"[^"]+"\)="([^"]+)\^"', done.stdout) == [member.reader]


def shapes_told(text: str) -> list[tuple[str, tuple[float, ...]]]:
    found = re.findall(r'SCOORD:\(111030,DCM,"Image Region"\)=\((\w+),([^)]*)\)', text)
    return [(kind, tuple(float(np.float32(n)) for n in re.split("[/,]", numbers))) for kind, numbers in found]


def shapes_given(member: MemberRow) -> list[tuple[str, tuple[float, ...]]]:
    return [graphic(region) for region in member.regions]


def graphic(region: RegionRow) -> tuple[str, tuple[float, ...]]:
    """As an SCOORD holds it: single precision."""
    is_point = isinstance(region.shape, Point)
    points = region.shape.points if is_point else (*region.shape.points, region.shape.points[0])
    numbers = tuple(float(np.float32(n)) for point in points for n in point)
    return ("POINT" if is_point else "POLYLINE"), numbers


def test_the_archive_is_read_with_its_whole_tree(packed: Packed):
    """`dcmdump` walks folders as people would push them: it finds the objects and nothing that it cannot read."""
    done = run(
        program("dcmdump", package="dcmtk"),
        "+sd",
        "+r",
        "--quiet",
        "+P",
        "SOPInstanceUID",
        packed.folder / "dicom",
    )
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"\[2\.25\.\d+\]", done.stdout)) == len(packed.objects)
