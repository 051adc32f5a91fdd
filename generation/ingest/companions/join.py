"""Join companions with the pictures they speak of: class, group and boxes by place. Names end here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from generation.ingest.boxes import PictureBoxes, Unusable
from generation.ingest.companions.coco import read_coco
from generation.ingest.companions.names import AmbiguousError, NameIndex, Parts, parts_of
from generation.ingest.companions.scan import Companion, Listing
from generation.ingest.companions.table import BadRow, Row, read_table
from generation.ingest.companions.voc import read_voc
from generation.ingest.grouping import file_of, outwards
from generation.ingest.guard import NO_WATCH, OutOfTimeError, Watch, hardened
from generation.ingest.limits import Limits
from generation.ingest.rejection import Refusal, RejectedError, sentence

T = TypeVar("T")


@dataclass
class Companions:
    """What an upload's own files say of its pictures.

    Attributes:
        places: where these files stand; nobody else reads them.
        classes: place → class, by a table.
        groups: place → patient or slide, by a table. Secrets of this process.
        boxes: place → boxes, by VOC or COCO files.
        box_files: where these files stand.
        refusals: what could not be used of them.
        unusable: pictures of which two lines say different things.
        rows: place → line of a table and where it stands.
        scopes: zips (or "" for the whole upload) of which a table speaks: each of their pictures needs a line.
        broken: a table, or the only annotations, cannot be used: no picture can be taken for what it is.
    """

    places: frozenset[str] = frozenset()
    classes: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    boxes: dict[str, PictureBoxes] = field(default_factory=dict)
    box_files: set[str] = field(default_factory=set)
    refusals: list[Refusal] = field(default_factory=list)
    unusable: set[str] = field(default_factory=set)
    scopes: set[str] = field(default_factory=set)
    rows: dict[str, tuple[Row, str]] = field(default_factory=dict)
    broken: bool = False

    @property
    def has_boxes(self) -> bool:
        """Whether pictures are to be cropped."""
        return bool(self.boxes)

    def forgo_boxes(self) -> None:
        """Refuse the boxes as a whole: something else was asked of the pictures, and nobody can have both."""
        self.refusals += [Refusal.of(place, "annotation_not_asked") for place in sorted(self.box_files)]
        self.broken = True

    def objection(self, place: str) -> Refusal | None:
        """Why a picture cannot be taken, by what the companions say or leave out."""
        file = file_of(place)
        if file in self.unusable:
            return Refusal.of(place, "csv_conflict")
        if self.scopes & {"", place.partition("/")[0]} and not any(
            spot in self.rows for spot in outwards(place)
        ):
            return Refusal.of(place, "csv_no_row")
        if not self.has_boxes:
            return None
        found = self.boxes.get(file)
        if found is None or not (found.boxes or found.unusable):
            return Refusal.of(place, "no_boxes")
        return Refusal.of(place, "boxes_of_pages") if place != file else None


def join(listing: Listing, limits: Limits, watch: Watch = NO_WATCH) -> Companions:
    """Read the companions and find the pictures that they mean.

    Args:
        listing: the companions and the names of all other files.
        limits: how many boxes and lines are taken, and for how long one file is read.
        watch: told of every companion before it is read.
    """
    return _Joiner(listing, limits, watch).join()


class _Joiner:
    def __init__(self, listing: Listing, limits: Limits, watch: Watch) -> None:
        self._listing, self._limits, self._watch = listing, limits, watch
        self._made = Companions(frozenset(companion.place for companion in listing.companions))
        self._indexes: dict[str, NameIndex] = {}
        self._boxes_left = limits.images
        self._damaged = False

    def join(self) -> Companions:
        readers: Mapping[str, Callable[[Companion], None]] = {
            "csv": self._table,
            "voc": self._voc,
            "coco": self._coco,
        }
        for companion in self._listing.companions:
            try:
                self._watch.begin(companion.place)
                with hardened(self._limits):
                    readers[companion.kind](companion)
            except RejectedError as error:
                self._give_up(companion, Refusal(companion.place, error.code, error.detail))
            except (MemoryError, OutOfTimeError):
                limit = companion.largest
                self._give_up(companion, Refusal.of(companion.place, "annotation_too_large", limit=limit))
            except Exception:  # what a parser makes of a hostile file; its own words may quote it
                self._give_up(companion, Refusal.of(companion.place, "annotation_damaged"))
        if self._damaged and not self._made.boxes:
            self._made.broken = True
        return self._made

    def _give_up(self, companion: Companion, refusal: Refusal) -> None:
        self._made.refusals.append(refusal)
        if companion.kind == "csv":
            self._made.broken = True
        elif refusal.code != "annotation_layout":  # XML and JSON of other kinds lie about in many folders
            self._damaged = True

    def _index(self, scope: str) -> NameIndex:
        if scope not in self._indexes:
            inside = f"{scope}/"
            names = self._listing.names.items()
            self._indexes[scope] = NameIndex(
                entry for entry in names if not scope or entry[0].startswith(inside)
            )
        return self._indexes[scope]

    def _content(self, companion: Companion) -> bytes:
        if companion.failure is not None:
            raise companion.failure
        if companion.content is None:
            raise RejectedError("annotation_too_large", limit=companion.largest)
        return companion.content

    def _pictures(self, companion: Companion) -> NameIndex:
        index = self._index(companion.scope)
        if not index:
            raise RejectedError("names_needed")
        return index

    # --- tables ----------------------------------------------------------------------------------

    def _table(self, companion: Companion) -> None:
        rows = read_table(self._content(companion), self._limits.images)
        index = self._pictures(companion)
        self._made.scopes.add(companion.scope)
        folder = parts_of(companion.name)[:-1]
        for row in rows:
            spot = f"{companion.place}:{row.line}"
            if isinstance(row, BadRow):
                self._refuse(spot, row.code, row.facts)
            elif (
                place := self._find(index.find, row.file, folder, spot, "csv_no_file", row.line)
            ) is not None:
                self._take_row(row, spot, place)

    def _take_row(self, row: Row, spot: str, place: str) -> None:
        made = self._made
        if place in made.rows:
            first, first_spot = made.rows[place]
            same = (first.label, first.group) == (row.label, row.group)
            self._refuse(
                spot, "csv_same_row" if same else "csv_other_row", {"line": row.line, "first": first_spot}
            )
            if not same:
                made.unusable.add(place)
            return
        made.rows[place] = (row, spot)
        if row.label:
            made.classes[place] = row.label
        if row.group:
            made.groups[place] = row.group

    # --- boxes -----------------------------------------------------------------------------------

    def _voc(self, companion: Companion) -> None:
        found = read_voc(self._content(companion))
        index = self._pictures(companion)
        folder = parts_of(companion.name)[:-1]
        place = self._partner(index, companion)
        if place is None:
            place = self._find(index.find, found.picture, folder, companion.place, "annotation_no_picture")
        if place is not None:
            self._take_boxes(companion, place, found)

    def _partner(self, index: NameIndex, companion: Companion) -> str | None:
        """The picture of the annotation's own name: what stands inside is often a name of long ago."""
        try:
            return index.find_partner(companion.name)
        except AmbiguousError:
            return None  # the name inside may tell

    def _coco(self, companion: Companion) -> None:
        found = read_coco(self._content(companion))
        index = self._pictures(companion)
        folder = parts_of(companion.name)[:-1]
        for stray in found.strays:
            self._refuse(f"{companion.place}!{stray.number}", stray.code, stray.facts)
        for picture in found.pictures:
            place = self._find(index.find, picture.picture, folder, companion.place, "annotation_no_picture")
            if place is not None:
                self._take_boxes(companion, place, picture)

    def _take_boxes(self, companion: Companion, place: str, found: PictureBoxes) -> None:
        if place in self._made.boxes:
            self._refuse(companion.place, "annotation_twice", {"picture": place})
            return
        self._boxes_left -= len(found.boxes) + len(found.unusable)
        if self._boxes_left < 0:
            raise RejectedError("annotation_too_many", limit=self._limits.images)
        self._made.boxes[place] = found
        self._made.box_files.add(companion.place)

    # --- both ------------------------------------------------------------------------------------

    def _find(
        self,
        find: Callable[[str, Parts], str | None],
        name: str,
        folder: Parts,
        spot: str,
        code: str,
        line: int = 0,
    ) -> str | None:
        """The place of a file; a refusal at `spot` where there is none, or more than one."""
        try:
            place = find(name, folder)
        except AmbiguousError:
            self._refuse(spot, "name_ambiguous", {})
            return None
        if place is None:
            self._refuse(spot, code, {"line": line} if line else {})
        return place

    def _refuse(self, place: str, code: str, facts: Mapping[str, int | str]) -> None:
        self._made.refusals.append(_refusal(place, code, facts))


def unusable_boxes(place: str, found: Sequence[Unusable]) -> list[Refusal]:
    """The refusals of a picture's unusable boxes, at ``"PLACE!n"``."""
    return [_refusal(f"{place}!{box.number}", box.code, box.facts) for box in found]


def _refusal(place: str, code: str, facts: Mapping[str, int | str]) -> Refusal:
    return Refusal(place, code, sentence(code, facts))
