"""MedMNIST-like archives made to harm."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np

from tests.generation.ingest.builders import texture, zipped
from tests.generation.ingest.hostile.corpus import hostile
from tests.generation.ingest.hostile.disguises import program


def array(values: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()


def header(text: str, body: bytes = b"", version: int = 1) -> bytes:
    """A `.npy` of any header."""
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes((version, 0)) + length + text.encode() + body


def images(content: bytes, labels: bytes | None = None) -> bytes:
    rest = [] if labels is None else [("train_labels.npy", labels)]
    return zipped([("train_images.npy", content), *rest])


def says(shape: str, kind: str = "|u1", fortran: bool = False) -> str:
    return f"{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n"


@hostile(
    "npz_layout",
    why="objects: a pickle that numpy would run",
    mirrors="S8; numpy allow_pickle, CVE-2019-6446",
)
def npz_objects() -> bytes:
    return images(header(says("(4, 8, 8)", "|O"), program()))


@hostile("npz_layout", why="a pickle where labels are expected", mirrors="CVE-2019-6446")
def npz_object_labels() -> bytes:
    return images(array(np.stack([texture(90), texture(91)])), header(says("(2, 1)", "|O"), program()))


@hostile("npz_layout", why="a record type with an object in it", mirrors="CVE-2019-6446")
def npz_nested_objects() -> bytes:
    text = "{'descr': [('a', '|u1'), ('b', '|O')], 'fortran_order': False, 'shape': (4, 8, 8), }\n"
    return images(header(text, program()))


@hostile("damaged", why="claims four million pictures and holds one", mirrors="S7: lies about size")
def npz_count_lies() -> bytes:
    return images(header(says("(4000000, 64, 64)"), texture(92).tobytes()))


@hostile("too_many_pixels", why="claims pictures of 2³¹ × 2³¹", mirrors="S6")
def npz_huge() -> bytes:
    return images(header(says(f"(1, {2**31}, {2**31})"), bytes(64)))


@hostile("npz_layout", why="pictures without pixels, in any number", mirrors="endless loops over nothing")
def npz_empty_pictures() -> bytes:
    return images(header(says(f"({2**40}, 0, 0)")))


@hostile("npz_layout", why="a negative number of pictures", mirrors="sign confusion")
def npz_negative() -> bytes:
    return images(header(says("(-1, 64, 64)"), bytes(4096)))


@hostile(
    "npz_layout",
    why="a header of a thousand brackets",
    mirrors="CPython literal_eval recursion, npy header DoS",
)
def npz_brackets() -> bytes:
    return images(header("(" * 5_000 + ")" * 5_000))


@hostile("npz_layout", why="a header that claims 4 GiB", mirrors="length lies")
def npz_header_length() -> bytes:
    return images(b"\x93NUMPY\2\0" + b"\xff\xff\xff\xff" + b"{'descr'")


@hostile("npz_layout", why="columns first, to be turned round in memory", mirrors="order confusion")
def npz_columns_first() -> bytes:
    return images(header(says("(1, 64, 64)", fortran=True), bytes(4096)))


@hostile("npz_layout", why="a header that is a call", mirrors="eval of headers")
def npz_call() -> bytes:
    return images(header("__import__('os').system('true')\n", bytes(64)))


@hostile("npz_layout", why="pictures as floating point", mirrors="type confusion")
def npz_floats() -> bytes:
    return images(array(np.full((2, 64, 64), np.nan)))
