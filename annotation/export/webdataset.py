"""WebDataset: tar shards in which files of one stem are one sample: `DIGEST.json` and `DIGEST.png`.

Every shard is POSIX ustar with one mode, no owner and no date, so that its bytes depend on its content alone.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

from annotation.export.canonical import canonical_json, digest_bytes
from annotation.export.formats import Described, Format, Member, Option, Source
from annotation.export.ledger import LossKind
from annotation.export.member import describe_member
from annotation.export.opened import BadArchiveError, Opened
from annotation.export.rows import MemberRow, Release
from annotation.export.shards import ShardRows, check_shards, shard_name, write_shards

ROOT = "shards/"
_ENDING = ".tar"
_BLOCK = 512
_MIB = 1 << 20


def write_webdataset(source: Source) -> Iterator[Member]:
    """Shards by split, each begun when the one before it is full."""
    return write_shards(source, ROOT, _ENDING, _shard)


def check_webdataset(opened: Opened, labels: Mapping[str, Any]) -> None:
    """The shards of a split hold its images in their order, each with what the labels say.

    Raises:
        BadArchiveError: They do not.
    """
    check_shards(opened, labels, ROOT, _ENDING, _check_shard)


def _check_shard(name: str, data: bytes, wanted: Iterator[Mapping[str, Any]]) -> None:
    with tarfile.open(fileobj=io.BytesIO(data)) as shard:
        _check_samples(name, shard, wanted)


def _check_samples(name: str, shard: tarfile.TarFile, wanted: Iterator[Mapping[str, Any]]) -> None:
    files = iter(shard)
    for told in files:
        member, shown = next(wanted, None), next(files, None)
        if member is None or shown is None:
            raise BadArchiveError(name, "holds more files than the labels tell of")
        if (told.name, shown.name) != (f"{member['image']}.json", f"{member['image']}.png"):
            raise BadArchiveError(name, f"holds {told.name} where the labels have {member['image']}")
        if digest_bytes(_content(shard, shown)) != member["image"]:
            raise BadArchiveError(name, f"the picture {shown.name} is not the one that its name says")
        if json.loads(json.loads(_content(shard, told))["labels"]) != dict(member):
            raise BadArchiveError(name, f"{told.name} says other things than the labels")


def _content(shard: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file: IO[bytes] | None = shard.extractfile(member)
    return file.read() if file else b""


def _shard(source: Source, rows: ShardRows) -> Iterator[bytes]:
    limit, size = int(source.options["shard_mib"]) * _MIB, 0
    while size < limit and (row := rows.take()):
        sample = _file(f"{row.digest}.json", _sample(row)) + _file(
            f"{row.digest}.png", source.image(row.digest)
        )
        size += len(sample)
        yield sample
    yield bytes(2 * _BLOCK)


def _sample(member: MemberRow) -> bytes:
    """What was said: of one type in every sample, as Hugging Face's reader takes the types of the first few for all."""
    return canonical_json(
        {
            "image": member.digest,
            "width": member.width,
            "height": member.height,
            "classes": list(member.classes),
            "labels": canonical_json(describe_member(member)).decode().strip(),
        }
    )


def _file(name: str, data: bytes) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = len(data), 0o644, 0
    return info.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % _BLOCK)


def _describe(release: Release) -> Described:
    return Described(
        distribution=(
            {
                "@type": "cr:FileSet",
                "@id": "shards",
                "name": "shards",
                "description": "Tar shards: for each image a PNG file and a JSON file of the same stem.",
                "encodingFormat": "application/x-tar",
                "includes": f"{ROOT}*{_ENDING}",
            },
        )
    )


def front_matter(folder: str, ending: str, release: Release) -> tuple[str, ...]:
    """Where Hugging Face's readers find the shards of each split; without splits all is `train`, as they call it."""
    splits: Sequence[str] = sorted({member.split for member in release.members})
    files = [
        line
        for split in splits
        for line in (
            f"  - split: {split or 'train'}",
            f'    path: "{shard_name(folder, split, None, "")}*{ending}"',
        )
    ]
    return ("---", "configs:", "- config_name: default", "  data_files:", *files, "---", "")


WEBDATASET = Format(
    key="webdataset",
    title="WebDataset shards",
    summary="webdataset, Hugging Face datasets (`webdataset`), and training that streams from storage",
    write=write_webdataset,
    check=check_webdataset,
    owns=(ROOT,),
    options=(Option(name="shard_mib", title="Size of a shard, MiB", default=256, lowest=1, highest=2048),),
    losses=(
        LossKind(
            "random_access",
            "A single image cannot be reached without reading its shard.",
            lambda tally: tally.images,
        ),
        LossKind(
            "typed_labels",
            "Regions, site, confidence, people and recipe stand as JSON text in `labels` of each sample.",
            lambda tally: tally.regions + tally.sites + tally.confidences + 2 * tally.images + tally.reviews,
        ),
    ),
    layout=("`shards/`: tar shards; each image is `DIGEST.png` with `DIGEST.json` before it.",),
    croissant=_describe,
    front_matter=lambda release: front_matter(ROOT, _ENDING, release),
)
