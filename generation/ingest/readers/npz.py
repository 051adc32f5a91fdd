"""MedMNIST ``.npz``: arrays ``train_images``, ``train_labels``, ``val_…``, ``test_…``, read image by image."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from generation.ingest.limits import MIB, Limits
from generation.ingest.picture import Picture
from generation.ingest.readers.archive import check_members
from generation.ingest.rejection import RejectedError

PARTS = {"train": "train", "val": "val", "test": "held_out"}
_LABEL_BYTES = 64 * MIB


def read(path: Path, place: str, limits: Limits) -> Iterator[Picture]:
    """Yield the images at places ``"PLACE/n"``, counted from 1 through the train, val and test arrays in this order.

    The split that the file gives goes along: its makers kept patients apart, which nobody can do again from pixels.
    A single label an image becomes its class; several at once are left out and flagged.

    Raises:
        RejectedError: not laid out like MedMNIST, pickled objects, or beyond the limits.
    """
    with zipfile.ZipFile(path) as archive:
        members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
        check_members(list(members.values()), archive.start_dir, limits)
        parts = [part for part in PARTS if f"{part}_images" in members]
        if not parts:
            raise RejectedError("npz_layout")
        number = 0
        for part in parts:
            labels = _labels(archive, members.get(f"{part}_labels"))
            for index, pixels in enumerate(_images(archive, members[f"{part}_images"], limits)):
                number += 1
                label, flags = _label(labels, index)
                yield Picture(f"{place}/{number}", pixels, "npz", label=label, split=PARTS[part], flags=flags)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of a ``.npy`` stream, which is then at its first value. Objects are refused by type."""
    try:
        version = npy.read_magic(file)
        reader = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        shape, fortran, dtype = reader(file)
    except (ValueError, KeyError) as error:
        raise RejectedError("npz_layout") from error
    # A negative or empty side would mean no value at all, and an upload that is passed over without a word.
    if fortran or dtype.hasobject or dtype.kind not in "ui" or min(shape, default=1) < 1:
        raise RejectedError("npz_layout")
    return shape, dtype


def _images(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limits: Limits) -> Iterator[NDArray[np.uint8]]:
    with archive.open(member) as file:
        shape, dtype = _header(file)
        if dtype != np.uint8 or len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] not in (1, 3)):
            raise RejectedError("npz_layout")
        one = shape[1:] if len(shape) == 3 or shape[3] == 3 else shape[1:3]
        if shape[1] * shape[2] > limits.pixels:
            raise RejectedError("too_many_pixels", limit=limits.pixels)
        size = math.prod(one)
        if shape[0] * size > member.file_size:
            raise RejectedError("damaged")
        for _ in range(shape[0]):
            buffer = file.read(size)
            if len(buffer) != size:
                raise RejectedError("damaged")
            yield np.frombuffer(buffer, np.uint8).reshape(one)


def _labels(archive: zipfile.ZipFile, member: zipfile.ZipInfo | None) -> NDArray[Any] | None:
    """(n, labels) whole numbers, or None where the file has none."""
    if member is None:
        return None
    with archive.open(member) as file:
        shape, dtype = _header(file)
        size = math.prod(shape) * dtype.itemsize
        if not shape or size > min(_LABEL_BYTES, member.file_size):
            raise RejectedError("npz_layout")
        return np.frombuffer(file.read(size), dtype).reshape(shape[0], -1)


def _label(labels: NDArray[Any] | None, index: int) -> tuple[str | None, tuple[str, ...]]:
    if labels is None or index >= len(labels):
        return None, ()
    if labels.shape[1] != 1:
        return None, ("several_labels",)
    return str(int(labels[index, 0])), ()
