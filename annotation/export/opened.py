"""An archive that is read: its frame is walked byte by byte first, then its files can be asked for."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

_CHUNK = 1 << 20
_BROKEN = (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError)


class BadArchiveError(Exception):
    """The first thing that is wrong: the file it is in, and what."""

    def __init__(self, file: str, detail: str) -> None:
        super().__init__(f"{file}: {detail}")
        self.file = file
        self.detail = detail


class Opened:
    """The files of an archive.

    Args:
        path: The archive.
        digests: SHA-256 of every file by name, where it is known already.
    """

    def __init__(self, path: Path, digests: Mapping[str, str]) -> None:
        self._zip = zipfile.ZipFile(path)
        self._digests = digests
        self.names = sorted(self._zip.namelist())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def __contains__(self, name: str) -> bool:
        return name in self._digests

    def under(self, folder: str) -> list[str]:
        """The names that begin so, in order."""
        return [name for name in self.names if name.startswith(folder)]

    def digest(self, name: str) -> str:
        """SHA-256 of a file.

        Raises:
            BadArchiveError: It is missing.
        """
        try:
            return self._digests[name]
        except KeyError as error:
            raise BadArchiveError(name, "is missing") from error

    def stream(self, name: str) -> Iterator[bytes]:
        """A file in pieces.

        Raises:
            BadArchiveError: It is missing or cannot be read.
        """
        self.digest(name)
        try:
            with self._zip.open(name) as file:
                while chunk := file.read(_CHUNK):
                    yield chunk
        except _BROKEN as error:
            raise BadArchiveError(name, str(error)) from error

    def read(self, name: str) -> bytes:
        """A file as a whole.

        Raises:
            BadArchiveError: It is missing or cannot be read.
        """
        return b"".join(self.stream(name))

    def text(self, name: str) -> str:
        """A file of UTF-8 text.

        Raises:
            BadArchiveError: It is missing or none.
        """
        try:
            return self.read(name).decode()
        except UnicodeDecodeError as error:
            raise BadArchiveError(name, "is not UTF-8 text") from error

    def json(self, name: str) -> Any:
        """A file of JSON.

        Raises:
            BadArchiveError: It is missing or none.
        """
        try:
            return json.loads(self.read(name))
        except ValueError as error:
            raise BadArchiveError(name, f"is not JSON: {error}") from error
