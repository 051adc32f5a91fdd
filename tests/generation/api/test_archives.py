"""The archive of a batch: the same bytes each time, in any pieces, as foreign tools read them."""

from __future__ import annotations

import io
import json
import tarfile
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest

from generation.models import Batch, BatchState, GeneratorState, SyntheticImage
from generation.services import archive_parts
from generation.services.archives import archive_of
from synthlab.core.exceptions import NotFound
from synthlab.core.files import path_of, store_bytes
from tests.factories import client_of
from tests.generation.cast import drained
from tests.generation.factories import make_batch, make_generator, make_synthetic_image

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
FORMS = ("zip", "webdataset")


@pytest.fixture
def batch() -> Batch:
    """Five images of two classes; one from before checksums were kept."""
    generator = make_generator(state=GeneratorState.APPROVED, classes=("gland", 'naïve"stroma'))
    made = make_batch(generator=generator, count=5)
    for image in made.images.all():
        data = path_of(image.digest).read_bytes()
        image.class_key = generator.classes[image.index % 2]
        image.crc32 = None if image.index == 3 else zlib.crc32(data)
        image.save()
    return made


def ask(batch: Batch, form: str = "zip", **headers: str) -> Any:
    client = client_of(batch.requested_by)
    return drained(client.get(f"/api/v1/batches/{batch.pk}/archive?format={form}", headers=headers))


def files_of(batch: Batch) -> list[bytes]:
    rows = batch.images.order_by("index").values_list("digest", flat=True)
    return [path_of(digest).read_bytes() for digest in rows]


def test_the_zip_holds_the_files_and_nothing_else(batch: Batch) -> None:
    response = ask(batch)
    assert (response.status_code, response["Content-Type"]) == (200, "application/zip")
    assert response["Content-Length"] == str(len(response.content_read))
    assert response["Content-Disposition"] == f'attachment; filename="batch-{batch.pk}.zip"'
    with zipfile.ZipFile(io.BytesIO(response.content_read)) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == [f"{index:06d}.png" for index in range(5)]
        assert [opened.read(name) for name in opened.namelist()] == files_of(batch)
    assert ask(batch).content_read == response.content_read


