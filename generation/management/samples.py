"""Where `synthlab sample` puts its images: whole and durable under the final name, or not there at all."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from generation.services import archive_parts
from generation.services.archive_parts import Entry
from synthlab.client.folders import FACTS, IMAGES, LIST, name_of
from synthlab.client.records import SyntheticImage

ARCHIVES = (".zip", ".tar")


@contextmanager
def unfinished(target: Path) -> Iterator[tuple[Path, bool]]:
    """A hidden folder beside the target to work in, removed at the end; and whether a broken run had left one.

    Raises:
        CommandError: the target is there already, its folder is not, or another process is making it.
    """
    if target.exists() or target.is_symlink():
        raise CommandError(f"{target} is there already; nothing is overwritten")
    if not target.parent.is_dir():
        raise CommandError(f"there is no folder {target.parent}")
    work = target.with_name(f".{target.name}.unfinished")
    broken = work.is_dir()
    work.mkdir(exist_ok=True)
    # Not through a link: what is found in it is removed.
    lock = os.open(work, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(f"another process is making {target}") from None
        _empty(work)
        try:
            yield work, broken
        finally:
            shutil.rmtree(work, ignore_errors=True)
    finally:
        os.close(lock)


def publish(target: Path, made: Path) -> None:
    """Give the finished folder or file its name, once everything in it is on disk.

    Raises:
        CommandError: somebody else has taken the name meanwhile.
    """
    os.sync()
    if target.exists():
        raise CommandError(f"{target} came to be meanwhile; nothing is overwritten")
    made.rename(target)
    os.sync()


def write_folder(folder: Path, made: Path, facts: Mapping[str, Any]) -> None:
    """As a downloaded batch: `images/000000.png` …, `images.jsonl`, `batch.json`; files are moved, not copied.

    Args:
        folder: not there yet.
        made: the work folder of the verb `sample`.
        facts: what all images have in common, with `classes` and `recipe`.
    """
    (folder / IMAGES).mkdir(parents=True)
    with (folder / LIST).open("w", encoding="utf-8") as lines:
        for row in _rows(made):
            name = f"{IMAGES}/{name_of(row['index'])}"
            (made / row["file"]).rename(folder / name)
            lines.write(json.dumps({**asdict(_image(row, facts)), "file": name}) + "\n")
    (folder / FACTS).write_text(json.dumps(dict(facts), indent=1, ensure_ascii=False), encoding="utf-8")


def write_archive(path: Path, made: Path, classes: Sequence[str]) -> None:
    """The same bytes as the archive of a batch of the same images; zip, or tar as WebDataset reads it.

    Args:
        path: not there yet; its ending decides.
        made: the work folder of the verb `sample`.
        classes: the generator's, in its order.
    """
    entries = partial(_entries, made, classes)
    if path.suffix == ".zip":
        sizes = [row["size"] for row in _rows(made)]
        parts = archive_parts.zip_parts(entries, len(sizes), sum(sizes))
    else:
        parts = archive_parts.tar_parts(entries)
    with path.open("wb") as file:
        for _, make in parts:
            file.write(make())


@dataclass(frozen=True)
class _MadeEntry(Entry):
    """An image that is not in the store."""

    path: Path

    def read(self) -> bytes:
        return self.path.read_bytes()


def _entries(made: Path, classes: Sequence[str]) -> Iterator[Entry]:
    for row in _rows(made):
        yield _MadeEntry(
            index=row["index"],
            digest=row["digest"],
            size=row["size"],
            seed=f"{row['seed']:016x}",
            class_key=_class_key(row, classes),
            place=row["class"],
            crc32=None,
            path=made / row["file"],
        )


def _image(row: Mapping[str, Any], facts: Mapping[str, Any]) -> SyntheticImage:
    """As the list of a batch tells of an image; without an id, because no server knows it."""
    class_key = _class_key(row, facts["classes"])
    own = {"index": row["index"], "class": class_key or None, "seed": f"{row['seed']:016x}"}
    told = {name: row[name] for name in ("index", "digest", "size", "width", "height")}
    return SyntheticImage(id="", class_key=class_key, recipe={**facts["recipe"], **own}, **told)


def _class_key(row: Mapping[str, Any], classes: Sequence[str]) -> str:
    return "" if row["class"] is None else classes[row["class"]]


def _rows(made: Path) -> Iterator[dict[str, Any]]:
    """One at a time: there may be a hundred thousand."""
    with (made / "images.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
