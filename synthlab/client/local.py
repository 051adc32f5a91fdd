"""The files of an upload on this side: which there are, what may be told of them, and what a place in it means here."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_SYSTEM_FILES = re.compile(r"(?i)^(\.|~\$|Thumbs\.db$|desktop\.ini$|__MACOSX$)")
_COMPANIONS = frozenset({".csv", ".tsv", ".xml", ".json"})
_PLACE = re.compile(r"(\d+)(?:/(\d+))?(.*)", re.DOTALL)
_PARTS: Sequence[tuple[str, Callable[[re.Match[str]], str]]] = (
    (r"#(\d+)", lambda part: f", frame {part[1]}"),
    (r"!(\d+)", lambda part: f", box {part[1]}"),
    (r"@(\d+),(\d+)", lambda part: f", tile at {part[1]}, {part[2]}"),
    (r":(\d+)", lambda part: f", line {part[1]}"),
)
_PLACE_IN_TEXT = re.compile(r"place (\d+(?:/\d+)?(?:[#!:]\d+)?(?:@\d+,\d+)?)")


@dataclass(frozen=True)
class LocalFiles:
    """What is uploaded, in the order of its places.

    Attributes:
        files: where they lie.
        names: what they are called here, folders included.
        skipped: how many files of the operating system were left out.
    """

    files: tuple[Path, ...]
    names: tuple[str, ...]
    skipped: int = 0

    @classmethod
    def of(cls, path: Path, extra: Sequence[Path] = ()) -> LocalFiles:
        """Gather a folder with all below it, or a single file.

        Args:
            path: a folder, a zip or any other file.
            extra: further files, such as a table that lies elsewhere; one that is there already is not taken twice.

        Raises:
            FileNotFoundError: there is no such file.
        """
        found = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
        if not path.exists():
            raise FileNotFoundError(path)
        root = path.parent if path.is_file() else path
        files = [file for file in found if not _is_of_the_system(file.relative_to(root))]
        skipped = len(found) - len(files)
        have = {file.resolve() for file in files}
        more = [file for file in extra if file.resolve() not in have]
        for file in more:
            if not file.is_file():
                raise FileNotFoundError(file)
        names = [file.relative_to(root).as_posix() for file in files] + [file.name for file in more]
        return cls((*files, *more), tuple(names), skipped)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.stat().st_size for file in self.files)

    @property
    def names_to_tell(self) -> dict[str, str]:
        """Place → name, where a table or annotations among the files speak of others by name; else nothing.

        Names can name patients. Inside a zip they go along anyway, and are read in memory only.
        """
        if not any(file.suffix.lower() in _COMPANIONS for file in self.files):
            return {}
        return {str(place): name for place, name in enumerate(self.names)}

    def folders(self) -> Mapping[str, str]:
        """Place → the folder that a file lies in, for files that lie in one."""
        parents = ((str(place), Path(name).parent.name) for place, name in enumerate(self.names))
        return {place: folder for place, folder in parents if folder}

    def folders_in_zips(self) -> Counter[str]:
        """Folders inside the zips, and how many files lie in each."""
        found: Counter[str] = Counter()
        for file in self.files:
            for member in _members(file):
                folder = Path(member.replace("\\", "/")).parent.name
                if folder and folder.isprintable() and not member.endswith("/"):
                    found[folder] += 1
        return found

    def in_words(self, place: str) -> str:
        """What a place of the upload is here: the file, its member in a zip, its frame, box, tile or line."""
        parts = _PLACE.fullmatch(place)
        if parts is None or int(parts[1]) >= len(self.names):
            return f"place {place}"
        words, inside = self.names[int(parts[1])], parts[2]
        if inside:
            members = _members(self.files[int(parts[1])])
            known = int(inside) <= len(members)
            words += f" › {members[int(inside) - 1]}" if known else f", entry {inside}"
        rest = parts[3]
        for pattern, say in _PARTS:
            rest = re.sub(pattern, say, rest)
        return _printable(words + rest)

    def explain(self, detail: str) -> str:
        """A sentence of the server with its places in words."""
        return _PLACE_IN_TEXT.sub(lambda found: f"“{self.in_words(found[1])}”", detail)


def _printable(name: str) -> str:
    """The name without what a terminal would obey: names in a zip from elsewhere are nobody's to trust."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)


def _is_of_the_system(name: Path) -> bool:
    return any(_SYSTEM_FILES.search(part) for part in name.parts)


@lru_cache(maxsize=16)
def _members(file: Path) -> Sequence[str]:
    """Names in a zip, in the order in which its places count; none for a file that is no zip."""
    if file.suffix.lower() == ".npz":
        return ()  # its places are images, not members
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return ()


def chunks_of(file: Path, size: int, on_sent: Callable[[int], None]) -> Iterator[bytes]:
    """The bytes of a file, telling after each piece how many have gone."""
    sent = 0
    with file.open("rb") as stream:
        while chunk := stream.read(size):
            yield chunk
            sent += len(chunk)
            on_sent(sent)
