"""What is checked before a training is queued: nobody should wait an hour to hear that one picture was all there was."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generation.child import BadInput
from generation.ingest.advice import FEW_OF_A_CLASS
from generation.ml.classes import class_names, require_targets_for
from generation.ml.config import TrainConfig
from generation.ml.holdback import monitor_groups
from generation.ml.watch import monitor_warning
from generation.models import Dataset, Split, Symmetries
from synthlab.core.exceptions import Conflict, InvalidInput

MIN_IMAGES = 8
_SEEDS_TRIED = 20


@dataclass(frozen=True, kw_only=True)
class Caution:
    """Something a person should know before the start; `must_confirm` where it may well spoil the result."""

    code: str
    detail: str
    must_confirm: bool = False

    def to_json(self) -> dict[str, Any]:
        """As the API and the training's row hold it."""
        return {"code": self.code, "detail": self.detail, "must_confirm": self.must_confirm}


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """A start that may be made.

    Attributes:
        config: the full configuration, `TrainConfig.to_dict`.
        seed: given, or drawn so that no class stands wholly in the slice that is kept aside.
        classes: of a run with classes, in the networks' order.
        images: that are learnt from.
        monitor: images that are kept aside to watch.
        cautions: what should be known.
    """

    config: dict[str, Any]
    seed: int
    classes: tuple[str, ...]
    images: int
    monitor: int
    cautions: tuple[Caution, ...]

    @property
    def train_config(self) -> TrainConfig:
        """The configuration as the trainer takes it."""
        return TrainConfig.from_request(self.config)

    def require_confirmation(self, confirmed: bool) -> None:
        """Refuse to start over what a person has not said to know.

        Raises:
            InvalidInput: code `needs_confirmation`, with the cautions.
        """
        open_ones = [caution for caution in self.cautions if caution.must_confirm]
        if open_ones and not confirmed:
            raise InvalidInput(
                "needs_confirmation",
                " ".join(caution.detail for caution in open_ones) + " Confirm to start all the same.",
                cautions=[caution.to_json() for caution in open_ones],
            )


@dataclass(frozen=True)
class _Image:
    group: str
    class_key: str
    pixel_digest: str
    shape: tuple[int, int, int]


def check_start(dataset: Dataset, wishes: Mapping[str, Any], *, seed: int | None) -> Preflight:
    """Check everything about a start that can be known without a forward pass.

    Args:
        dataset: with its images.
        wishes: what differs from the defaults; may name a preset.
        seed: drawn where None.

    Raises:
        Conflict: `dataset_empty`.
        InvalidInput: `bad_config`, `too_few_images`, `identical_images`, `mixed_sizes`, `missing_class`, `one_class`,
            `class_kept_aside`, `bad_class_targets`.
    """
    if not dataset.is_ready:
        raise Conflict("dataset_empty", "This data set has no images yet: upload some first.")
    images = _training_images(dataset)
    settings = checked_config(dataset, wishes, seed or 0)
    config = TrainConfig.from_request(settings)
    _require_usable(images)
    all_classes = _classes(images, config)
    seed = _seed(images, config, seed)
    kept = _kept_aside(images, seed)
    learnt = [image for image in images if image.group not in kept]
    if len(learnt) < MIN_IMAGES:
        raise InvalidInput("too_few_images", _too_few(len(learnt)))
    if config.conditional and (lost := sorted(set(all_classes) - {image.class_key for image in learnt})):
        raise _at_field(
            "seed",
            "class_kept_aside",
            f"With this seed all images of {', '.join(lost)} stand in the groups that are kept aside to watch the run. "
            "Leave the seed empty, or take another.",
        )
    return Preflight(
        config={**settings, "seed": seed},
        seed=seed,
        classes=all_classes,
        images=len(learnt),
        monitor=len(images) - len(learnt),
        cautions=tuple(_cautions(dataset, config, learnt, len(images) - len(learnt), len(kept))),
    )


