"""Files that are something else than they look, or two things at once; and programs that wait to be loaded."""

from __future__ import annotations

import gzip
import os
import struct
import tempfile
from pathlib import Path

import numpy as np

from tests.generation.ingest.builders import dicom, encoded, texture, zipped
from tests.generation.ingest.hostile.corpus import OK, hostile

PAYLOAD = b"<script>alert('stored')</script><?php evil(); ?>"
MARKER = Path(tempfile.gettempdir()) / f"synthlab-hostile-file-was-run-{os.getpid()}"


def program() -> bytes:
    """A pickle that makes `MARKER` when it is loaded."""
    return b"cposix\nsystem\n(S'touch " + str(MARKER).encode() + b"'\ntR."


@hostile("unsupported_type", why="GIF that is also a script", mirrors="GIFAR, content sniffing")
def gif_script() -> bytes:
    return b"GIF89a/*" + bytes(10) + b"*/=1;alert(1)//"


@hostile("unsupported_type", why="an honest GIF under another name", mirrors="S2: by content, not by name")
def gif_renamed() -> bytes:
    return encoded(texture(80), "GIF")


@hostile("unsupported_type", why="SVG is a program", mirrors="CVE-2026-23516")
def svg() -> bytes:
    return b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script/></svg>"


@hostile("unsupported_type", why="SVG that reads files and grows", mirrors="XXE, billion laughs")
def svg_entities() -> bytes:
    lines = b"".join(b"<!ENTITY a%d '%s'>" % (n + 1, b"&a%d;" % n * 10) for n in range(9))
    return b"<!DOCTYPE svg [<!ENTITY a0 SYSTEM 'file:///etc/passwd'>" + lines + b"]><svg>&a9;</svg>"


@hostile("unsupported_type", why="PDF with a script", mirrors="S2")
def pdf() -> bytes:
    return b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\n%%EOF"


@hostile("unsupported_type", why="a page under the name of an image", mirrors="CVE-2023-47115")
def html() -> bytes:
    return b"<!doctype html>" + PAYLOAD


@hostile("unsupported_type", why="a program", mirrors="S2")
def windows_program() -> bytes:
    return b"MZ\x90\0" + bytes(124) + b"PE\0\0" + bytes(400)


@hostile("unsupported_type", why="a program whose tail is a zip", mirrors="self-extracting archives")
def program_with_zip() -> bytes:
    return windows_program() + zipped([("a.png", encoded(texture(81)))])


@hostile("unsupported_type", why="PostScript is a program", mirrors="Pillow 12.3.0 notes: EPS loop")
def postscript() -> bytes:
    return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 65000 65000\n{}loop"


@hostile("unsupported_type", why="layers that decode out of bounds", mirrors="CVE-2026-25990, CVE-2026-42311")
def photoshop() -> bytes:
    return b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 30_000, 30_000, 8, 3) + bytes(64)


@hostile("unsupported_type", why="an astronomical picture in gzip", mirrors="CVE-2026-40192")
def fits_bomb() -> bytes:
    return b"SIMPLE  =                    T" + b" " * 2850


@hostile("unsupported_type", why="a gzip stream", mirrors="CVE-2026-5438")
def gzip_bomb() -> bytes:
    return gzip.compress(bytes(2**24))


@hostile(OK, why="an image with a page behind it", mirrors="S2: polyglot")
def png_and_html() -> bytes:
    return encoded(texture(82)) + PAYLOAD


@hostile(
    OK, why="an image and a zip in one", mirrors="S2: polyglot; what the sniffer took, the reader must take"
)
def png_and_zip() -> bytes:
    return encoded(texture(83)) + zipped([("../../evil.html", PAYLOAD)])


@hostile(OK, why="a page in the comment of a JPEG and behind it", mirrors="S2: polyglot")
def jpeg_and_html() -> bytes:
    return encoded(texture(84), "JPEG", comment=PAYLOAD) + PAYLOAD


@hostile(OK, why="a TIFF with a script behind its pixels", mirrors="S2: polyglot")
def tiff_and_html() -> bytes:
    return encoded(texture(85), "TIFF") + PAYLOAD


@hostile(OK, why="a DICOM file that also starts as a Windows program", mirrors="CVE-2019-11687")
def dicom_and_program() -> bytes:
    return (b"MZ\x90\0" + PAYLOAD).ljust(128, b"\0") + dicom(texture(86).astype(np.uint16))[128:]


@hostile(OK, why="a DICOM file whose preamble is a TIFF header", mirrors="dual personality, PS3.10 §7.1")
def dicom_and_tiff() -> bytes:
    return b"II*\0\x08\0\0\0".ljust(128, b"\xff") + dicom(texture(87).astype(np.uint16))[128:]


@hostile("unsupported_type", why="a pickle that runs a command", mirrors="CVE-2025-23045")
def pickle_plain() -> bytes:
    return program()


@hostile(
    "unsupported_type", why="weights of the old format: a pickle behind a number", mirrors="CVE-2025-32434"
)
def weights_legacy() -> bytes:
    return b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + b"\x80\x02M\xe9\x03." + b"\x80\x02}." + program()


@hostile("unsupported_type", "unsupported_type", "unsupported_type",
         why="weights of the zip format: a pickle among its members", mirrors="CVE-2025-32434, CVE-2026-24747")  # fmt: skip
def weights_zip() -> bytes:
    return zipped(
        [("archive/data.pkl", program()), ("archive/version", b"3\n"), ("archive/data/0", bytes(64))]
    )


@hostile(
    "unsupported_type", "unsupported_type", why="an exported program", mirrors="CVE-2026-4538: pt2 loader"
)
def weights_pt2() -> bytes:
    return zipped([("archive_format", b"pt2"), ("data/sample_inputs/model.pt", program())])


@hostile("unsupported_type", why="weights in the one format that is taken, where images are", mirrors="S8")
def weights_safetensors() -> bytes:
    return struct.pack("<Q", 2) + b"{}"
