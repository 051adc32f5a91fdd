"""Find the companions of an upload and what its files are called, before any picture is decoded."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from generation.ingest.companions.table import looks_like_table
from generation.ingest.guard import OutOfTimeError, Watch, hardened
from generation.ingest.limits import MIB, Limits
from generation.ingest.options import StagedFile
from generation.ingest.readers.archive import check_directory, check_member, check_members
from generation.ingest.readers.sniff import is_npz, magic_of
from generation.ingest.rejection import RejectedError

_HEAD = 4096
_LARGEST: Mapping[str, int] = {"voc": 4 * MIB, "coco": 64 * MIB, "csv": 16 * MIB}
_TOGETHER = 256 * MIB
_KIND_BY_ENDING: Mapping[str, str] = {"xml": "voc", "json": "coco", "csv": "csv", "tsv": "csv"}
_COCO_MEMBERS = (b'"images"', b'"annotations"', b'"categories"')


@dataclass(frozen=True, slots=True)
class Companion:
    """A file that says something about pictures.

    Attributes:
        place: where it stands.
        kind: ``voc``, ``coco`` or ``csv``.
        name: what it is called, "" where nobody told.
        scope: the place of the zip that it lies in; "" for a file of its own, which speaks of the whole upload.
        content: its bytes; None where there are too many, or they could not be unpacked.
        failure: why they could not be unpacked.
    """

    place: str
    kind: str
    name: str
    scope: str
    content: bytes | None
    failure: RejectedError | None = None

    @property
    def largest(self) -> int:
        """How many bytes such a file may have."""
        return _LARGEST[self.kind]


@dataclass(frozen=True, slots=True)
class Listing:
    """Names of the other files by their place, and the companions."""

    names: Mapping[str, str]
    companions: tuple[Companion, ...]


def list_upload(
    files: Sequence[StagedFile], told: Mapping[str, str], limits: Limits, watch: Watch
) -> Listing:
    """Look into every file's first bytes, also inside zips; what cannot be looked into is left to its reader.

    Args:
        files: the upload.
        told: place → name of files of their own, as the sender told.
        limits: ceilings for zips and for time.
        watch: told of every file before it is looked into.
    """
    look = _Look(limits)
    for file in files:
        # Whatever fails here has its turn with the readers, and they say what is wrong.
        with contextlib.suppress(Exception, OutOfTimeError), hardened(limits):
            watch.begin(file.ordinal)
            look.at(file, told.get(file.ordinal, ""))
    return Listing(look.names, tuple(look.companions))


class _Look:
    """Goes through an upload and keeps what is needed to join it."""

    def __init__(self, limits: Limits) -> None:
        self.names: dict[str, str] = {}
        self.companions: list[Companion] = []
        self._limits = limits
        self._left = _TOGETHER

    def at(self, file: StagedFile, name: str) -> None:
        """Look at one file of the upload."""
        with file.path.open("rb") as stream:
            if magic_of(stream.read(_HEAD)) != "zip":
                stream.seek(0)
                self._note(file.ordinal, name, "", stream)
                return
        if is_npz(file.path):
            self.names[file.ordinal] = name
        else:
            self._members(file)

    def _members(self, file: StagedFile) -> None:
        check_directory(file.path)
        with zipfile.ZipFile(file.path) as archive:
            members = archive.infolist()
            check_members(members, archive.start_dir, self._limits)
            for number, member in enumerate(members, start=1):
                if member.is_dir() or _is_of_the_system(member.filename):
                    continue
                place = f"{file.ordinal}/{number}"
                try:
                    check_member(member, self._limits)
                    with archive.open(member) as stream:
                        self._note(place, member.filename, file.ordinal, stream)
                except Exception as failure:
                    self._note_failure(place, member.filename, file.ordinal, failure)

    def _note_failure(self, place: str, name: str, scope: str, failure: Exception) -> None:
        """What cannot be unpacked is left to its reader, unless its name says that pictures depend on it."""
        if (kind := _KIND_BY_ENDING.get(_ending(name))) is not None:
            error = failure if isinstance(failure, RejectedError) else RejectedError("archive_damaged")
            self.companions.append(Companion(place, kind, name, scope, None, error))

    def _note(self, place: str, name: str, scope: str, stream: IO[bytes]) -> None:
        head = stream.read(_HEAD)
        kind = companion_kind(head, name)
        if kind is None:
            if name:
                self.names[place] = name
            return
        most = min(_LARGEST[kind], self._left)
        content = head + stream.read(max(most + 1 - len(head), 0))
        whole = len(content) <= most
        self._left -= len(content) if whole else 0
        self.companions.append(Companion(place, kind, name, scope, content if whole else None))


def companion_kind(head: bytes, name: str) -> str | None:
    """What a file is by its first bytes, and by its name's ending where these leave it open; None for all others."""
    if magic_of(head) is not None:
        return None
    ending = _ending(name)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"<") and (ending == "xml" or b"<annotation" in head):
        return "voc"
    if start.startswith(b"{") and (ending == "json" or any(word in head for word in _COCO_MEMBERS)):
        return "coco"
    if _KIND_BY_ENDING.get(ending) == "csv" or looks_like_table(head):
        return "csv"
    return None


def _ending(name: str) -> str:
    return name.rpartition(".")[2].casefold()


def _is_of_the_system(name: str) -> bool:
    """Shadows that macOS puts beside every file of a zip, under the same names."""
    return name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith("._")
