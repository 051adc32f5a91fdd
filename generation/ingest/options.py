"""The spec of one ingest, checked once, then passed about as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from generation.child import BadInput
from generation.ingest.crops import MARGIN, CropPlan
from generation.ingest.limits import Limits, parse_limits
from generation.ingest.normalise import Form
from generation.ingest.tiling import SPLITS, TilePlan

_CLASS_LENGTH = 60
_MIN_SIDE = 16
_MAX_SIDE = 4096
_MOST_MARGIN = 2

READING_NOTE = "reading"
"""File of the work folder that holds the place being read; empty or missing when none is."""


@dataclass(frozen=True, slots=True)
class StagedFile:
    """One upload under the name that the server gave it; its own name never comes here."""

    ordinal: str
    path: Path


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """Shares of the splits and the seed. `shares` None takes the defaults for the number of images."""

    seed: int = 0
    shares: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class KnownImage:
    """An image that the data set already holds, or one that waits for a person's decision."""

    path: Path
    digest: str
    group: str


@dataclass(frozen=True, slots=True)
class Options:
    """What to make of the uploads.

    Attributes:
        form: channels, bits and size of the stored images.
        tile: how to cut large pictures; None takes each picture as one image.
        crop: how to cut objects out, where the upload holds boxes for its pictures.
        classes: place → class.
        groups: place → the user's key of the patient or slide.
        names: place → name of a file of its own, to find what a table or an annotation speaks of; needed in memory only.
        group_salt: secret of the data set, so that a patient of a later upload is known again.
        split: shares and seed.
        drop_duplicates: refuse near duplicates of other groups; else tie their groups together.
        folder_classes: innermost folders of an archive are classes, as the person confirmed.
        burned_in_checked: a person saw that nothing is burned into the pixels.
        drop_blurred: refuse what is far less sharp than usual; else flag it.
    """

    form: Form = field(default_factory=Form)
    tile: TilePlan | None = None
    crop: CropPlan = field(default_factory=CropPlan)
    names: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    group_salt: bytes | None = None
    split: SplitPlan = field(default_factory=SplitPlan)
    drop_duplicates: bool = True
    folder_classes: bool = False
    burned_in_checked: bool = False
    drop_blurred: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What the data set holds already.

    Attributes:
        images: its images.
        waiting: refused pictures of earlier uploads that may still be taken in.
        withdrawn: digests of images that must not come back.
        groups: group → split.
        channels: of its images, where all have the same.
    """

    images: tuple[KnownImage, ...] = ()
    waiting: tuple[KnownImage, ...] = ()
    withdrawn: frozenset[str] = frozenset()
    groups: Mapping[str, str] = field(default_factory=dict)
    channels: int | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A whole spec."""

    work: Path
    files: tuple[StagedFile, ...]
    options: Options
    limits: Limits
    known: Known = field(default_factory=Known)
    avoid: frozenset[str] = frozenset()


_OPTION_NAMES = frozenset(
    {
        "tile",
        "crop",
        "names",
        "image_size",
        "fit",
        "channels",
        "bits",
        "classes",
        "groups",
        "group_salt",
        "split",
    }
    | {"drop_duplicates", "folder_classes", "burned_in_checked", "drop_blurred"}
)


