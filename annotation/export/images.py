"""Images as PNG members of an archive: their bytes are copied as they are, never encoded again."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from annotation.export.formats import Described, Member, Source
from annotation.export.opened import BadArchiveError, Opened
from annotation.export.rows import MemberRow
from annotation.export.spool import digests_at, places_by, places_by_split

PNG = b"\x89PNG\r\n\x1a\n"


def grouped_pngs(source: Source, folder_of: Callable[[MemberRow], str]) -> Iterator[Member]:
    """Every image under the folder that is its own, `train/` or `images/train/tissue/`, in order of all names."""
    members = source.release.members
    for folder, places in places_by(members, folder_of).items():
        for digest in digests_at(members, places):
            yield _png(source, folder, digest)


def all_pngs(source: Source, folder: str) -> Iterator[Member]:
    """Every image under one folder."""
    members = source.release.members
    for digest in digests_at(members, range(len(members))):
        yield _png(source, folder, digest)


def pngs_by_split(source: Source, folder_of: Callable[[str], str]) -> Iterator[Member]:
    """Every image under the folder of its split; folders come in the order of their splits' names."""
    members = source.release.members
    for split, places in places_by_split(members).items():
        for digest in digests_at(members, places):
            yield _png(source, folder_of(split), digest)


def _png(source: Source, folder: str, digest: str) -> Member:
    return Member(f"{folder}{digest}.png", source.image(digest), digest)


def split_folder(folder: str, split: str) -> str:
    """The folder of a split, or the one given where the snapshot is not split."""
    return f"{folder}{split}/" if split else folder


def check_images(
    opened: Opened, labels: Mapping[str, Any], name_of: Callable[[Mapping[str, Any]], str], folder: str
) -> None:
    """Every member of the labels has its picture there, with its bytes and size, and there is no other.

    Args:
        opened: The archive.
        labels: Its labels.json.
        name_of: Where the picture of a member lies.
        folder: Under which there are no other pictures.

    Raises:
        BadArchiveError: As said.
    """
    expected = {name_of(member): member for member in labels["members"]}
    present = {name for name in opened.under(folder) if name.endswith(".png")}
    for name in sorted(expected.keys() ^ present):
        raise BadArchiveError(name, "stands in the labels or among the files, but not in both")
    for name, member in expected.items():
        if opened.digest(name) != member["image"]:
            raise BadArchiveError(name, "its bytes are not those that its name says")
        check_size(name, next(opened.stream(name), b""), member)


def check_size(file: str, data: bytes, member: Mapping[str, Any]) -> None:
    """Refuse bytes that are no PNG file of the size that the labels say.

    Raises:
        BadArchiveError: As said.
    """
    if len(data) < 24 or not data.startswith(PNG):
        raise BadArchiveError(file, "is not a PNG image")
    if struct.unpack(">II", data[16:24]) != (member["width"], member["height"]):
        raise BadArchiveError(file, "has another size than its labels say")


def name_by_split(folder: str) -> Callable[[Mapping[str, Any]], str]:
    """Where a member of the labels lies whose folder is its split's."""

    def name(member: Mapping[str, Any]) -> str:
        split = member.get("split", "")
        return f"{folder}{split}/{member['image']}.png" if split else f"{folder}{member['image']}.png"

    return name


def describe_pngs(glob: str) -> Described:
    """The images as Croissant has them: a file set, and a record for each file."""
    return Described(
        distribution=(
            {
                "@type": "cr:FileSet",
                "@id": "image-files",
                "name": "image-files",
                "description": "The images, each named by the SHA-256 of its bytes.",
                "encodingFormat": "image/png",
                "includes": glob,
            },
        ),
        record_sets=(
            {
                "@type": "cr:RecordSet",
                "@id": "images",
                "name": "images",
                "description": "The pixels of every image.",
                "key": {"@id": "images/file"},
                "field": [
                    _image_field(
                        "file", "sc:Text", "filename", "Its file name: the SHA-256 of the file, and .png."
                    ),
                    _image_field("content", "sc:ImageObject", "content", "Its pixels."),
                ],
            },
        ),
    )


def _image_field(name: str, kind: str, source: str, description: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"images/{name}",
        "name": name,
        "description": description,
        "dataType": kind,
        "source": {"fileSet": {"@id": "image-files"}, "extract": {"fileProperty": source}},
    }
