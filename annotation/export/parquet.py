"""Parquet with the PNG files inside: one row an image, columns with types, and the whole answer as JSON text.

Row groups are cut by the bytes of their images, so that memory stays flat. Nothing is compressed: PNG is already, and
compressors change with their versions. pyarrow writes its own version into the file: the same bytes need the same pyarrow.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from annotation.export.canonical import canonical_json, digest_bytes
from annotation.export.formats import Described, Format, Member, Option, Source
from annotation.export.member import describe_member
from annotation.export.opened import BadArchiveError, Opened
from annotation.export.rows import MemberRow, Release
from annotation.export.shards import ShardRows, check_shards, write_shards
from annotation.export.webdataset import front_matter
from annotation.geometry import area, bounds

if TYPE_CHECKING:
    import pyarrow as pa

ROOT = "data/"
_ENDING = ".parquet"
_MIB = 1 << 20
# Hugging Face reads this note and shows the column as pictures.
_FEATURE = {"info": {"features": {"image": {"_type": "Image"}}}}


def write_parquet(source: Source) -> Iterator[Member]:
    """Files by split, each begun when the one before it is full."""
    return write_shards(source, ROOT, _ENDING, _file)


def check_parquet(opened: Opened, labels: Mapping[str, Any]) -> None:
    """The files of a split hold its images in their order, each with what the labels say.

    Raises:
        BadArchiveError: They do not.
    """
    check_shards(opened, labels, ROOT, _ENDING, _check_file)


def _check_file(name: str, data: bytes, wanted: Iterator[Mapping[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(data))
        for batch in file.iter_batches(256, columns=["image", "image_id", "labels"]):
            _check_rows(name, batch.to_pylist(), wanted)
    except pa.ArrowException as error:
        raise BadArchiveError(name, f"cannot be read: {error}") from error


def _check_rows(name: str, rows: list[dict[str, Any]], wanted: Iterator[Mapping[str, Any]]) -> None:
    for row in rows:
        member = next(wanted, None)
        if member is None or row["image_id"] != member["image"]:
            raise BadArchiveError(
                name, f"holds {row['image_id']}, which the labels do not have at that place"
            )
        if digest_bytes(row["image"]["bytes"]) != member["image"]:
            raise BadArchiveError(name, f"the picture {row['image_id']} is not the one that its name says")
        if json.loads(row["labels"]) != dict(member):
            raise BadArchiveError(name, f"says other things about {row['image_id']} than the labels")


def _file(source: Source, rows: ShardRows) -> Iterator[bytes]:
    """One file, a row group at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink, schema = _Sink(), _schema()
    limit, size = int(source.options["file_mib"]) * _MIB, 0
    with pq.ParquetWriter(
        pa.PythonFile(sink, mode="w"),
        schema,
        version="2.6",
        data_page_version="1.0",
        compression="NONE",
        use_dictionary=False,
        write_statistics=False,
        store_schema=True,
    ) as writer:
        while size < limit and (group := _group(source, rows)):
            size += sum(len(row["image"]["bytes"]) for row in group)
            writer.write_table(pa.Table.from_pylist(group, schema), row_group_size=len(group))
            yield sink.drain()
    yield sink.drain()


def _group(source: Source, rows: ShardRows) -> list[dict[str, Any]]:
    limit, size, group = int(source.options["row_group_mib"]) * _MIB, 0, []
    while size < limit and (row := rows.take()):
        data = source.image(row.digest)
        size += len(data)
        group.append(_row(row, data))
    return group


def _row(member: MemberRow, data: bytes) -> dict[str, Any]:
    around = [bounds(region.shape) for region in member.regions]
    return {
        "image": {"bytes": data, "path": f"{member.digest}.png"},
        "image_id": member.digest,
        "width": member.width,
        "height": member.height,
        "classes": list(member.classes),
        "objects": {
            "bbox": [[box.x, box.y, box.width, box.height] for box in around],
            "category": [region.label for region in member.regions],
            "kind": [region.kind for region in member.regions],
            "area": [area(region.shape) for region in member.regions],
        },
        "site": member.site,
        "confidence": member.confidence,
        "reader": member.reader,
        "reviewers": list(member.reviewers),
        "recipe": canonical_json(dict(member.recipe)).decode().strip(),
        "labels": canonical_json(describe_member(member)).decode().strip(),
    }


def _schema() -> pa.Schema:
    import pyarrow as pa

    text = pa.string()
    objects = pa.struct(
        {
            "bbox": pa.list_(pa.list_(pa.float64())),
            "category": pa.list_(text),
            "kind": pa.list_(text),
            "area": pa.list_(pa.float64()),
        }
    )
    return pa.schema(
        {
            "image": pa.struct({"bytes": pa.binary(), "path": text}),
            "image_id": text,
            "width": pa.int32(),
            "height": pa.int32(),
            "classes": pa.list_(text),
            "objects": objects,
            "site": text,
            "confidence": pa.int32(),
            "reader": text,
            "reviewers": pa.list_(text),
            "recipe": text,
            "labels": text,
        },
        metadata={"huggingface": json.dumps(_FEATURE)},
    )


class _Sink(io.RawIOBase):
    """Where pyarrow writes; what it wrote is taken away after each row group."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._size += len(part)
        return len(part)

    def tell(self) -> int:
        return self._size

    def drain(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _describe(release: Release) -> Described:
    fields = (
        ("image_id", "sc:Text", "SHA-256 of the image file."),
        ("image", "sc:ImageObject", "The image file."),
        ("labels", "sc:Text", "All that was said about the image, as JSON."),
    )
    return Described(
        distribution=(
            {
                "@type": "cr:FileSet",
                "@id": "parquet-files",
                "name": "parquet-files",
                "description": "Rows with the image inside.",
                "encodingFormat": "application/x-parquet",
                "includes": f"{ROOT}*{_ENDING}",
            },
        ),
        record_sets=(
            {
                "@type": "cr:RecordSet",
                "@id": "rows",
                "name": "rows",
                "description": "One record for each image, with its pixels.",
                "key": {"@id": "rows/image_id"},
                "field": [_field(*row) for row in fields],
            },
        ),
    )


def _field(name: str, kind: str, description: str) -> dict[str, Any]:
    transform = {"transform": {"jsonPath": "bytes"}} if name == "image" else {}
    return {
        "@type": "cr:Field",
        "@id": f"rows/{name}",
        "name": name,
        "description": description,
        "dataType": kind,
        "source": {"fileSet": {"@id": "parquet-files"}, "extract": {"column": name}, **transform},
    }


PARQUET = Format(
    key="parquet",
    title="Parquet with the images inside",
    summary="Hugging Face datasets (`parquet`), pandas, DuckDB, Spark",
    write=write_parquet,
    check=check_parquet,
    owns=(ROOT,),
    needs="pyarrow",
    check_needs="pyarrow",
    options=(
        Option(name="row_group_mib", title="Size of a row group, MiB", default=16, lowest=1, highest=95),
        Option(name="file_mib", title="Size of a file, MiB", default=512, lowest=1, highest=2048),
    ),
    losses=(),
    layout=("`data/`: Parquet files; the column `labels` holds the whole answer as JSON.",),
    croissant=_describe,
    front_matter=lambda release: front_matter(ROOT, _ENDING, release),
)
