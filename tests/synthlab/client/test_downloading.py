"""Downloads from a server that drops lines, sends other bytes, and lists what it should not."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest

from synthlab.client import BadAnswer, BatchFolder, NotFinished, WrongDigest
from synthlab.client.downloading import ARCHIVE_FROM

MANY = ARCHIVE_FROM + 20


def batch_of(lab: Any, client: Any) -> Any:
    return client.batch(lab.batch_id)


def assert_whole(lab: Any, folder: Path) -> None:
    """Exactly the images, byte for byte, under names of our own, and nothing half-made."""
    found = {path.name: path.read_bytes() for path in (folder / "images").iterdir()}
    assert found == {f"{index:06d}.png": content for index, content in enumerate(lab.files)}
    assert {path.name for path in folder.iterdir()} == {"images", "images.jsonl", "batch.json"}
    BatchFolder(folder).verify()


def archive_path(lab: Any) -> str:
    return f"/batches/{lab.batch_id}/archive"


def file_paths(lab: Any) -> list[str]:
    return [path for path in lab.paths() if path.startswith("/images/")]


def test_few_images_come_one_by_one_and_a_second_call_fetches_none(open_lab: Any, tmp_path: Path) -> None:
    lab, client = open_lab()
    folder = batch_of(lab, client).download(tmp_path / "rare")
    assert_whole(lab, folder)
    assert len(file_paths(lab)) == 6
    batch_of(lab, client).download(folder)
    assert len(file_paths(lab)) == 6
    assert_whole(lab, folder)


def test_what_changed_or_went_is_mended(open_lab: Any, tmp_path: Path) -> None:
    lab, client = open_lab()
    folder = batch_of(lab, client).download(tmp_path / "rare")
    changed, gone = folder / "images" / "000001.png", folder / "images" / "000004.png"
    changed.write_bytes(changed.read_bytes()[:-1] + b"!")
    gone.unlink()
    with pytest.raises(WrongDigest, match=r"2 of 6 .* 000001\.png"):
        BatchFolder(folder).verify()
    lab.seen.clear()
    batch_of(lab, client).download(folder)
    assert len(file_paths(lab)) == 2
    assert_whole(lab, folder)


def test_a_broken_archive_goes_on_where_it_stopped(open_lab: Any, tmp_path: Path) -> None:
    lab, client = open_lab(MANY)
    lab.cuts[archive_path(lab)] = [5000, 3000, 7]
    folder = batch_of(lab, client).download(tmp_path / "out")
    assert_whole(lab, folder)
    ranges = [headers.get("Range") for _, path, headers in lab.seen if path == archive_path(lab)]
    assert ranges == [None, "bytes=5000-", "bytes=8000-", "bytes=8007-"]
    assert not file_paths(lab)


def test_a_download_that_broke_goes_on_in_another_process(open_lab: Any, tmp_path: Path) -> None:
    lab, client = open_lab(MANY, tries=2)
    lab.cuts[archive_path(lab)] = [9000] + [0] * 5
    with pytest.raises(httpx.TransportError):
        batch_of(lab, client).download(tmp_path / "out")
    assert not (tmp_path / "out" / "images.jsonl").exists()
    have = (tmp_path / "out" / "archive.zip.part").stat().st_size
    assert 0 < have <= 9000
    lab.cuts.clear()
    lab.seen.clear()
    folder = batch_of(lab, client).download(tmp_path / "out")
    asked = next(headers for _, path, headers in lab.seen if path == archive_path(lab))
    assert asked["Range"] == f"bytes={have}-"
    assert asked["If-Range"].startswith('"')
    assert_whole(lab, folder)


def test_an_archive_that_changed_meanwhile_is_begun_anew(open_lab: Any, tmp_path: Path) -> None:
    lab, client = open_lab(MANY)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "archive.zip.part").write_bytes(b"of another time" * 100)
    (tmp_path / "out" / "archive.zip.part.etag").write_text('"old"')
    assert_whole(lab, batch_of(lab, client).download(tmp_path / "out"))


def test_without_ranges_single_files_are_fetched(open_lab: Any, tmp_path: Path) -> None:
    lab, client = open_lab(MANY)
    lab.ranges = False
    assert_whole(lab, batch_of(lab, client).download(tmp_path / "out"))
    assert len(file_paths(lab)) == MANY


def test_an_archive_with_other_bytes_is_mended_file_by_file(open_lab: Any, tmp_path: Path) -> None:
    lab, client = open_lab(MANY)
    bad = lab.rows[3]["id"]
    good, lab.sent[bad] = lab.sent[bad], b"?" * lab.rows[3]["size"]
    archive = lab.archive()
    lab.sent[bad] = good
    lab.planned[archive_path(lab)].append((200, {"Accept-Ranges": "bytes"}, archive))
    assert_whole(lab, batch_of(lab, client).download(tmp_path / "out"))
    assert file_paths(lab) == [f"/images/{bad}/file"]


@pytest.mark.parametrize("garbage", [b"", b"PK\x05\x06 no zip", b"\0" * 4000])
def test_an_archive_that_is_none_costs_nothing(open_lab: Any, tmp_path: Path, garbage: bytes) -> None:
    lab, client = open_lab(MANY)
    lab.planned[archive_path(lab)].append((200, {"Accept-Ranges": "bytes"}, garbage))
    assert_whole(lab, batch_of(lab, client).download(tmp_path / "out"))


def test_a_file_whose_line_breaks_goes_on_too(open_lab: Any, tmp_path: Path) -> None:
    lab, client = open_lab()
    path = f"/images/{lab.rows[2]['id']}/file"
    lab.cuts[path] = [40, 30]
    assert_whole(lab, batch_of(lab, client).download(tmp_path / "out"))
    ranges = [headers.get("Range") for _, seen, headers in lab.seen if seen == path]
    assert ranges == [None, "bytes=40-", "bytes=70-"]


@pytest.mark.parametrize(
    "lie", [lambda whole: b"x" * len(whole), lambda whole: whole[:-1], lambda whole: whole * 900]
)
def test_a_file_that_is_not_the_promised_one_is_not_kept(open_lab: Any, tmp_path: Path, lie: Any) -> None:
    lab, client = open_lab()
    row = lab.rows[4]
    lab.sent[row["id"]] = lie(lab.files[4])
    with pytest.raises(WrongDigest, match="image 4"):
        batch_of(lab, client).download(tmp_path / "out")
    names = {path.name for path in (tmp_path / "out" / "images").iterdir()}
    assert "000004.png" not in names
    assert not (tmp_path / "out" / "images.jsonl").exists()
    lab.sent[row["id"]] = lab.files[4]
    assert_whole(lab, batch_of(lab, client).download(tmp_path / "out"))


TRICKS: list[tuple[str, Any]] = [
    ("index", "../../../etc/passwd"),
    ("index", -1),
    ("index", True),
    ("index", 1.0),
    ("index", 10**12),
    ("index", 0),  # twice the same
    ("id", "../../me"),
    ("id", None),
    ("digest", "../" * 21 + "x"),
    ("digest", ""),
    ("size", 2**40),
    ("size", 0),
    ("size", None),
    ("class_key", ["rare"]),
]


@pytest.mark.parametrize(("member", "value"), TRICKS)
def test_a_list_with_tricks_is_refused_before_anything_is_written(
    open_lab: Any, tmp_path: Path, member: str, value: Any
) -> None:
    lab, client = open_lab()
    lab.rows[3][member] = value
    with pytest.raises(BadAnswer):
        batch_of(lab, client).download(tmp_path / "out")
    assert not list((tmp_path / "out" / "images").iterdir())
    assert not file_paths(lab)
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


def test_a_list_that_is_too_short_too_long_or_without_end_is_refused(open_lab: Any, tmp_path: Path) -> None:
    lab, client = open_lab()
    path = f"/batches/{lab.batch_id}/images"
    page = {"next": None, "results": lab.rows[:5]}
    endless = {"next": f"http://127.0.0.1/api/v1{path}?cursor=0", "results": []}
    away = {"next": "http://127.0.0.1/admin", "results": lab.rows}
    for wrong, words in ((page, "holds 5, the batch 6"), (endless, "without rows"), (away, "out of the API")):
        lab.planned[path].append((200, {}, wrong))
        with pytest.raises(BadAnswer, match=words):
            batch_of(lab, client).download(tmp_path / "out")


def test_a_class_with_a_path_for_a_name_stays_a_name(open_lab: Any, tmp_path: Path) -> None:
    lab, client = open_lab()
    for row in lab.rows:
        row["class_key"] = "../../\x1b[2Jrare"
    folder = batch_of(lab, client).download(tmp_path / "out")
    assert_whole(lab, folder)
    assert BatchFolder(folder).images[0].class_key == "../../\x1b[2Jrare"
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


def test_a_folder_keeps_to_its_batch(open_lab: Any, tmp_path: Path) -> None:
    lab, client = open_lab()
    folder = batch_of(lab, client).download(tmp_path / "out")
    other, second = open_lab()
    with pytest.raises(FileExistsError, match="another batch"):
        batch_of(other, second).download(folder)
    assert_whole(lab, folder)


def test_what_is_not_finished_is_not_taken_for_all(open_lab: Any, tmp_path: Path) -> None:
    lab, client = open_lab(MANY)
    lab.state = "cancelled"
    with pytest.raises(NotFinished, match="cancelled; partial=True"):
        batch_of(lab, client).download(tmp_path / "out")
    assert_whole(lab, batch_of(lab, client).download(tmp_path / "out", partial=True))
    lab.state = "running"
    with pytest.raises(NotFinished, match=r"wait\(\)"):
        batch_of(lab, client).download(tmp_path / "out", partial=True)


def test_the_list_holds_recipes_and_the_facts_hold_no_token(open_lab: Any, tmp_path: Path) -> None:
    lab, client = open_lab()
    folder = batch_of(lab, client).download(tmp_path / "out")
    lines = [json.loads(line) for line in (folder / "images.jsonl").read_text().splitlines()]
    assert [line["recipe"] for line in lines] == [row["recipe"] for row in lab.rows]
    assert lines[0]["file"] == "images/000000.png"
    facts = json.loads((folder / "batch.json").read_text())
    assert (facts["seed"], facts["classes"]) == (7, ["common", "rare"])
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert lab.token.encode() not in everything
    assert stat.S_ISREG((folder / "batch.json").stat().st_mode)


def test_a_disk_that_is_full_leaves_nothing_under_a_name(
    open_lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, client = open_lab()
    real = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.parent.name != "images":
            return real(path, content)
        real(path, content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        batch_of(lab, client).download(tmp_path / "out")
    monkeypatch.undo()
    assert not list((tmp_path / "out" / "images").glob("0*.png"))
    assert_whole(lab, batch_of(lab, client).download(tmp_path / "out"))
