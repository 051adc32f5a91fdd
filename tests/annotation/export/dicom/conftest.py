"""Archives that several tests read; made once."""

from __future__ import annotations

import pytest

from tests.annotation.export.dicom.cast import Packed, answers, make_release, pack


@pytest.fixture(scope="package")
def packed(tmp_path_factory) -> Packed:
    """Colour, 64 pixels, everything from no region to 300 of them."""
    return pack(tmp_path_factory.mktemp("dicom"), make_release)


# image class, pixels across, channels, bits
CASES = [
    ("microscopic", 32, 1, 8),
    ("microscopic", 128, 3, 8),
    ("photographic", 64, 3, 8),
    ("photographic", 33, 1, 8),
    ("secondary_capture", 64, 1, 8),
    ("secondary_capture", 64, 1, 16),
    ("secondary_capture", 32, 3, 8),
]


@pytest.fixture(scope="package", params=CASES, ids=lambda case: "-".join(map(str, case)))
def case(request, tmp_path_factory) -> Packed:
    """One image class, size, colour and depth with a few regions."""
    image_class, size, channels, bits = request.param
    folder = tmp_path_factory.mktemp("dicom")
    return pack(
        folder,
        lambda images: make_release(images, size=size, channels=channels, bits=bits, given=answers(size)[:5]),
        image_class=image_class,
    )
