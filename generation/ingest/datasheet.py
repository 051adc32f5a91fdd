"""The facts of an ingest for the data sheet: counts, balance, independence, and what a reader must be told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from generation.ingest import tiling
from generation.ingest.advice import FEW_OF_A_CLASS, FEW_TO_JUDGE, GROUPS_AT_ALL
from generation.ingest.candidate import Candidate
from generation.ingest.collect import Collector


def describe(
    collector: Collector,
    kept: Sequence[Candidate],
    splits: Mapping[str, str],
    shares: Mapping[str, float],
    links: int,
) -> dict[str, Any]:
    """Facts of the accepted images.

    Args:
        collector: what was read and refused.
        kept: the accepted images.
        splits: group → split.
        shares: the shares that were aimed at.
        links: pairs of groups tied together by near duplicates.
    """
    options = collector.options
    facts: dict[str, Any] = {
        "images": len(kept),
        "groups": len({image.group for image in kept}),
        "classes": _classes(kept),
        "splits": {split: _part(kept, splits, split, options.tile) for split in tiling.SPLITS},
        "form": options.form.describe(),
        "dimensions": dict(sorted(Counter("×".join(map(str, image.shape)) for image in kept).items())),
        "flags": dict(sorted(Counter(flag for image in kept for flag in image.flags).items())),
        "duplicates": _duplicates(collector, links),
        "split": {"seed": options.split.seed, "shares": dict(shares), "method": _method(collector, kept)},
        "tiling": _tiling(collector),
        "crops": _crops(collector, kept),
        "holders_known": collector.keys.known_holders,
    }
    return {**facts, **in_words(facts)}


def in_words(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the facts mean: `statements` that must stand on the data sheet, `warnings` for who goes on from here.

    Args:
        facts: as `describe` makes them, or the sum of several uploads' facts.
    """
    return {"statements": _statements(facts), "warnings": _warnings(facts)}


def _classes(images: Sequence[Candidate]) -> dict[str, int]:
    return dict(sorted(Counter(image.label for image in images if image.label).items()))


def _part(
    kept: Sequence[Candidate], splits: Mapping[str, str], split: str, plan: tiling.TilePlan | None
) -> dict[str, Any]:
    images = [image for image in kept if splits[image.group] == split]
    return {
        "images": len(images),
        "groups": len({image.group for image in images}),
        "classes": _classes(images),
        "independent_images": _independent(images, plan) if plan else len(images),
    }


def _independent(images: Sequence[Candidate], plan: tiling.TilePlan) -> int:
    """How many of these tiles share no pixel with each other."""
    by_picture: dict[tuple[str, str], list[tiling.Region]] = {}
    for image in images:
        if image.region:
            picture = image.place.partition("@")[0]
            by_picture.setdefault((picture, image.group), []).append(image.region)
    return sum(tiling.count_independent(regions, plan.size) for regions in by_picture.values())


def _duplicates(collector: Collector, links: int) -> dict[str, int]:
    codes = Counter(refusal.code for refusal in collector.refusals)
    return {
        "exact": codes["exact_duplicate"] + codes["already_present"],
        "near": codes["near_duplicate"] + codes["near_duplicate_known"],
        "tied_groups": links,
    }


def _method(collector: Collector, kept: Sequence[Candidate]) -> str:
    if collector.cut_by_blocks:
        return "region blocks"
    if kept and all(image.split for image in kept):
        return "as given by the file"
    return "grouped, stratified by class"


def _tiling(collector: Collector) -> dict[str, Any] | None:
    plan = collector.options.tile
    if plan is None:
        return None
    return {
        "size": plan.size,
        "stride": plan.stride,
        "guard": plan.guard_width if collector.cut_by_blocks else None,
        "by": "region blocks" if collector.cut_by_blocks else "slides",
        "slides": len(collector.slides),
    }


def _crops(collector: Collector, kept: Sequence[Candidate]) -> dict[str, Any] | None:
    if not collector.companions.has_boxes:
        return None
    return {
        **collector.options.crop.describe(),
        "photographs": len({image.place.partition("!")[0] for image in kept}),
    }


def _statements(facts: Mapping[str, Any]) -> list[str]:
    tiling, said = facts["tiling"], []
    if tiling:
        parts = ", ".join(
            f"{split} {part['images']} ({part['independent_images']} of them without a shared pixel, {part['groups']} groups)"
            for split, part in facts["splits"].items()
            if part["images"]
        )
        size = tiling["size"]
        said.append(f"{facts['images']} tiles of {size} × {size} pixels, stride {tiling['stride']}: {parts}.")
    if crops := facts.get("crops"):
        said.append(
            f"{facts['images']} objects cut out of {crops['photographs']} pictures along their boxes."
        )
    if tiling and tiling["by"] == "region blocks":
        said.append(
            f"Splits are regions with a guard band of at least {tiling['guard']} pixels between them: "
            "no tile of one split shares a pixel with a tile of another."
        )
    if _is_one_slide(facts):
        said.append(
            "All images come from one slide of one patient. Train and validation are not independent samples of "
            "patients, so nothing measured here says how it would be with other patients."
        )
    elif not facts["holders_known"] and not tiling:
        said.append("Patients are not known: each file counts as a group of its own.")
    return said


def _is_one_slide(facts: Mapping[str, Any]) -> bool:
    return bool(facts["tiling"]) and facts["tiling"]["slides"] == 1


def _warnings(facts: Mapping[str, Any]) -> list[dict[str, str]]:
    found = []
    train, val = facts["splits"]["train"], facts["splits"]["val"]
    if not facts["images"]:
        return [
            _warning("nothing_accepted", "None of the images could be taken. See the list of rejections.")
        ]
    if not val["images"]:
        found.append(_warning("no_validation", "No images for validation: too few groups to part them."))
    elif val["images"] < FEW_TO_JUDGE or val["groups"] < GROUPS_AT_ALL:
        text = f"Validation has {val['images']} images in {val['groups']} groups: verdicts will say insufficient."
        found.append(_warning("few_to_validate", text))
    if _is_one_slide(facts):
        found.append(_warning("one_slide", "All images come from one slide of one patient."))
    for label in facts["classes"]:
        count = train["classes"].get(label, 0)
        if count < FEW_OF_A_CLASS:
            text = f"Class “{label}” has {count} training images; below {FEW_OF_A_CLASS} a generator cannot learn it."
            found.append(_warning("few_of_a_class", text))
    unlabelled = facts["images"] - sum(facts["classes"].values())
    if facts["classes"] and unlabelled:
        found.append(_warning("unlabelled", f"{unlabelled} images have no class, others have."))
    return found


def _warning(code: str, detail: str) -> dict[str, str]:
    return {"code": code, "detail": detail}
