"""Search all that the product keeps, says or writes for planted text, in whatever encoding it may hide."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import logging
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.db import connection

from tests.generation.ingest.identified import MARK, PLAIN

_DIGEST = re.compile(rb"[0-9a-f]{24,128}")


def _base64_cores(text: bytes) -> Iterator[bytes]:
    """What base64 makes of a text, whatever stands before and behind it."""
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + text)
        start = (before * 8 + 5) // 6
        yield whole[start : (before + len(text)) * 8 // 6]


def needles() -> dict[str, bytes]:
    """Name of an encoding → the bytes of the planted mark in it; to be looked for without regard to case."""
    found = {
        "text": MARK.encode(),
        "UTF-16 LE": MARK.encode("utf-16-le"),
        "UTF-16 BE": MARK.encode("utf-16-be"),
    }
    found |= {"hex": MARK.encode().hex().encode(), "reversed": MARK[::-1].encode()}
    for alphabet in ("utf-8", "utf-16-le"):
        for place, core in enumerate(_base64_cores(MARK.encode(alphabet))):
            found[f"base64 of {alphabet}, {place}"] = core
    found |= {text: text.encode() for text in PLAIN}
    found |= {f"hex of {text}": text.encode().hex().encode() for text in PLAIN}
    return {name: needle.lower() for name, needle in found.items()}


class Search:
    """Collects findings as ``(where, encoding)``.

    Args:
        planted: the identifiers themselves, for their digests: a plain digest of a name can be guessed.
    """

    def __init__(self, planted: Iterable[str]) -> None:
        self.findings: set[tuple[str, str]] = set()
        self.bytes_read = 0
        self._needles = needles()
        texts = [alike for text in planted for alike in (text, text.lower(), f"{text}.png")]
        self._digests = {
            hashlib.new(kind, text.encode()).hexdigest()[:24].encode()
            for text in texts for kind in ("md5", "sha1", "sha256", "sha512")
        }  # fmt: skip

    def look_at(self, where: str, data: bytes) -> None:
        """Search bytes, and what is packed in them where they are a zip or a PNG."""
        self.bytes_read += len(data)
        lower = data.lower()
        self.findings |= {(where, name) for name, needle in self._needles.items() if needle in lower}
        if any(match[:24] in self._digests for match in _DIGEST.findall(lower)):
            self.findings.add((where, "digest"))
        if data.startswith(b"PK\3\4"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                for member in archive.infolist():
                    self.look_at(f"{where}!{member.filename}", archive.read(member))
        for packed in re.finditer(rb"zTXt|iTXt|iCCP", data):
            text = data[packed.end() : packed.end() + 100_000]
            start = text.find(b"\x78")
            if start >= 0:
                try:
                    self.look_at(
                        f"{where} {packed[0].decode()}", zlib.decompressobj().decompress(text[start:])
                    )
                except zlib.error:
                    continue

    def look_at_files(self, root: Path) -> int:
        """Search every file below a folder and every name; returns how many files."""
        count = 0
        for path in root.rglob("*"):
            self.look_at(f"name of {path}", str(path.relative_to(root)).encode())
            if path.is_file():
                count += 1
                self.look_at(str(path), path.read_bytes())
        return count

    def look_at_database(self) -> int:
        """Search every row of every table, and the file itself where there is one; returns how many rows."""
        count = 0
        with connection.cursor() as cursor:
            for table in connection.introspection.table_names(cursor):
                cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
                for row in cursor.fetchall():
                    count += 1
                    self.look_at(f"table {table}", _flat(row))
        if connection.vendor == "sqlite":
            for path in sorted(Path(str(connection.settings_dict["NAME"])).parent.glob("*.sqlite*")):
                self.look_at(f"database file {path.name}", path.read_bytes())
        return count


def _flat(row: Iterable[object]) -> bytes:
    parts = [bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode() for value in row]
    # JSON columns hold other letters as \\u escapes; once more as they are meant
    escaped = [part for part in parts if b"\\u" in part]
    for part in escaped:
        try:
            parts.append(json.dumps(json.loads(part), ensure_ascii=False).encode())
        except ValueError:
            continue
    return b"\n".join(parts)


class Listener(logging.Handler):
    """Keeps all that is logged at any level, with every fact of it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.getMessage()} {record.__dict__!r} {record.exc_text}")