def parse_spec(spec: Mapping[str, Any]) -> Order:
    """Check a spec.

    Raises:
        BadInput: with code ``bad_options`` and what is wrong; unknown names are wrong too.
    """
    options = spec.get("options") or {}
    files = spec.get("files")
    if not isinstance(files, list) or not files or "work" not in spec:
        raise _bad("an ingest needs a work folder and at least one file")
    unknown = set(options) - _OPTION_NAMES
    if unknown:
        raise _bad(f"there are no options {', '.join(sorted(unknown))}")
    try:
        return Order(
            work=Path(spec["work"]),
            files=tuple(StagedFile(str(entry["ordinal"]), Path(entry["path"])) for entry in files),
            options=_options(options),
            limits=parse_limits(spec.get("limits")),
            known=_known(spec.get("known") or {}),
            avoid=frozenset(map(str, spec.get("avoid") or ())),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _bad("the spec is not laid out as it should be") from error


def _known(given: Mapping[str, Any]) -> Known:
    def images(name: str) -> tuple[KnownImage, ...]:
        return tuple(
            KnownImage(Path(entry["path"]), entry["digest"], entry["group_key"])
            for entry in given.get(name, ())
        )

    return Known(
        images("images"),
        images("waiting"),
        frozenset(given.get("withdrawn", ())),
        _splits_of(given.get("groups") or {}),
        given.get("channels"),
    )


def _options(given: Mapping[str, Any]) -> Options:
    salt = given.get("group_salt")
    return Options(
        form=_form(given),
        tile=_tile(given.get("tile")),
        crop=_crop(given),
        names={place: name for place, name in _map(given.get("names")).items() if name},
        classes={place: _class(label) for place, label in _map(given.get("classes")).items() if label},
        groups={place: key for place, key in _map(given.get("groups")).items() if key},
        group_salt=str(salt).encode() if salt else None,
        split=_split(given.get("split")),
        drop_duplicates=_flag(given, "drop_duplicates", True),
        folder_classes=_flag(given, "folder_classes", False),
        burned_in_checked=_flag(given, "burned_in_checked", False),
        drop_blurred=_flag(given, "drop_blurred", False),
    )


def _form(given: Mapping[str, Any]) -> Form:
    form = Form(
        channels=given.get("channels", "keep"),
        bits=given.get("bits", 8),
        size=given.get("image_size"),
        fit=given.get("fit", "crop"),
    )
    if form.channels not in ("rgb", "grey", "keep"):
        raise _bad("channels are rgb, grey or keep")
    if form.fit not in ("crop", "pad", "stretch"):
        raise _bad("fit is crop, pad or stretch")
    if form.bits not in (8, 16) or (form.bits == 16 and form.channels == "rgb"):
        raise _bad("bits are 8, or 16 for grey")
    if form.size is not None and not _whole(form.size, _MIN_SIDE, _MAX_SIDE):
        raise _bad(f"image_size is a whole number from {_MIN_SIDE} to {_MAX_SIDE}")
    return form


def _tile(given: Mapping[str, Any] | None) -> TilePlan | None:
    if given is None:
        return None
    size = given.get("size", 0)
    if not _whole(size, _MIN_SIDE, _MAX_SIDE):
        raise _bad(f"tile size is a whole number from {_MIN_SIDE} to {_MAX_SIDE}")
    plan = TilePlan(size, given.get("stride", size), given.get("block"), given.get("guard"))
    if not _whole(plan.stride, 1, size):
        raise _bad("tile stride is a whole number from 1 to the tile size")
    if plan.block is not None and not _whole(plan.block, size, 2**20):
        raise _bad("tile block is at least the tile size")
    if plan.guard is not None and not _whole(plan.guard, 0, 2**20):
        raise _bad("tile guard is a whole number, 0 or more")
    return plan


def _crop(options: Mapping[str, Any]) -> CropPlan:
    given = options.get("crop")
    if given is None:
        return CropPlan()
    if options.get("tile") is not None:
        raise _bad(
            "pictures are cut into tiles, or objects are cut out of them; tile and crop exclude each other"
        )
    if unknown := set(given) - {"margin", "square", "side"}:
        raise _bad(f"crop has no {', '.join(sorted(unknown))}")
    plan = CropPlan(given.get("margin", MARGIN), _flag(given, "square", True), given.get("side"))
    if type(plan.margin) not in (int, float) or not 0 <= plan.margin <= _MOST_MARGIN:
        raise _bad(f"crop margin is a number from 0 to {_MOST_MARGIN}, a share of the longer side of the box")
    if plan.side is not None and not _whole(plan.side, _MIN_SIDE, _MAX_SIDE):
        raise _bad(f"crop side is a whole number from {_MIN_SIDE} to {_MAX_SIDE}")
    return plan


def _split(given: Mapping[str, Any] | None) -> SplitPlan:
    if given is None:
        return SplitPlan()
    seed = given.get("seed", 0)
    if type(seed) is not int:
        raise _bad("split seed is a whole number")
    shares = {split: float(given[split]) for split in SPLITS if given.get(split) is not None}
    if not shares:
        return SplitPlan(seed)
    if min(shares.values()) < 0 or abs(sum(shares.values()) - 1) > 1e-6 or not shares.get("train"):
        raise _bad("split shares are 0 or more, add up to 1, and train has one")
    return SplitPlan(seed, shares)


def _splits_of(groups: Mapping[str, str]) -> Mapping[str, str]:
    if not set(groups.values()) <= set(SPLITS):
        raise _bad(f"splits are {', '.join(SPLITS)}")
    return dict(groups)


def _map(given: Mapping[Any, Any] | None) -> dict[str, str]:
    return {str(place): str(value).strip() for place, value in (given or {}).items() if value is not None}


def _class(label: str) -> str:
    if len(label) > _CLASS_LENGTH or not label.isprintable():
        raise _bad(f"a class has at most {_CLASS_LENGTH} printable characters")
    return label


def _flag(given: Mapping[str, Any], name: str, default: bool) -> bool:
    value = given.get(name, default)
    if type(value) is not bool:
        raise _bad(f"{name} is true or false")
    return value


def _whole(value: Any, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def _bad(detail: str) -> BadInput:
    return BadInput("bad_options", f"{detail[0].upper()}{detail[1:]}.")
