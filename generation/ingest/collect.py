"""From pictures to stored candidates: form, quality, tiles, groups, exact duplicates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from generation.ingest import deidentify, normalise, quality, tiling
from generation.ingest.candidate import Candidate
from generation.ingest.companions import Companions, unusable_boxes
from generation.ingest.crops import cut_out, notes_of, place_window
from generation.ingest.duplicates import Fingerprint, fingerprint
from generation.ingest.grouping import GroupKeys, lookup
from generation.ingest.options import Known, Options
from generation.ingest.picture import Picture, Pixels
from generation.ingest.rejection import OVERRULABLE, Refusal, sentence
from generation.ingest.store import StoredImage, WorkFolder
from generation.pixels import pixel_digest

LEAST_SIDE = 16
MOST_ASIDE = 10_000
"""So many refused pictures of one upload are kept for a decision; of the rest only place and reason."""

MAY_SHOW_TEXT = "burned_in_unknown"
_SLIDES_PER_SPLIT = 2

_Objection: TypeAlias = tuple[str, Mapping[str, int | str]]


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
        known: what the data set has.
    """

    def __init__(self, options: Options, folder: WorkFolder, most: int, known: Known) -> None:
        self.options = options
        self.folder = folder
        self.most = most
        self.companions = Companions()
        self.classes = options.classes
        self.keys = GroupKeys(options.groups, options.group_salt)
        self.photographs: list[
            tuple[str, str, Fingerprint]
        ] = []  # place, group and look of what objects were cut out of
        self.candidates: list[Candidate] = []
        self.refusals: list[Refusal] = []
        self.slides: set[str] = set()
        self.cut_by_blocks = False
        self.pictures = 0
        self.removed = deidentify.Record()
        self._present = frozenset(image.digest for image in known.images)
        self._withdrawn = known.withdrawn
        self._aside: dict[str, Candidate] = {}
        self._places: dict[str, str] = {}  # digest of an image, or of a whole picture to be cut → first place
        self._spooled: list[_Spooled] = []

    @property
    def is_full(self) -> bool:
        """Whether no more images are taken."""
        return len(self.candidates) >= self.most

    def heed(self, companions: Companions) -> None:
        """Follow what the upload's own files say of its pictures; what the person said goes before it.

        A box has its own class, which that of its photograph never replaces.
        """
        self.companions = companions
        if companions.has_boxes and self.options.tile:
            companions.forgo_boxes()
        self.refusals += companions.refusals
        given = {**companions.classes, **self.options.classes}
        self.classes = (
            {spot: label for spot, label in given.items() if "!" in spot} if companions.has_boxes else given
        )
        self.keys = GroupKeys({**companions.groups, **self.options.groups}, self.options.group_salt)

    def refuse(self, refusal: Refusal) -> None:
        """Note why something was not taken."""
        self.refusals.append(refusal)

    def add(self, picture: Picture) -> None:
        """Take a picture: as an image, or to be cut once all are known."""
        self.pictures += 1
        self.removed.add(picture)
        if unexplained := self.companions.objection(picture.place):
            self.refuse(unexplained)
            return
        picture = replace(picture, pixels=normalise.to_form(picture.pixels, self.options.form))
        digest = pixel_digest(picture.pixels)
        objection = self._objection(picture)
        is_cut = bool(self.options.tile or self.companions.has_boxes)
        if objection and objection[0] == "too_small" and (is_cut or not self.options.form.size):
            self._refuse_whole(picture, *objection)  # there is no image that it could become
        elif objection and is_cut:
            self._refuse_whole(picture, "burned_in_unseen", {})  # nobody looks at hundreds of tiles
        elif self.options.tile:
            self._spool(picture, digest)
        elif self.companions.has_boxes:
            self._add_crops(picture, self.keys.key(picture, digest))
        else:
            group = self.keys.key(picture, digest)
            self._add_image(picture, picture.pixels, group, picture.split, None, objection)

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

    def _objection(self, picture: Picture) -> _Objection | None:
        """What a person would have to overrule; text in the pixels goes before all else."""
        if MAY_SHOW_TEXT in picture.flags and not self.options.burned_in_checked:
            return MAY_SHOW_TEXT, {}
        height, width = picture.pixels.shape[:2]
        least = self._least_side()
        if min(height, width) < least:
            return "too_small", {"width": width, "height": height, "least": least}
        return None

    def _refuse_whole(self, picture: Picture, code: str, facts: Mapping[str, int | str]) -> None:
        thumb = self.folder.put_thumbnail(picture.pixels)
        self.refuse(Refusal(picture.place, code, sentence(code, facts), thumb))

    def set_aside(self, image: Candidate, code: str, **facts: int | str) -> None:
        """Refuse an image that was written; it stays there for a person's decision, where one may be made."""
        digest = image.stored.digest
        if code not in OVERRULABLE or len(self._aside) >= MOST_ASIDE:
            self.refuse(Refusal(image.place, code, sentence(code, facts), image.stored.thumb))
            if digest not in self._aside:
                self.folder.remove_image(image.stored.file)
            return
        first = self._aside.setdefault(digest, image)  # of the same pixels one is enough
        kept = image if first is image else None
        self.refuse(Refusal.of(image.place, code, image.stored.thumb, kept, **facts))

    @property
    def aside(self) -> list[Candidate]:
        """Images that wait for a decision."""
        return list(self._aside.values())

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

    def _add_crops(self, picture: Picture, group: str) -> None:
        """Cut out each object of a photograph; the photograph is the group."""
        found = self.companions.boxes[picture.place]
        height, width = picture.pixels.shape[:2]
        if found.size and found.size != (width, height):
            wide, high = found.size
            facts = {"wide": wide, "high": high, "width": width, "height": height}
            self._refuse_whole(picture, "annotation_size", facts)
            return
        self.refusals += unusable_boxes(picture.place, found.unusable)
        self.photographs.append((picture.place, group, fingerprint(normalise.to_grey(picture.pixels))))
        for box in found.boxes:
            place = f"{picture.place}!{box.number}"
            window = place_window(box, (width, height), self.options.crop, self._least_side())
            if isinstance(window, str):
                self.refuse(Refusal.of(place, window))
            elif self.is_full:
                self.refuse(Refusal.of(place, "too_many_images", limit=self.most))
                return
            else:
                notes = {**picture.notes, **notes_of(box, window, (width, height))}
                crop = replace(picture, place=place, label=box.label, notes=notes)
                self._add_image(crop, cut_out(picture.pixels, window), group, picture.split, None)

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
        self,
        picture: Picture,
        pixels: Pixels,
        group: str,
        split: str | None,
        region: tiling.Region | None,
        objection: _Objection | None = None,
    ) -> None:
        full, pixels = pixels, normalise.resize(pixels, self.options.form)
        grey = normalise.to_grey(pixels)
        if objection is None and quality.is_blank(grey):
            objection = "blank", {}
        stored = self.folder.put_image(pixels)
        if self._is_repeated(picture.place, stored):
            return
        image = self._candidate(picture, pixels, stored, group, split)
        image.look, image.sharpness, image.region = fingerprint(grey), quality.sharpness(grey), region
        if self.options.form.size is not None and min(full.shape[:2]) < self.options.form.size:
            image.flags.append("enlarged")
        if objection is None:
            self._places[stored.digest] = picture.place
            self.candidates.append(image)
            return
        code, facts = objection
        if code == MAY_SHOW_TEXT and full.shape != pixels.shape:
            image.full = self.folder.put_full(full)  # text that was scaled down cannot be read, and not seen
        self.set_aside(image, code, **facts)

    def _is_repeated(self, place: str, stored: StoredImage) -> bool:
        """Refuse pixels that were there before."""
        first = self._places.get(stored.digest)
        if stored.digest in self._withdrawn:
            self.refuse(Refusal.of(place, "withdrawn_before"))
        elif stored.digest in self._present:
            self.refuse(Refusal.of(place, "already_present", stored.thumb))
        elif first:
            self.refuse(Refusal.of(place, "exact_duplicate", stored.thumb, first=first))
            return True  # the file is the first one's
        else:
            return False
        self.folder.remove_image(stored.file)
        return True

    def _candidate(
        self, picture: Picture, pixels: Pixels, stored: StoredImage, group: str, split: str | None
    ) -> Candidate:
        height, width, *channels = pixels.shape
        return Candidate(
            place=picture.place,
            stored=stored,
            pixel_digest=pixel_digest(pixels),
            shape=(height, width, channels[0] if channels else 1),
            bits=8 * pixels.dtype.itemsize,
            group=group,
            label=lookup(self.classes, picture.place) or picture.label,
            split=split,
            source={"kind": picture.kind, **picture.notes},
            deid={
                "source": picture.kind,
                "removed": dict(picture.removed),
                "methods": list(picture.methods),
            },
            flags=list(picture.flags),
        )
