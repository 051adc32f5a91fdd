"""The symmetries under which two pictures are the same picture.

A mirrored or turned scan is still that patient's scan, so copies are looked for under every symmetry of the
square. (Training augmentation is stricter: anatomy with a side is never mirrored there.)
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

# Name → (quarter turns anticlockwise, then mirrored left to right?)
_DIHEDRAL: dict[str, tuple[int, bool]] = {
    "identity": (0, False),
    "rot90": (1, False),
    "rot180": (2, False),
    "rot270": (3, False),
    "mirror": (0, True),
    "rot90-mirror": (1, True),
    "rot180-mirror": (2, True),
    "rot270-mirror": (3, True),
}
CHOICES = ("dihedral", "flips", "none")


def symmetry_names(choice: str, *, square: bool) -> tuple[str, ...]:
    """Names of the symmetries that `choice` means; quarter turns fall away where pictures are not square.

    Raises:
        ValueError: `choice` is not one of `CHOICES`.
    """
    if choice == "none":
        return ("identity",)
    if choice not in CHOICES:
        raise ValueError(f"symmetries must be one of {', '.join(CHOICES)}, not {choice!r}")
    whole = square and choice == "dihedral"
    return tuple(name for name, (turns, _) in _DIHEDRAL.items() if whole or turns % 2 == 0)


def transform(images: npt.NDArray[np.generic], name: str) -> npt.NDArray[np.generic]:
    """Apply one symmetry to ``(n, h, w, c)`` images; a view where numpy can give one."""
    turns, mirrored = _DIHEDRAL[name]
    turned = np.rot90(images, turns, axes=(1, 2))
    return turned[:, :, ::-1] if mirrored else turned


def pixel_digest(image: npt.NDArray[np.uint8]) -> str:
    """SHA-256 over size and pixels of one ``(h, w, 3)`` image: two files of the same pixels agree."""
    height, width, _ = image.shape
    digest = hashlib.sha256(f"rgb8 {height} {width}\n".encode())
    digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def canonical_digest(image: npt.NDArray[np.uint8], names: tuple[str, ...]) -> str:
    """The smallest pixel digest among the image's symmetric forms: equal for mirrored and turned copies."""
    forms = (transform(image[None], name)[0] for name in names)
    return min(pixel_digest(np.asarray(form, dtype=np.uint8)) for form in forms)
