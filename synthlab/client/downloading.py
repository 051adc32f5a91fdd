"""A batch into a folder: what is missing is fetched, each file is checked by its digest, nothing half-made gets a name."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from synthlab.client.connection import Connection
from synthlab.client.fetching import Fetch, Part, write_whole
from synthlab.client.folders import FACTS, IMAGES, LIST, check_row, is_there, name_of
from synthlab.client.problems import BadAnswer, Conflict, NotFound, WrongDigest
from synthlab.client.progress import Bar
from synthlab.client.records import SyntheticImage

ARCHIVE_FROM = 64
"""Fewer missing images than this are fetched one by one."""

_PACKED = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError, ValueError)
OnFile = Callable[[int], None]


class BatchDownload:
    """One batch on its way into one folder.

    Args:
        connection: To the server.
        batch: The batch's id.
        folder: Made if it is not there. One that holds another batch is refused.
        workers: Connections side by side, for single files.

    Raises:
        FileExistsError: The folder holds another batch.
    """

    def __init__(self, connection: Connection, batch: str, folder: Path, *, workers: int) -> None:
        self._connection, self._batch, self._folder = connection, batch, folder
        self._workers = max(workers, 1)
        _refuse_another_batch(folder / FACTS, batch)
        (folder / IMAGES).mkdir(parents=True, exist_ok=True)

    def run(
        self, rows: Iterable[SyntheticImage], facts: Mapping[str, Any], count: int, *, show: bool | None
    ) -> None:
        """Fetch what is missing.

        Args:
            rows: Every image of the batch, as the server lists them.
            facts: What `batch.json` is to hold.
            count: How many images there are.
            show: As `Bar` takes it.

        Raises:
            BadAnswer: The list is not one of `count` images of one batch.
            WrongDigest: A file that came is not the promised one, again and again.
            Problem, httpx.TransportError: As `Connection.request` raises them.
        """
        list_file = self._folder / LIST
        part = list_file.with_name(f".{LIST}.part")
        images = _listed(rows, count, part)
        list_file.unlink(missing_ok=True)  # it says that all is there, which is only true at the end
        write_whole(self._folder / FACTS, json.dumps(dict(facts), indent=1, ensure_ascii=False).encode())
        missing = [image for image in images if not is_there(self._path(image), image)]
        with _Count(missing, show) as tell:
            if len(missing) >= ARCHIVE_FROM:
                missing = self._by_archive(missing, tell)
            self._one_by_one(missing, tell)
        part.replace(list_file)

    def _path(self, image: SyntheticImage) -> Path:
        return self._folder / IMAGES / name_of(image.index)

    # --- all at once -----------------------------------------------------------------------------

    def _by_archive(self, missing: Sequence[SyntheticImage], tell: OnFile) -> list[SyntheticImage]:
        """Take what one archive holds; returns what is missing still.

        Only where the server can go on with a broken one; what is broken all the same is fetched file by file.
        """
        part = Part(self._folder / "archive.zip")
        path = f"batches/{self._batch}/archive"
        try:
            if not part.fetch(self._connection, path, known=False, only_by_ranges=True):
                part.remove()
                return list(missing)
        except (Conflict, NotFound):
            part.remove()  # an older server has no archive of a cancelled batch, but has its images
            return list(missing)
        have = set(self._unpacked(part.path, missing, tell))
        part.remove()
        return [image for image in missing if image.index not in have]

    def _unpacked(self, archive: Path, missing: Sequence[SyntheticImage], tell: OnFile) -> Iterator[int]:
        """Write the members that are wanted, known by their digests: their names are not looked at."""
        wanted: defaultdict[str, list[SyntheticImage]] = defaultdict(list)
        for image in missing:
            wanted[image.digest].append(image)
        sizes = {image.size for image in missing}
        try:
            with zipfile.ZipFile(archive) as members:
                for member in members.infolist():
                    if member.file_size not in sizes:
                        continue
                    with members.open(member) as stream:
                        content = stream.read(member.file_size)
                    for image in wanted.pop(hashlib.sha256(content).hexdigest(), ()):
                        write_whole(self._path(image), content)
                        tell(image.index)
                        yield image.index
        except _PACKED:
            return

    # --- one by one ------------------------------------------------------------------------------

    def _one_by_one(self, missing: Sequence[SyntheticImage], tell: OnFile) -> None:
        with ThreadPoolExecutor(self._workers, thread_name_prefix="synthlab-download") as pool:
            futures = [pool.submit(self._one, image) for image in missing]
            try:
                for future in as_completed(futures):
                    tell(future.result())
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _one(self, image: SyntheticImage) -> int:
        for _ in range(2):  # once more: a byte may have changed on the way
            content = self._content(image)
            if hashlib.sha256(content).hexdigest() == image.digest:
                write_whole(self._path(image), content)
                return image.index
        raise WrongDigest(f"image {image.index}: the file that came is not the one that was promised")

    def _content(self, image: SyntheticImage) -> bytes:
        stream = io.BytesIO()
        try:
            Fetch(
                self._connection, f"images/{image.id}/file", stream, known=True, limit=image.size
            ).run()  # fmt: skip
        except WrongDigest:
            return b""
        return stream.getvalue()


class _Count:
    """Counts files on a bar."""

    def __init__(self, missing: Sequence[SyntheticImage], show: bool | None) -> None:
        self._total, self._done, self._bar = len(missing), 0, Bar("downloading", show=show)

    def __enter__(self) -> OnFile:
        return self._tell

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def _tell(self, _index: int) -> None:
        self._done += 1
        self._bar.pace(self._done, self._total)


def _refuse_another_batch(facts: Path, batch: str) -> None:
    try:
        found = json.loads(facts.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except ValueError:
        found = {}
    if not isinstance(found, dict) or found.get("id") != batch:
        raise FileExistsError(f"{facts.parent} holds another batch; choose another folder")


def _listed(rows: Iterable[SyntheticImage], count: int, part: Path) -> list[SyntheticImage]:
    """The list, checked, and written as it comes; rows are kept without their recipes, which the file has.

    Raises:
        BadAnswer: Not `count` different images.
    """
    seen: set[int] = set()
    slim: list[SyntheticImage] = []
    with part.open("w", encoding="utf-8") as file:
        for row in rows:
            image = check_row(row)
            seen.add(image.index)
            slim.append(_slim(image))
            if len(seen) < len(slim) or len(slim) > count:
                raise BadAnswer("the list of images names one twice, or more than the batch has")
            file.write(json.dumps({**asdict(image), "file": f"{IMAGES}/{name_of(image.index)}"}) + "\n")
        if len(slim) != count:
            raise BadAnswer(f"the list of images holds {len(slim)}, the batch {count}")
        file.flush()
        os.fsync(file.fileno())
    return slim


def _slim(image: SyntheticImage) -> SyntheticImage:
    return SyntheticImage(id=image.id, index=image.index, digest=image.digest, size=image.size)