def checked_config(dataset: Dataset, wishes: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The full configuration of a run on this data set.

    Raises:
        InvalidInput: `bad_config`, naming the field.
    """
    fixed = {"image_size": dataset.image_size, "channels": dataset.channels}
    for name, value in fixed.items():
        if value is not None and wishes.get(name, value) != value:
            raise _at_field(name, "bad_config", f"{name}: the data set's images have {value}.")
    asked = {**wishes, **{name: value for name, value in fixed.items() if value is not None}, "seed": seed}
    try:
        if dataset.symmetries != Symmetries.DIHEDRAL:
            chosen = TrainConfig.from_request(asked).augment
            asked["augment"] = [name for name in chosen if name != "symmetry"]
        return TrainConfig.from_request(asked).to_dict()
    except BadInput as error:
        raise _as_invalid_input(error) from error
    except OverflowError as error:
        raise InvalidInput("bad_config", "A number of the settings is far too large.") from error


def _training_images(dataset: Dataset) -> list[_Image]:
    rows = (
        dataset.images.present()
        .in_split(Split.TRAIN)
        .values_list("group__key", "class_key", "pixel_digest", "width", "height", "channels")
    )
    return [
        _Image(group, name, digest, (width, height, channels))
        for group, name, digest, width, height, channels in rows
    ]


def _require_usable(images: Sequence[_Image]) -> None:
    if len(images) < MIN_IMAGES:
        raise InvalidInput("too_few_images", _too_few(len(images)))
    if len({image.pixel_digest for image in images}) == 1:
        raise InvalidInput(
            "identical_images",
            f"All {len(images)} training images are the same picture: there is nothing to learn but that one.",
        )
    shapes = Counter(image.shape for image in images)
    if len(shapes) > 1:
        told = ", ".join(
            f"{count} of {width} × {height} px with {channels} channels"
            for (width, height, channels), count in shapes.most_common(3)
        )
        raise InvalidInput(
            "mixed_sizes",
            f"The training images are not all alike: {told}. Upload them again with one image size and one mode.",
        )


def _too_few(count: int) -> str:
    return (
        f"The training split holds {count} images; at least {MIN_IMAGES} are needed, "
        f"and a few hundred for images worth looking at."
    )


def _classes(images: Sequence[_Image], config: TrainConfig) -> tuple[str, ...]:
    if not config.conditional:
        return ()
    try:
        classes = class_names([image.class_key for image in images])
        require_targets_for(classes, config.class_targets)
    except BadInput as error:
        raise _as_invalid_input(error, field="conditional") from error
    return classes


def _seed(images: Sequence[_Image], config: TrainConfig, seed: int | None) -> int:
    if seed is not None:
        return seed
    wanted = {image.class_key for image in images} if config.conditional else set()

    def keeps_all_classes(drawn: int) -> bool:
        kept = _kept_aside(images, drawn)
        return wanted <= {image.class_key for image in images if image.group not in kept}

    seeds = (secrets.randbelow(2**31) for _ in range(_SEEDS_TRIED))
    return next(filter(keeps_all_classes, seeds), secrets.randbelow(2**31))


def _kept_aside(images: Sequence[_Image], seed: int) -> set[str]:
    return monitor_groups(Counter(image.group for image in images), seed=seed)


def _cautions(
    dataset: Dataset, config: TrainConfig, learnt: Sequence[_Image], monitor: int, groups: int
) -> list[Caution]:
    found = []
    counts = Counter(image.class_key for image in learnt) if config.conditional else Counter()
    if few := sorted(name for name, count in counts.items() if count < FEW_OF_A_CLASS):
        told = ", ".join(f"{name} ({counts[name]})" for name in few)
        found.append(
            Caution(
                code="few_of_a_class",
                detail=f"Fewer than {FEW_OF_A_CLASS} training images of {told}: what is made of them will be near copies.",
                must_confirm=True,
            )
        )
    if not dataset.images.present().in_split(Split.VAL).exists():
        found.append(
            Caution(
                code="no_validation",
                detail="The data set has no validation images, so no batch of this generator can be evaluated.",
            )
        )
    if warned := monitor_warning(monitor, groups):
        found.append(Caution(code=warned[0], detail=warned[1]))
    return found


def _as_invalid_input(error: BadInput, field: str = "") -> InvalidInput:
    name = error.detail.split(":", 1)[0]
    field = name if name in TrainConfig.__dataclass_fields__ else field
    if not field:
        return InvalidInput(error.code, error.detail)
    return _at_field(field, error.code, error.detail)


def _at_field(name: str, code: str, detail: str) -> InvalidInput:
    """A refusal that the form shows at the field."""
    path = "seed" if name == "seed" else f"config.{name}"
    return InvalidInput(code, detail, errors=[{"field": path, "code": code, "detail": detail}])
