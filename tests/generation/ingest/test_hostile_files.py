"""Images and archives that were made to harm: a clear refusal each, and the rest of the upload goes on."""

import io
import json
import stat
import struct
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
from PIL import Image

from generation.ingest.guard import guarded
from generation.ingest.limits import MIB, Limits
from generation.ingest.readers import png_jpeg_tiff
from generation.ingest.rejection import Refusal
from tests.generation.ingest.builders import (
    REPOSITORY,
    codes,
    encoded,
    ingest_here,
    ingest_in_child,
    png_bomb,
    read,
    stage,
    texture,
    zipped,
)  # fmt: skip

PAYLOAD = b"<script>alert('stored')</script><?php evil(); ?>"


def test_a_bomb_costs_a_refusal_and_little_memory(tmp_path):
    bomb = png_bomb()
    assert len(bomb) < 200_000
    outcome = ingest_in_child(tmp_path, [bomb, encoded(texture(1))])
    assert outcome.status == 0
    assert outcome.codes == {"1": "too_many_pixels"}
    assert [row["ordinal"] for row in outcome.accepted] == ["2"]
    assert outcome.peak_mib < 250


def test_pixels_just_above_our_own_cap_are_refused_though_pillow_would_only_warn(tmp_path):
    limits = Limits(pixels=100 * 100)
    assert codes(read(tmp_path, encoded(np.zeros((100, 101), np.uint8)), limits=limits)) == [
        "too_many_pixels"
    ]
    assert codes(read(tmp_path, encoded(np.zeros((100, 100), np.uint8)), limits=limits)) == ["ok"]


def test_the_memory_limit_of_the_child_turns_into_a_refusal(tmp_path):
    # 48 Mpx of RGB are 144 MiB decoded: too much for this child, though within the pixel cap
    large = encoded(np.zeros((6000, 8000, 3), np.uint8), compress_level=1)
    outcome = ingest_in_child(tmp_path, [large, encoded(texture(1))], limits={"memory_bytes": 460 * MIB})
    assert outcome.status == 0, outcome.stderr
    assert outcome.codes == {"1": "out_of_memory"}
    assert len(outcome.accepted) == 1


def test_a_picture_that_takes_too_long_is_left_out_and_the_next_is_read(tmp_path, monkeypatch):
    decode = png_jpeg_tiff._pixels

    def slow_when_wide(image, limits):
        while image.width > 64:
            sum(range(1000))
        return decode(image, limits)

    monkeypatch.setattr(png_jpeg_tiff, "_pixels", slow_when_wide)
    uploads = [encoded(texture(1, (64, 65))), encoded(texture(2))]
    outcome = ingest_here(tmp_path, uploads, limits={"seconds_per_picture": 1})
    assert outcome.codes == {"1": "too_slow"}
    assert [row["ordinal"] for row in outcome.accepted] == ["2"]


