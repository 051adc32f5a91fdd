"""Content-addressed files: durable, inside their root, and served without letting a browser run them."""

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from synthlab.core import files
from synthlab.core.exceptions import NotFound
from synthlab.core.files import (
    OutsideRoot,
    clear_pending,
    delete_digest,
    inside,
    open_digest,
    path_of,
    serve_file,
    store_bytes,
    store_files,
    stored_digests,
)

Get = Callable[..., Any]

DATA = bytes(range(256)) * 40


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    folder = settings.MEDIA_ROOT = tmp_path / "media"
    return folder


def test_the_name_is_the_digest(media: Path) -> None:
    stored = store_bytes(DATA)
    digest = hashlib.sha256(DATA).hexdigest()
    assert (stored.digest, stored.size) == (digest, len(DATA))
    assert path_of(digest) == (media / digest[:2] / digest[2:4] / digest).resolve()
    with open_digest(digest) as file:
        assert file.read() == DATA
    assert store_bytes(DATA) == stored
    assert list(stored_digests()) == [digest]
    assert list((media / "pending").iterdir()) == []


def test_a_shard_is_stored_with_two_syncs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs: list[int] = []
    real = files._sync_file_system

    def counted() -> None:
        syncs.append(1)
        real()

    monkeypatch.setattr(files, "_sync_file_system", counted)
    sources = []
    for number in range(20):
        source = tmp_path / f"{number}.png"
        source.write_bytes(DATA + bytes([number % 10]))
        sources.append(source)
    stored = store_files(sources)
    assert len(syncs) == 2
    assert [one.digest for one in stored] == [hashlib.sha256(p.read_bytes()).hexdigest() for p in sources]
    assert len(list(stored_digests())) == 10


def test_a_missing_file_leaves_nothing(tmp_path: Path, media: Path) -> None:
    good = tmp_path / "good"
    good.write_bytes(DATA)
    with pytest.raises(FileNotFoundError):
        store_files([good, tmp_path / "missing"])
    assert list(stored_digests()) == []
    assert list((media / "pending").iterdir()) == []


def test_a_write_through_the_original_does_not_reach_the_store(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(DATA)
    with source.open("r+b") as held:
        (stored,) = store_files([source])
        held.write(b"changed")
    assert path_of(stored.digest).read_bytes() == DATA


@given(st.text(max_size=80))
def test_only_digests_are_looked_up(name: str) -> None:
    with pytest.raises(OutsideRoot):
        path_of(name + "/")


@pytest.mark.parametrize("name", ["..", "../x", "a/../../x", "/etc/passwd", "link/x", "a/./../.."])
def test_nothing_leads_out(tmp_path: Path, name: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    with pytest.raises(OutsideRoot):
        inside(root, name)
    assert inside(root, "a/b") == (root / "a" / "b").resolve()


def test_deleting_and_tidying(media: Path) -> None:
    stored = store_bytes(DATA)
    delete_digest(stored.digest)
    delete_digest(stored.digest)
    with pytest.raises(NotFound):
        open_digest(stored.digest)
    left = media / "pending" / "left"
    left.write_bytes(b"x")
    assert clear_pending(left.stat().st_mtime) == 0
    assert clear_pending(left.stat().st_mtime + 1) == 1


@pytest.fixture
def get(db: None) -> Iterator[Callable[..., Any]]:
    """Ask for a file; the answers are closed at the end, as a server does: Django looks at its connection then."""
    answers = []

    def ask(digest: str, **headers: str) -> Any:
        request = RequestFactory().get("/", headers=headers)
        answers.append(serve_file(request, digest, content_type="image/png"))
        return answers[-1]

    yield ask
    for answer in answers:
        answer.close()


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def test_served_whole_with_safe_headers(get: Get) -> None:
    digest = store_bytes(DATA).digest
    response = get(digest)
    assert (response.status_code, body(response)) == (200, DATA)
    assert response["ETag"] == f'"{digest}"'
    assert response["Content-Type"] == "image/png"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cache-Control"] == "private, max-age=31536000, immutable"
    assert response["Content-Length"] == str(len(DATA))
    assert "Content-Disposition" not in response


@pytest.mark.parametrize("asked", [f"bytes=0-{'9' * 5000}", f"bytes={'9' * 5000}-", f"bytes=-{'9' * 5000}"])
def test_a_range_of_absurd_numbers_gets_the_whole_file(get: Get, asked: str) -> None:
    response = get(store_bytes(DATA).digest, Range=asked)
    assert (response.status_code, body(response)) == (200, DATA)


def test_not_modified(get: Get) -> None:
    digest = store_bytes(DATA).digest
    for known in (f'"{digest}"', f'W/"{digest}"', "*", f'"other", "{digest}"'):
        response = get(digest, **{"If-None-Match": known})
        assert (response.status_code, body(response)) == (304, b"")
        assert "Content-Type" not in response
    assert get(digest, **{"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("0-0", 0, 0),
        ("100-199", 100, 199),
        ("10200-", 10200, 10239),
        ("-5", 10235, 10239),
        ("0-99999", 0, 10239),
    ],
)
def test_ranges(asked: str, first: int, last: int, get: Get) -> None:
    response = get(store_bytes(DATA).digest, Range=f"bytes={asked}")
    assert (response.status_code, body(response)) == (206, DATA[first : last + 1])
    assert response["Content-Range"] == f"bytes {first}-{last}/{len(DATA)}"
    assert response["Content-Length"] == str(last - first + 1)


@pytest.mark.parametrize("asked", ["bytes=10240-", "bytes=5-2"])
def test_ranges_that_cannot_be_met(asked: str, get: Get) -> None:
    response = get(store_bytes(DATA).digest, Range=asked)
    assert (response.status_code, response["Content-Range"]) == (416, f"bytes */{len(DATA)}")


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=1-2", "bytes=-", "bytes=a-b"])
def test_other_ranges_get_the_whole(asked: str, get: Get) -> None:
    assert get(store_bytes(DATA).digest, Range=asked).status_code == 200


def test_a_range_of_another_version_gets_the_whole(get: Get) -> None:
    digest = store_bytes(DATA).digest
    assert get(digest, **{"Range": "bytes=0-1", "If-Range": '"old"'}).status_code == 200
    assert get(digest, **{"Range": "bytes=0-1", "If-Range": f'"{digest}"'}).status_code == 206


def test_a_download_has_a_name_and_a_missing_file_is_404(get: Get) -> None:
    stored = store_bytes(DATA)
    request = RequestFactory().get("/")
    response = serve_file(
        request, stored.digest, content_type="application/zip", filename='a"b.zip', immutable=False
    )
    assert response["Content-Disposition"] == 'attachment; filename="a\\"b.zip"'
    assert response["Cache-Control"] == "private, no-cache"
    response.close()
    with pytest.raises(NotFound):
        get("0" * 64)


def test_stored_files_cannot_be_written_by_accident() -> None:
    stored = store_bytes(DATA)
    assert os.stat(path_of(stored.digest)).st_mode & 0o777 == 0o400
