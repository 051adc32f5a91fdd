"""From pictures to stored candidates: form, quality, tiles, groups, exact duplicates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from generation.ingest import deidentify, normalise, quality, tiling
from generation.ingest.duplicates import Fingerprint, fingerprint
from generation.ingest.grouping import GroupKeys, lookup
from generation.ingest.options import Options
from generation.ingest.picture import Picture, Pixels
from generation.ingest.rejection import Refusal
from generation.ingest.store import StoredImage, WorkFolder
from generation.pixels import pixel_digest

LEAST_SIDE = 16
_SLIDES_PER_SPLIT = 2


@dataclass(slots=True)
class Candidate:
    """An image that was written and has yet to pass the look at all images together."""

    place: str
    stored: StoredImage
    pixel_digest: str
    shape: tuple[int, int, int]  # height, width, channels
    bits: int
    group: str
    label: str | None
    split: str | None
    source: Mapping[str, Any]
    deid: Mapping[str, Any]
    look: Fingerprint
    sharpness: float
    region: tiling.Region | None = None
    flags: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Spooled:
    """A large picture that waits on disk to be cut."""

    picture: Picture  # without its pixels
    path: Path
    width: int
    height: int
    slide: str


class Collector:
    """Takes pictures one by one and holds at most one in memory.

    Args:
        options: what to make of them.
        folder: where images go.
        most: how many images one upload may bring.
        present: digests of images that the data set has.
    """

    def __init__(self, options: Options, folder: WorkFolder, most: int, present: frozenset[str]) -> None:
        self.options = options
        self.folder = folder
        self.most = most
        self.keys = GroupKeys(options.groups, options.group_salt)
        self.candidates: list[Candidate] = []
        self.refusals: list[Refusal] = []
        self.slides: set[str] = set()
        self.cut_by_blocks = False
        self.pictures = 0
        self.removed = deidentify.Record()
        self._present = present
        self._places: dict[str, str] = {}  # digest of an image, or of a whole picture to be cut → first place
        self._spooled: list[_Spooled] = []

    @property
    def is_full(self) -> bool:
        """Whether no more images are taken."""
        return len(self.candidates) >= self.most

    def refuse(self, refusal: Refusal) -> None:
        """Note why something was not taken."""
        self.refusals.append(refusal)

    def add(self, picture: Picture) -> None:
        """Take a picture: as an image, or to be cut once all are known."""
        self.pictures += 1
        self.removed.add(picture)
        picture = replace(picture, pixels=normalise.to_form(picture.pixels, self.options.form))
        digest = pixel_digest(picture.pixels)
        height, width = picture.pixels.shape[:2]
        least = self._least_side()
        if min(height, width) < least:
            thumb = self.folder.put_thumbnail(picture.pixels)
            self.refuse(
                Refusal.of(picture.place, "too_small", thumb, width=width, height=height, least=least)
            )
            return
        if self.options.tile:
            self._spool(picture, digest)
        else:
            self._add_image(picture, picture.pixels, self.keys.key(picture, digest), picture.split, None)

    def cut(self) -> Iterator[int]:
        """Cut the pictures that wait; yields how many are done."""
        if not self.options.tile:
            return
        self.cut_by_blocks = not self._enough_slides()
        shares = self.options.split.shares or tiling.SLIDE_SHARES
        for done, spooled in enumerate(self._spooled, start=1):
            self._cut_one(spooled, self.options.tile, shares)
            spooled.path.unlink()
            yield done

    @property
    def waiting(self) -> int:
        """How many pictures are to be cut."""
        return len(self._spooled)

    def _least_side(self) -> int:
        if self.options.tile:
            return self.options.tile.size
        # Enlarging to more than twice the size would invent most of the pixels.
        return max(LEAST_SIDE, (self.options.form.size or 0) // 2)

    def _spool(self, picture: Picture, digest: str) -> None:
        if first := self._places.get(digest):
            self.refuse(Refusal.of(picture.place, "exact_duplicate", first=first))
            return
        self._places[digest] = picture.place
        slide = self.keys.key(picture, digest)
        self.slides.add(slide)
        height, width = picture.pixels.shape[:2]
        path = self.folder.spool(len(self._spooled), picture.pixels)
        empty = replace(picture, pixels=np.empty((0, 0), np.uint8))
        self._spooled.append(_Spooled(empty, path, width, height, slide))

    def _enough_slides(self) -> bool:
        """Whether slides can be parted as wholes. With one or two, regions of each are the best that can be had."""
        if self.keys.known_holders > 1:
            return True  # patients are known, and nobody's tissue may stand on both sides
        shares = self.options.split.shares or tiling.SLIDE_SHARES
        return len(self.slides) >= _SLIDES_PER_SPLIT * sum(share > 0 for share in shares.values())

    def _cut_one(self, spooled: _Spooled, plan: tiling.TilePlan, shares: Mapping[str, float]) -> None:
        size = (spooled.width, spooled.height)
        blocks = tiling.cut_blocks(*size, plan, shares) if self.cut_by_blocks else tiling.whole(*size)
        pixels: Pixels = np.load(spooled.path, mmap_mode="r", allow_pickle=False)
        for block in blocks:
            group = f"{spooled.slide}.{block.name}" if block.name else spooled.slide
            for tile in tiling.tiles_of(block.region, plan):
                place = f"{spooled.picture.place}@{tile.x},{tile.y}"
                if self.is_full:
                    self.refuse(Refusal.of(place, "too_many_images", limit=self.most))
                    return
                cut = np.ascontiguousarray(
                    pixels[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
                )
                self._add_image(replace(spooled.picture, place=place), cut, group, block.split, tile)

    def _add_image(
        self, picture: Picture, pixels: Pixels, group: str, split: str | None, region: tiling.Region | None
    ) -> None:
        enlarged = self.options.form.size is not None and min(pixels.shape[:2]) < self.options.form.size
        pixels = normalise.resize(pixels, self.options.form)
        grey = normalise.to_grey(pixels)
        if quality.is_blank(grey):
            self.refuse(Refusal.of(picture.place, "blank", self.folder.put_thumbnail(pixels)))
            return
        stored = self.folder.put_image(pixels)
        if stored.digest in self._present:
            self.refuse(Refusal.of(picture.place, "already_present", stored.thumb))
            self.folder.remove_image(stored.file)
            return
        if first := self._places.get(stored.digest):
            self.refuse(Refusal.of(picture.place, "exact_duplicate", stored.thumb, first=first))
            return
        self._places[stored.digest] = picture.place
        height, width, *channels = pixels.shape
        self.candidates.append(
            Candidate(
                place=picture.place,
                stored=stored,
                pixel_digest=pixel_digest(pixels),
                shape=(height, width, channels[0] if channels else 1),
                bits=8 * pixels.dtype.itemsize,
                group=group,
                label=lookup(self.options.classes, picture.place) or picture.label,
                split=split,
                source={"kind": picture.kind, **picture.notes},
                deid={
                    "source": picture.kind,
                    "removed": dict(picture.removed),
                    "methods": list(picture.methods),
                },
                look=fingerprint(grey),
                sharpness=quality.sharpness(grey),
                region=region,
                flags=[*picture.flags, *(["enlarged"] if enlarged else [])],
            )
        )