def test_the_clock_stops_python_code_that_swallows_every_exception(tmp_path):
    def stubborn():
        while True:
            try:
                sum(range(1000))
            except Exception:
                continue
        yield

    started = time.monotonic()
    entries = list(guarded(stubborn(), "1", Limits(seconds_per_picture=1)))
    assert codes(entries) == ["too_slow"]
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_cut_off_images(tmp_path, kind):
    whole = encoded(texture(1, (200, 200)), kind)
    assert codes(read(tmp_path, whole[: len(whole) // 2])) == ["damaged"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (b"patient list, named scan.png", "unsupported_type"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "unsupported_type"),
        (b"<!doctype html><script>alert(1)</script>", "unsupported_type"),
        (b"GIF89a/*", "unsupported_type"),
        (b"8BPS\x00\x01", "unsupported_type"),
        (b"MZ\x90\x00", "unsupported_type"),
        (b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X", "system_file"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"\xff\xd8\xff\xe0", "damaged"),
        (b"II*\x00\x08\x00\x00\x00", "damaged"),
        (b"PK\x03\x04 not really", "archive_damaged"),
    ],
)
def test_what_is_no_image(tmp_path, content, code):
    entries = read(tmp_path, content)
    assert codes(entries) == [code]
    assert entries[0].detail


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_a_polyglot_loses_its_tail(tmp_path, kind):
    outcome = ingest_here(tmp_path, [encoded(texture(1), kind) + PAYLOAD])
    assert len(outcome.accepted) == 1
    for path in outcome.work.rglob("*.png"):
        assert PAYLOAD not in path.read_bytes()
        assert b"script" not in path.read_bytes()
    if kind != "TIFF":
        assert outcome.accepted[0]["deid"]["removed"] == {"trailing_bytes": 1}


def test_a_tiff_that_lies_about_its_size(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(texture(1)).save(buffer, "TIFF")
    honest = buffer.getvalue()
    for width, height, code in ((60_000, 60_000, "too_many_pixels"), (8_000, 8_000, "damaged")):
        lying = bytearray(honest)
        for tag, value in ((256, width), (257, height)):
            at = honest.index(struct.pack("<HHI", tag, 4, 1)) + 8
            lying[at : at + 4] = struct.pack("<I", value)
        assert codes(read(tmp_path, bytes(lying))) == [code]


def test_animations_and_transparency_are_named(tmp_path):
    frames = [Image.fromarray(texture(n)) for n in range(3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:])
    assert codes(read(tmp_path, buffer.getvalue())) == ["animated"]
    see_through = np.dstack([texture(1, (64, 64, 3)), np.full((64, 64), 128, np.uint8)])
    assert codes(read(tmp_path, encoded(see_through))) == ["transparent"]
    opaque = np.dstack([texture(1, (64, 64, 3)), np.full((64, 64), 255, np.uint8)])
    assert codes(read(tmp_path, encoded(opaque))) == ["ok"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "ZIP"])
def test_mutated_files_are_refused_or_read_but_never_raise(tmp_path, kind):
    pixels = texture(1, (40, 40, 3))
    whole = (
        zipped([("a.png", encoded(pixels)), ("b.jpg", encoded(pixels, "JPEG"))])
        if kind == "ZIP"
        else encoded(pixels, kind)
    )
    rng = np.random.default_rng(11)
    for _ in range(100):
        data = bytearray(whole)
        for at in rng.integers(0, len(data), rng.integers(1, 12)):
            data[at] = rng.integers(256)
        if rng.random() < 0.2:
            del data[rng.integers(1, len(data)) :]
        entries = read(tmp_path, bytes(data))
        assert entries
        assert len(codes(entries)) <= 2


# --- archives --------------------------------------------------------------------------------------


def image(seed: int = 1) -> bytes:
    return encoded(texture(seed))


def test_members_have_places_and_the_good_ones_go_on(tmp_path):
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    odd = zipfile.ZipInfo("lzma.png")
    odd.compress_type = zipfile.ZIP_LZMA
    data = zipped(
        [
            ("folder/", b""),
            ("folder/a.png", image(1)),
            ("notes.txt", b"text"),
            (link, b"/etc/passwd"),
            ("inner.zip", zipped([("x.png", image(2))])),
            (odd, image(3)),
            ("zeros", bytes(50 * MIB)),
            ("b.png", image(4)),
        ]
    )
    entries = read(tmp_path, data)
    found = [(entry.place, code) for entry, code in zip(entries, codes(entries), strict=True)]
    assert found == [
        ("1/2", "ok"), ("1/3", "unsupported_type"), ("1/4", "archive_link"), ("1/5", "archive_nested"),
        ("1/6", "archive_method"), ("1/7", "archive_ratio"), ("1/8", "ok"),
    ]  # fmt: skip


def patched(change) -> bytes:
    """An archive of one image whose directory is falsified before it is written."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.png", image())
        change(archive)
    return buffer.getvalue()


def encrypt(archive: zipfile.ZipFile) -> None:
    archive.filelist[0].flag_bits |= 1


def overlap(archive: zipfile.ZipFile) -> None:
    for number in range(50):
        twin = zipfile.ZipInfo(f"{number}.png")
        for name in ("header_offset", "compress_size", "file_size", "CRC", "compress_type"):
            setattr(twin, name, getattr(archive.filelist[0], name))
        archive.filelist.append(twin)


def claim_much(archive: zipfile.ZipFile) -> None:
    archive.filelist[0].file_size = 3 * 2**30


def claim_little(archive: zipfile.ZipFile) -> None:
    archive.filelist[0].file_size = 10


def zip64() -> bytes:
    honest = zipped([("a.png", image())])
    at = honest.rindex(b"PK\x05\x06")
    return honest[:at] + b"PK\x06\x07" + bytes(16) + honest[at:]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (lambda: zipped([]), "archive_empty"),
        (lambda: zipped([("only/folders/", b"")]), "archive_empty"),
        (lambda: patched(encrypt), "archive_encrypted"),
        (lambda: patched(overlap), "archive_overlap"),
        (lambda: patched(claim_much), "archive_too_large"),
        (lambda: patched(claim_little), "archive_damaged"),
        (zip64, "archive_zip64"),
        (lambda: zipped([("a.png", image())])[:-30], "archive_damaged"),
        (lambda: zipped([(str(number), b"") for number in range(10_001)]), "archive_too_many"),
        (lambda: zipped([(str(number) * 60_000, b"") for number in range(9)] * 40), "archive_too_many"),
    ],
)
def test_archives_that_are_refused(tmp_path, data, code):
    built = data()
    started = time.monotonic()
    assert codes(read(tmp_path, built)) == [code]
    assert time.monotonic() - started < 2


def test_what_is_unpacked_is_counted_whatever_the_directory_says(tmp_path):
    limits = Limits(archive_bytes=20_000)
    noise = np.random.default_rng(1).integers(0, 256, (100, 100), dtype=np.uint8)
    data = zipped([("a.png", encoded(noise)), ("b.png", encoded(noise[::-1].copy()))])
    assert codes(read(tmp_path, data, limits=limits)) == ["archive_too_large"]


def test_a_flat_bomb_stays_small_in_memory(tmp_path):
    bomb = zipped([(str(number), bytes(100 * MIB)) for number in range(3)])
    outcome = ingest_in_child(tmp_path, [bomb, image()])
    assert set(outcome.codes.values()) == {"archive_ratio"}
    assert len(outcome.accepted) == 1
    assert outcome.peak_mib < 250


TRAVERSAL = [
    "../../evil.png", "/tmp/evil.png", "..\\..\\evil.png", "C:\\evil.png", "a/../../../evil.png", "././/evil.png",
    "x" * 5000 + ".png", "ev\u202eil.png", "．．/evil.png", "con.png", "a\nb.png", "-rf", "~/evil.png", "%2e%2e/evil.png",
]  # fmt: skip


def test_names_in_an_archive_are_never_paths(tmp_path):
    files = stage(tmp_path / "up", [zipped([(name, image(n)) for n, name in enumerate(TRAVERSAL)])])
    spec = {"work": str(tmp_path / "work"), "files": files, "options": {"folder_classes": True}}
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    program = """
import json, os, sys
import generation.ingest.run as run
from generation.child import Reporter
spec = json.load(open(sys.argv[1]))
seen = []
def hook(event, args):
    if event == "open" and isinstance(args[0], str) and (args[1] or "r")[0] in "wax+" or event in ("os.mkdir", "os.rename", "os.link", "os.symlink"):
        seen.append(os.path.realpath(args[0]))
sys.addaudithook(hook)
result = run.ingest(spec, Reporter(lambda line: None))
outside = [path for path in seen if not path.startswith(os.path.realpath(spec["work"]) + os.sep) and path != os.path.realpath(spec["work"])]
print(json.dumps({"accepted": result["counts"]["accepted"], "writes": len(seen), "outside": outside}))
"""
    ran = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "spec.json")],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    report = json.loads(ran.stdout)
    assert report["accepted"] == len(TRAVERSAL)
    assert report["writes"] > len(TRAVERSAL)
    assert report["outside"] == []
    assert not list((tmp_path / "work").glob("scratch*"))


def test_details_are_sentences_with_numbers_only(tmp_path):
    entries = read(tmp_path, zipped([("Name^Patient.png", b"Doe^Jane")]))
    assert isinstance(entries[0], Refusal)
    assert "Doe" not in entries[0].detail
    assert "Patient.png" not in entries[0].detail
