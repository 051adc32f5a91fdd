"""What a data set is too small for, and what would help: the minimum-data advisor.

Advice says what is missing in numbers and what to do about it. It never refuses: the service that starts a training or
an evaluation does, by the same numbers. Where each threshold comes from stands beside it and in docs/reference/advice.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field

FEWEST_TO_TRAIN = 8
"""Training images below which no training starts (`generation.services.preflight`)."""

FEW_OF_A_CLASS = 20
"""Training images of a class below which a generator is not asked for it without a warning: it would be learnt by heart rather than learnt."""

GOOD_FOR_A_CLASS = 100
"""Training images of a class from which class-conditional training is worthwhile: the smallest sets for which
low-shot GAN work reports usable results are 100-shot (DiffAugment, arXiv 2006.10738)."""

FEW_TO_LEARN_FROM = 100
MANY_TO_LEARN_FROM = 1000
"""Replication of training images falls exponentially as a data set grows (arXiv 2202.11765): below the first it is the
main danger, above the second rarely the first one."""

FEW_TO_JUDGE = 50
"""Validation images below which a share cannot be told from another: 0.80 from 50 has an interval of 0.66 to 0.90."""

GROUPS_TO_JUDGE = 50
"""Independent groups on each side below which every number is `insufficient` (`evaluation.ml.report`)."""

GROUPS_AT_ALL = 5
"""Groups below which leaving one out, which all intervals rest on, says nothing, and a monitor slice chooses nothing."""

_TRAIN, _VAL, _HELD_OUT = "train", "val", "held_out"


@dataclass(frozen=True)
class Part:
    """One side of the split.

    Attributes:
        images, groups: How many.
        classes: class → images; images without a class are in none.
    """

    images: int = 0
    groups: int = 0
    classes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Advice:
    """One thing to know before time is spent.

    Attributes:
        code: Stable.
        detail: What is missing and what to do, in words.
        grave: Whether something will be refused, or said to be `insufficient`, because of it.
        class_key: The class it is about; empty where about all.
    """

    code: str
    detail: str
    grave: bool = False
    class_key: str = ""

    def to_mapping(self) -> dict[str, str]:
        """Code and detail, as the REST API gives them."""
        return {name: str(value) for name, value in asdict(self).items() if name in ("code", "detail")}


def advise(parts: Mapping[str, Part]) -> list[Advice]:
    """What is too little, the gravest first.

    Args:
        parts: ``train``, ``val``, ``held_out`` → what stands there; a missing one is empty.

    Returns:
        Nothing for an empty data set: there is nothing to be said yet.
    """
    train, val, held_out = (parts.get(split, Part()) for split in (_TRAIN, _VAL, _HELD_OUT))
    total = train.images + val.images + held_out.images
    if not total:
        return []
    share = train.images / total
    found = [*_of_training(train), *_of_validation(train, val), *_of_classes(train, val, share)]
    if not held_out.images:
        found.append(
            Advice(
                "no_held_out",
                "No images are held out, so a classifier trained on synthetic images cannot be tried on unseen real ones. "
                "Small data sets, and the regions of a few slides, are parted in two only.",
            )
        )
    return sorted(found, key=lambda advice: not advice.grave)


def _of_training(train: Part) -> Iterator[Advice]:
    if train.images < FEWEST_TO_TRAIN:
        yield Advice(
            "too_few_to_train",
            f"The training split holds {_images(train.images)}; a training needs at least {FEWEST_TO_TRAIN}, and a few "
            f"hundred for images worth looking at.",
            grave=True,
        )
    elif train.images < FEW_TO_LEARN_FROM:
        yield Advice(
            "copying_likely",
            f"A generator that learns from {_images(train.images)} tends to give them back instead of new ones, and the "
            f"risk falls exponentially as a data set grows. Collect {FEW_TO_LEARN_FROM - train.images} more for the "
            f"training split, and look at the copies that an evaluation flags before anything is released.",
            grave=True,
        )
    elif train.images < MANY_TO_LEARN_FROM:
        yield Advice(
            "copying_possible",
            f"With {_images(train.images)} to learn from, some synthetic images may come close to a real one. Every "
            f"evaluation looks for them; more images make it rarer.",
        )
    if train.images >= FEWEST_TO_TRAIN and train.groups < GROUPS_AT_ALL:
        yield Advice(
            "few_training_groups",
            f"The training images come from {_groups(train.groups)}. A run is watched on whole groups kept aside, and with "
            f"fewer than {GROUPS_AT_ALL} of them in all there are too few to choose a checkpoint by. More patients help more "
            f"than more images of the same.",
        )


def _of_validation(train: Part, val: Part) -> Iterator[Advice]:
    if not val.images:
        yield Advice(
            "no_validation",
            "No images are kept for validation, so nothing can be evaluated. There were too few groups to part them: "
            "collect images of more patients.",
            grave=True,
        )
        return
    if val.images < FEW_TO_JUDGE:
        yield Advice(
            "few_validation_images",
            f"Validation holds {_images(val.images)}: evaluations will say “insufficient”. "
            f"{FEW_TO_JUDGE - val.images} more are needed there.",
            grave=True,
        )
    fewest = min(train.groups, val.groups)
    if val.groups < GROUPS_AT_ALL:
        yield Advice(
            "few_validation_groups",
            f"The validation images come from {_groups(val.groups)}. Groups, not images, are independent: with fewer than "
            f"{GROUPS_AT_ALL} no interval can be given, and evaluations say “insufficient”. Collect images of more patients.",
            grave=True,
        )
    elif fewest < GROUPS_TO_JUDGE:
        yield Advice(
            "few_groups",
            f"There are {_groups(train.groups)} for training and {val.groups} for validation. Below {GROUPS_TO_JUDGE} on "
            f"either side evaluations say “insufficient”: their numbers are indicative, and a person has to decide.",
            grave=True,
        )


def _of_classes(train: Part, val: Part, share: float) -> Iterator[Advice]:
    for key in sorted({*train.classes, *val.classes}):
        count = train.classes.get(key, 0)
        if count < FEW_OF_A_CLASS:
            yield _class_advice("class_too_small", key, count, FEW_OF_A_CLASS, share)
        elif count < GOOD_FOR_A_CLASS:
            yield _class_advice("class_small", key, count, GOOD_FOR_A_CLASS, share)
        if val.images and not val.classes.get(key):
            yield Advice(
                "class_not_validated",
                f"No image of class “{key}” is in validation: nothing can be measured for this class alone.",
                class_key=key,
            )
    without = train.images - sum(train.classes.values())
    if train.classes and without:
        yield Advice(
            "images_without_class",
            f"{_images(without)} of the training split have no class. They cannot be used by a generator that is asked by "
            f"class; give them one, or train without classes.",
        )


def _class_advice(code: str, key: str, count: int, wanted: int, share: float) -> Advice:
    missing = wanted - count
    # An upload is divided, so only a part of what is collected comes to be learnt from.
    in_all = math.ceil(missing / share) if share else missing
    more = (
        f"{missing} more" if in_all <= missing else f"{missing} more there, about {in_all} before the split"
    )
    if code == "class_too_small":
        detail = (
            f"Class “{key}” has {_images(count)} to learn from. Below {wanted} a generator cannot learn it and is not asked "
            f"for it without a warning. Collect {more}, or merge it with a class that it resembles."
        )
    else:
        detail = (
            f"Class “{key}” has {_images(count)} to learn from. A generator by class is worthwhile from about {wanted} on: "
            f"collect {more}, merge it, or train without classes and let readers say what they see."
        )
    return Advice(code, detail, grave=code == "class_too_small", class_key=key)


def _images(count: int) -> str:
    return f"{count:,} image{'s' * (count != 1)}"


def _groups(count: int) -> str:
    return f"{count:,} group{'s' * (count != 1)}"
