"""What a reader hands over: plain pixels and what may be known about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.unsignedinteger[Any]]
"""uint8 or uint16: (h, w) grey, 8 or 16 bit over the full range, or (h, w, 3) colour, 8 bit."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded picture, free of metadata.

    Attributes:
        place: where in the upload it stood.
        pixels: see `Pixels`.
        kind: ``png``, ``jpeg``, ``tiff``, ``dicom`` or ``npz``.
        removed: how many pieces of metadata of each kind were left behind; never their values.
        methods: DICOM PS3.16 CID 7050 codes of the de-identification that was done.
        holder: SHA-256 of whom the picture belongs to, for grouping in memory only.
        label: the class that the file itself (or its folder, if asked for) gives.
        split: the part that the file itself gives (MedMNIST).
        notes: how the pixels were brought to their range (window, bits).
        flags: what a person should look at.
    """

    place: str
    pixels: Pixels
    kind: str
    removed: Mapping[str, int] = field(default_factory=dict)
    methods: tuple[str, ...] = ()
    holder: bytes | None = None
    label: str | None = None
    split: str | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
