"""The search for real pictures finds one in every wrapping that the tests rely on it for."""

from __future__ import annotations

import base64
import io
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.annotation.factories import png
from tests.annotation.pictures import pictures_in, resembles

REAL = png(5, size=32)
OTHERS = [png(number, size=32) for number in range(6, 16)]


def shown(data: bytes, **options: object) -> bytes:
    out = io.BytesIO()
    with Image.open(io.BytesIO(data)) as picture:
        size = int(str(options.pop("size", picture.width)))
        picture.resize((size, size), Image.Resampling.BOX).save(out, **options)  # type: ignore[arg-type]
    return out.getvalue()


def in_tar(data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("x")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def in_zip(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", data)
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        REAL,
        b"before" + REAL + b"after",
        shown(REAL, format="PNG", compress_level=0),
        shown(REAL, format="JPEG", quality=80),
        shown(REAL, format="WEBP", quality=80),
        shown(REAL, format="TIFF"),
        shown(REAL, format="GIF"),
        shown(REAL, format="BMP"),
        shown(REAL, format="PNG", size=8),
        shown(REAL, format="PNG", size=96),
        in_tar(REAL),
        in_zip(REAL),
        in_zip(in_tar(shown(REAL, format="JPEG"))),
        b'{"thumbnail":"data:image/png;base64,' + base64.b64encode(REAL) + b'"}',
        b"x" * 81 + b" " + base64.b64encode(REAL),  # letters that are no base64 hide nothing
    ],
)
def test_a_real_picture_is_found_in_any_encoding_and_size(data):
    (real,) = pictures_in(REAL)
    others = [picture for other in OTHERS for picture in pictures_in(other)]
    found = list(pictures_in(data))
    assert any(resembles(picture, real) for picture in found)
    assert not any(resembles(picture, other) for picture in found for other in others)


def test_a_negative_is_found_and_what_shows_nothing_resembles_nothing():
    (real,) = pictures_in(REAL)
    assert resembles(255 - real, real)
    assert not resembles(np.zeros((16, 16)), real)
    assert list(pictures_in(b"BM, or so it says; \xff\xd8\xff too")) == []
