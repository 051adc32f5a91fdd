"""An upload with identifiers of a patient in every place that a file can hold one."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin, TiffImagePlugin
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.generation.ingest.builders import dicom_file, dicom_header, encoded, texture, zipped

MARK = "ZqjVxkw7"
"""In every planted text, so that one search finds them all in whatever encoding."""

UID_ROOT = "1.2.276.0.7230010.3.1.98"
BIRTH_DATE, STUDY_TIME = "19370211", "031417.592653"
PLAIN = (f"{UID_ROOT}.", BIRTH_DATE, "1937-02-11", STUDY_TIME)


class Planter:
    """Makes identifiers and remembers where each was put."""

    def __init__(self) -> None:
        self.planted: dict[str, str] = {}

    def __call__(self, where: str) -> str:
        return self.planted.setdefault(where, f"{MARK}n{len(self.planted):02d}")

    def uid(self, where: str) -> str:
        return self.planted.setdefault(where, f"{UID_ROOT}.{len(self.planted) + 7000}")


def _header(plant: Planter) -> Dataset:
    data = dicom_header(
        SpecificCharacterSet="ISO_IR 100",
        PatientName=f"{plant('family name')}ü^{plant('given name')}é",
        PatientID=plant("patient id"),
        IssuerOfPatientID=plant("issuer of the patient id"),
        OtherPatientIDs=plant("other patient id"),
        PatientBirthDate=BIRTH_DATE,
        PatientAddress=plant("address"),
        PatientComments=plant("comments"),
        InstitutionName=plant("institution"),
        OperatorsName=plant("operator"),
        ReferringPhysicianName=plant("physician"),
        AccessionNumber=plant("accession number"),
        StudyDescription=plant("study description"),
        StudyTime=STUDY_TIME,
        StudyInstanceUID=plant.uid("study UID"),
        SeriesInstanceUID=plant.uid("series UID"),
        SOPInstanceUID=plant.uid("instance UID"),
        ICCProfile=plant("colour profile").encode(),
        WindowCenterWidthExplanation=plant("window explanation"),
    )
    data.add_new(0x50003000, "OW", plant("curve").encode())
    data.add_new(0x60000010, "US", 64)
    data.add_new(0x60001500, "LO", plant("overlay label"))
    data.add_new(0x60003000, "OW", plant("overlay plane").encode().ljust(512, b"\0"))
    return data


def _nest(plant: Planter, data: Dataset) -> None:
    deeper, request, icon = Dataset(), Dataset(), Dataset()
    deeper.CodeMeaning = plant("twice nested text")
    request.RequestedProcedureDescription = plant("nested text")
    request.RequestedProcedureCodeSequence = Sequence([deeper])
    block = request.private_block(0x0011, plant("nested private creator"), create=True)
    block.add_new(0x01, "UT", plant("nested private text"))
    icon.Rows = icon.Columns = 8
    icon.PixelData = plant("icon").encode().ljust(64, b"\0")
    icon["PixelData"].VR = "OW"
    data.RequestAttributesSequence = Sequence([request])
    data.IconImageSequence = Sequence([icon])
    block = data.private_block(0x0009, plant("private creator"), create=True)
    block.add_new(0x01, "LO", plant("private text"))
    block.add_new(0x02, "OB", plant("private bytes").encode())


def dicom(plant: Planter) -> bytes:
    data = _header(plant)
    _nest(plant, data)
    whole = dicom_file(data, texture(1001).astype(np.uint16))
    title = plant("sender in the file meta information").encode()
    title += b" " * (len(title) % 2)
    element = b"\x02\x00\x16\x00AE" + struct.pack("<H", len(title)) + title
    length = struct.unpack_from("<I", whole, 140)[0]
    meta = whole[144 : 144 + length] + element
    head = plant("preamble").encode().ljust(128, b"\0") + whole[128:140] + struct.pack("<I", len(meta)) + meta
    padding = plant("trailing padding").encode()
    padding += b" " * (len(padding) % 2)
    return (
        head
        + whole[144 + length :]
        + struct.pack("<HH2sHI", 0xFFFC, 0xFFFC, b"OB", 0, len(padding))
        + padding
    )


def _exif(plant: Planter, kind: str) -> bytes:
    exif = Image.Exif()
    exif[0x013B] = plant(f"{kind} EXIF artist")
    exif.get_ifd(0x8769)[0x927C] = plant(f"{kind} EXIF maker note").encode()
    exif.get_ifd(0x8769)[0x9286] = plant(f"{kind} EXIF comment")
    exif.get_ifd(0x8825)[0x001D] = plant(f"{kind} EXIF place")
    return exif.tobytes()


def _profile(plant: Planter, kind: str) -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    name = plant(f"{kind} colour profile").encode()
    return profile[:-40] + name.ljust(40, b" ")


def png(plant: Planter) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Patient", plant("PNG tEXt"))
    info.add_text("Comment", plant("PNG zTXt"), zip=True)
    info.add_itxt("XML:com.adobe.xmp", f"<x>{plant('PNG iTXt XMP')}</x>")
    info.add_itxt("Note", plant("PNG packed iTXt"), zip=True)
    info.add(b"prVt", plant("PNG chunk of nobody's").encode())
    whole = encoded(
        texture(1002, (64, 64, 3)), pnginfo=info, exif=_exif(plant, "PNG"), icc_profile=_profile(plant, "PNG")
    )
    return whole + plant("behind the end of a PNG").encode()


def jpeg(plant: Planter) -> bytes:
    thumbnail = encoded(texture(1003), "JPEG", comment=plant("JPEG EXIF thumbnail").encode())
    data = encoded(
        texture(1004, (64, 64, 3)), "JPEG", quality=95, comment=plant("JPEG comment").encode(),
        exif=_exif(plant, "JPEG"), icc_profile=_profile(plant, "JPEG"),
    )  # fmt: skip
    segments = {
        0xE1: b"http://ns.adobe.com/xap/1.0/\0<x>" + plant("JPEG XMP").encode() + b"</x>",
        0xED: b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\x20\x1c\x02\x50" + plant("JPEG IPTC").encode(),
        0xE5: plant("JPEG APP5").encode(),
        0xEA: thumbnail,
    }
    extra = b"".join(
        bytes((0xFF, kind)) + struct.pack(">H", len(body) + 2) + body for kind, body in segments.items()
    )
    return data[:2] + extra + data[2:]


def tiff(plant: Planter) -> bytes:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, where in (
        (269, "document name"), (270, "description"), (285, "page name"), (305, "software"), (306, "time"),
        (315, "artist"), (316, "host"), (33432, "copyright"), (65001, "tag of nobody's"),
    ):  # fmt: skip
        tags[tag] = plant(f"TIFF {where}")
        tags.tagtype[tag] = 2
    buffer = io.BytesIO()
    Image.fromarray(texture(1005, (64, 64, 3))).save(buffer, "TIFF", tiffinfo=tags, compression="tiff_lzw")
    return buffer.getvalue()


def archive(plant: Planter) -> bytes:
    """Names, comments and extra fields of a zip, and a table that names files and patients."""
    folder = plant("folder in a zip")
    named = f"{folder}/{plant('file in a zip')}.png"
    odd = zipfile.ZipInfo(f"{plant('file with an extra field')}.png")
    odd.comment = plant("comment of a member").encode()
    text = plant("extra field").encode()
    odd.extra = struct.pack("<2H", 0x7075, len(text)) + text
    rows = [f"{named},{plant('patient in a table')}", f"{odd.filename},{plant('another patient in a table')}"]
    table = "file,patient\n" + "\n".join(rows) + f"\n{plant('file of a table that is missing')}.png,x\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as whole:
        whole.comment = plant("comment of a zip").encode()
        whole.writestr(named, encoded(texture(1006, (64, 64, 3))))
        whole.writestr(odd, encoded(texture(1007, (64, 64, 3))))
        whole.writestr(f"{plant('unreadable file in a zip')}.doc", plant("text of a letter").encode())
        whole.writestr(f"{plant('broken file in a zip')}.png", encoded(texture(1008))[:200])
        whole.writestr(f"{plant('name of a table')}.csv", table)
    return buffer.getvalue()


def arrays(plant: Planter) -> bytes:
    def array(values: np.ndarray) -> bytes:
        buffer = io.BytesIO()
        np.save(buffer, values, allow_pickle=False)
        return buffer.getvalue()

    pictures = np.stack([texture(1010 + number, (64, 64, 3)) for number in range(2)])
    odd = np.frombuffer(plant("array of nobody's").encode(), np.uint8)
    return zipped([("train_images.npy", array(pictures)), (f"{plant('name of an array')}.npy", array(odd))])


def annotated(plant: Planter) -> bytes:
    """A picture with boxes in Pascal VOC, whose XML names folders, files and people."""
    name = plant("picture with boxes")
    xml = f"""<annotation><folder>{plant("VOC folder")}</folder><filename>{name}.png</filename>
    <path>/home/{plant("VOC path")}/{name}.png</path><source><database>{plant("VOC database")}</database></source>
    <owner><name>{plant("VOC owner")}</name></owner><size><width>128</width><height>128</height><depth>3</depth></size>
    <!-- {plant("VOC comment")} -->
    <object><name>cell</name><bndbox><xmin>10</xmin><ymin>10</ymin><xmax>60</xmax><ymax>60</ymax></bndbox></object>
    <object><name>cell</name><bndbox><xmin>64</xmin><ymin>64</ymin><xmax>120</xmax><ymax>120</ymax></bndbox></object>
    </annotation>"""
    return zipped([(f"{name}.png", encoded(texture(1020, (128, 128, 3)))), (f"{name}.xml", xml.encode())])


FILES: dict[str, Callable[[Planter], bytes]] = {
    "dcm": dicom, "png": png, "jpg": jpeg, "tif": tiff, "zip": archive, "npz": arrays
}  # fmt: skip