def test_the_tar_holds_a_sample_for_each_image(batch: Batch) -> None:
    response = ask(batch, "webdataset")
    assert (response.status_code, response["Content-Type"]) == (200, "application/x-tar")
    assert response["Content-Length"] == str(len(response.content_read))
    with tarfile.open(fileobj=io.BytesIO(response.content_read)) as opened:
        held = {member.name: opened.extractfile(member).read() for member in opened}  # type: ignore[union-attr]
    names = [f"{index:06d}.{ending}" for index in range(5) for ending in ("png", "json", "cls")]
    assert list(held) == names
    assert [held[f"{index:06d}.png"] for index in range(5)] == files_of(batch)
    assert [held[f"{index:06d}.cls"] for index in range(5)] == [b"0", b"1", b"0", b"1", b"0"]
    image = batch.images.get(index=1)
    assert json.loads(held["000001.json"]) == {
        "index": 1, "class": "naïve\"stroma", "seed": image.seed, "sha256": image.digest,
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore")  # webdataset's own
def test_the_library_of_that_name_reads_every_sample(batch: Batch, tmp_path: Path) -> None:
    import webdataset

    archive = tmp_path / "batch.tar"
    archive.write_bytes(ask(batch, "webdataset").content_read)
    rows = list(webdataset.WebDataset([str(archive)], shardshuffle=False).decode())
    assert [row["__key__"] for row in rows] == [f"{index:06d}" for index in range(5)]
    assert [row["cls"] for row in rows] == [0, 1, 0, 1, 0]
    assert [row["json"]["sha256"] for row in rows] == [
        image.digest for image in batch.images.order_by("index")
    ]


def test_a_tar_without_classes_has_none(batch: Batch) -> None:
    plain = make_batch(count=3)
    response = ask(plain, "webdataset")
    assert response["Content-Length"] == str(len(response.content_read))
    with tarfile.open(fileobj=io.BytesIO(response.content_read)) as opened:
        assert len(opened.getnames()) == 6


@pytest.mark.parametrize("form", FORMS)
def test_any_cut_continues_where_it_broke(batch: Batch, form: str) -> None:
    whole = ask(batch, form)
    data, etag = whole.content_read, whole["ETag"]
    for place in {
        1,
        29,
        30,
        40,
        41,
        511,
        512,
        len(data) // 3,
        len(data) // 2,
        len(data) - 200,
        len(data) - 1,
    }:
        rest = ask(batch, form, **{"Range": f"bytes={place}-", "If-Range": etag})
        assert rest.status_code == 206
        assert rest["Content-Range"] == f"bytes {place}-{len(data) - 1}/{len(data)}"
        assert rest["Content-Length"] == str(len(data) - place)
        assert rest.content_read == data[place:]
    some = ask(batch, form, Range="bytes=100-2099")
    assert (some.status_code, some.content_read) == (206, data[100:2100])
    assert ask(batch, form, Range="bytes=-22").content_read == data[-22:]


def test_every_piece_of_three_bytes_fits(batch: Batch) -> None:
    for form in FORMS:
        made = archive_of(batch, form)
        whole = b"".join(made.read(0, made.size))
        assert len(whole) == made.size
        starts = [*range(0, 700, 3), *range(made.size - 700, made.size, 3)]
        assert all(b"".join(made.read(at, 3)) == whole[at : at + 3] for at in starts)


def test_a_range_that_cannot_be_met_and_one_of_another_version(batch: Batch) -> None:
    whole = ask(batch)
    size = len(whole.content_read)
    refused = ask(batch, Range=f"bytes={size}-")
    assert (refused.status_code, refused["Content-Range"]) == (416, f"bytes */{size}")
    other = ask(batch, **{"Range": "bytes=10-", "If-Range": '"another"'})
    assert (other.status_code, other.content_read) == (200, whole.content_read)
    assert ask(batch, **{"If-None-Match": whole["ETag"]}).status_code == 304
    assert ask(batch, "webdataset")["ETag"] != whole["ETag"]


def test_what_a_stopped_batch_holds_can_be_had_and_has_its_own_etag(batch: Batch) -> None:
    full = ask(batch)["ETag"]
    batch.images.filter(index=2).delete()
    Batch.objects.filter(pk=batch.pk).update(state=BatchState.CANCELLED)
    response = ask(batch)
    with zipfile.ZipFile(io.BytesIO(response.content_read)) as opened:
        assert opened.namelist() == ["000000.png", "000001.png", "000003.png", "000004.png"]
    assert response["ETag"] != full


@pytest.mark.parametrize(
    ("state", "form", "status", "code"),
    [
        (BatchState.SUCCEEDED, "rar", 422, "unknown_format"),
        (BatchState.RUNNING, "zip", 409, "batch_not_finished"),
        (BatchState.FAILED, "zip", 409, "batch_empty"),
    ],
)
def test_what_cannot_be_had(state: str, form: str, status: int, code: str) -> None:
    response = ask(make_batch(state=state), form)
    assert (response.status_code, response.json()["code"]) == (status, code)


@pytest.mark.parametrize("count", [65_534, 65_535])
def test_more_files_than_the_first_zips_knew(count: int) -> None:
    entries = [archive_parts.Entry(index, "0" * 64, 0, "", "", None, 0) for index in range(count)]
    made = b"".join(archive_parts.cut(_without_files(entries, count), 0, archive_parts.zip_size(count, 0)))
    assert len(made) == archive_parts.zip_size(count, 0)
    with zipfile.ZipFile(io.BytesIO(made)) as opened:
        assert len(opened.namelist()) == count
        assert opened.testzip() is None


def _without_files(entries: list[archive_parts.Entry], count: int) -> Any:
    for size, make in archive_parts.zip_parts(lambda: entries, count, 0):
        if size:
            yield size, make


def test_offsets_beyond_four_gigabytes() -> None:
    """The directory of a zip whose files would take 6 GiB, read by the standard library from a file with holes."""
    size = 2 * 1024**3
    entries = [archive_parts.Entry(index, "0" * 64, size, "", "", None, 7) for index in range(3)]
    total = archive_parts.zip_size(3, 3 * size)
    directory = 3 * (size + 40)
    tail = b"".join(
        archive_parts.cut(archive_parts.zip_parts(lambda: entries, 3, 3 * size), directory, total - directory)
    )
    with zipfile.ZipFile(_Holes(tail, total)) as opened:
        assert [info.header_offset for info in opened.infolist()] == [0, size + 40, 2 * (size + 40)]
        assert [info.file_size for info in opened.infolist()] == [size] * 3


class _Holes(io.RawIOBase):
    """Zeros, and `tail` at the end of `size` bytes."""

    def __init__(self, tail: bytes, size: int) -> None:
        self._tail, self._size, self._at = tail, size, 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, length: int = -1) -> bytes:
        begin = self._at - (self._size - len(self._tail))
        assert begin >= 0
        data = self._tail[begin:] if length < 0 else self._tail[begin : begin + length]
        self._at += len(data)
        return data


def test_memory_does_not_grow_with_the_batch() -> None:
    stored = store_bytes(bytes(100_000))
    large = make_batch(count=1200, state=BatchState.FAILED)
    SyntheticImage.objects.bulk_create(
        SyntheticImage(
            batch=large, index=index, seed="0" * 16, digest=stored.digest, pixel_digest=stored.digest,
            size=stored.size, crc32=1, width=32, height=32,
        )
        for index in range(1200)
    )  # fmt: skip
    made = archive_of(large, "zip")
    tracemalloc.start()
    try:
        assert sum(map(len, made.read(0, made.size))) == made.size
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert made.size > 120e6
    assert peak < 5e6


def test_a_file_that_is_gone_ends_the_stream_and_not_quietly(batch: Batch) -> None:
    path_of(batch.images.get(index=4).digest).unlink()
    made = archive_of(batch, "zip")
    with pytest.raises(NotFound):
        list(made.read(0, made.size))


def test_an_image_of_its_own_batch_only() -> None:
    make_synthetic_image(batch=make_batch(), index=4)
    assert archive_of(make_batch(count=1), "zip").size < 20_000
