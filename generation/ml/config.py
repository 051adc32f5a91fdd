"""What a training run is asked to do: one frozen, validated, JSON-ready record. Imports no torch.

The defaults are ``dcgan-s``'s; `ARCHITECTURE_DEFAULTS` holds where another architecture differs, `PRESETS` how long
a run may take. A request names only what it wants otherwise: defaults < architecture < preset < request.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from generation.child import BadInput

IMAGE_SIZES = (16, 32, 64, 128)
AUGMENTATIONS = ("symmetry", "translation", "cutout", "colour")
LOSSES = ("hinge", "bce")
DTYPES = ("auto", "float32", "bfloat16")
# They decide only where a run ends, never what any of its steps does.
BUDGET_FIELDS = ("steps", "seconds", "early_stop_checks")
LATER_FIELDS = ("class_targets", "lr_decay_kimg")

ARCHITECTURE_DEFAULTS: dict[str, dict[str, Any]] = {
    # The shape and numbers of Radford et al. 2015 as everyone runs it: the baseline to beat, kept plain on purpose.
    "dcgan": {
        "latent_size": 100,
        "g_filters": 64,
        "d_filters": 64,
        "batch_size": 64,
        "loss": "bce",
        "g_lr": 2e-4,
        "d_lr": 2e-4,
        "beta1": 0.5,
        "beta2": 0.999,
        "augment": (),
        "lr_decay_kimg": 0.0,
        "r1_gamma": 0.0,
        "ema_half_life_kimg": 0.0,
        "skip_excitation": False,
    },
    "dcgan-s": {},
}

# How long the person wants to wait. Steps, not seconds, so that the digest promise holds.
PRESETS: dict[str, dict[str, Any]] = {
    "quick": {"steps": 400, "checkpoint_every": 100, "sample_every": 100, "g_filters": 24, "d_filters": 24},
    "standard": {"steps": 8_000},
    "best": {"steps": 24_000},
}


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides the weights, besides the images and the code.

    With a budget in `steps` the same config, images, code and thread count give the same weights digest on the CPU,
    interrupted or not. With a budget in `seconds` the machine's speed decides where the run ends, so that promise
    does not hold; the card says how many steps it became.
    """

    architecture: str = "dcgan-s"
    image_size: int = 64
    channels: int = 3
    conditional: bool = False
    balance_classes: bool = True  # conditional runs: show rare classes as often as common ones
    # Class → share of what is shown and made while training; empty: `balance_classes` decides.
    class_targets: dict[str, float] = dataclasses.field(default_factory=dict)

    latent_size: int = 128
    g_filters: int = 32  # channels at the finest scale; doubled towards the 4 px stem
    d_filters: int = 32
    skip_excitation: bool = True

    steps: int | None = 8_000
    seconds: float | None = None
    batch_size: int = 32
    # A spectrally normalised discriminator that learns as slowly as the generator tells nothing apart (docs/decisions/0023).
    g_lr: float = 1e-4
    d_lr: float = 4e-4
    # Both are divided by 1 + (thousands of images seen / this)²: large steps find the tissue, small ones its detail. Tied to
    # the images seen, not to the budget, so that a run may still be extended. 0 keeps them.
    lr_decay_kimg: float = 100.0
    beta1: float = 0.5
    beta2: float = 0.99
    loss: str = "hinge"
    augment: tuple[str, ...] = ("symmetry", "translation", "cutout", "colour")
    r1_gamma: float = 0.1
    r1_every: int = 16  # lazy: the penalty costs a double backward, and barely changes from step to step
    ema_half_life_kimg: float = 10.0  # 0 turns averaging off
    standing_batches: int = 32  # batches that the averaged generator's norm statistics are measured on

    seed: int = 0
    dtype: str = "auto"

    metric_every: int = 20
    sample_every: int = 250
    checkpoint_every: int = 500
    sample_count: int = 36
    early_stop_checks: int = 0  # looks without a new best after which a run ends; 0: never

    def __post_init__(self) -> None:
        for name, is_valid, rule in _rules(self):
            if not is_valid:
                raise BadInput("bad_config", f"{name}: {rule} (was {getattr(self, name)!r})")

    @classmethod
    def from_request(cls, request: Mapping[str, Any]) -> TrainConfig:
        """Fill a request up with the defaults of its architecture and preset.

        Args:
            request: field → value, and optionally ``preset``. A budget given as ``seconds`` replaces the steps.

        Raises:
            BadInput: ``bad_config`` for an unknown field, preset or architecture, a wrong type or value.
        """
        wishes = {name: value for name, value in request.items() if name != "preset"}
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := sorted(set(wishes) - known):
            raise BadInput("bad_config", f"unknown settings: {', '.join(unknown)}")
        architecture = wishes.get("architecture", cls.architecture)
        values = {
            **_choice("architecture", ARCHITECTURE_DEFAULTS, architecture),
            **_choice("preset", PRESETS, request.get("preset", "standard")),
            **wishes,
        }
        if wishes.get("seconds") is not None and wishes.get("steps") is None:
            values["steps"] = None
        if values.get("channels") == 1 and "augment" not in wishes:
            values["augment"] = tuple(name for name in values.get("augment", cls.augment) if name != "colour")
        if isinstance(values.get("augment"), list):
            values["augment"] = tuple(values["augment"])
        _check_types(cls, values)
        return cls(**_with_floats(cls, values))

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON-ready values; `from_request` takes them back."""
        return {**dataclasses.asdict(self), "augment": list(self.augment)}

    def recipe(self) -> dict[str, Any]:
        """`to_dict` without the budget: what decides the weights after any given number of steps.

        Nothing in a run depends on when it will end, so a run may go on with a larger budget, and one cut short at step
        k gives the file that a budget of k steps gives. Later fields that change nothing are left out, so that what an
        earlier version wrote still stands.
        """
        unused = [name for name in LATER_FIELDS if not getattr(self, name)]
        return {
            name: value for name, value in self.to_dict().items() if name not in (*BUDGET_FIELDS, *unused)
        }


def _choice(what: str, options: Mapping[str, dict[str, Any]], name: object) -> dict[str, Any]:
    if not isinstance(name, str) or name not in options:
        raise BadInput("bad_config", f"{what}: one of {', '.join(options)} (was {name!r})")
    return options[name]


def _check_types(cls: type[TrainConfig], values: Mapping[str, Any]) -> None:
    for field in dataclasses.fields(cls):
        if field.name not in values:
            continue
        value, kind = values[field.name], str(field.type)
        fits = {
            "str": isinstance(value, str),
            "bool": isinstance(value, bool),
            "int": _is_int(value),
            "float": _is_number(value),
            "int | None": value is None or _is_int(value),
            "float | None": value is None or _is_number(value),
            "tuple[str, ...]": isinstance(value, tuple) and all(isinstance(item, str) for item in value),
            "dict[str, float]": isinstance(value, dict) and all(map(_is_number, value.values())),
        }[kind]
        if not fits:
            raise BadInput("bad_config", f"{field.name}: must be {kind} (was {value!r})")


def _with_floats(cls: type[TrainConfig], values: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has one kind of number; PyTorch's optimisers refuse 0 where they want 0.0."""
    kinds = {field.name: str(field.type) for field in dataclasses.fields(cls)}
    return {
        name: float(value) if "float" in kinds[name] and _is_number(value) else value
        for name, value in values.items()
    }


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return (_is_int(value) or isinstance(value, float)) and math.isfinite(float(value))  # type: ignore[arg-type]


# Lowest and highest value allowed, both included.
_RANGES: dict[str, tuple[float, float]] = {
    "latent_size": (1, 1024),
    "g_filters": (4, 256),
    "d_filters": (4, 256),
    "batch_size": (4, 1024),
    "g_lr": (1e-7, 0.1),
    "d_lr": (1e-7, 0.1),
    "beta1": (0, 0.9999),
    "beta2": (0, 0.99999),
    "lr_decay_kimg": (0, 1_000_000),
    "r1_gamma": (0, 1000),
    "r1_every": (1, 10_000),
    "ema_half_life_kimg": (0, 10_000),
    "standing_batches": (1, 1000),
    "seed": (0, 2**63 - 1),
    "metric_every": (1, 1_000_000),
    "sample_every": (1, 1_000_000),
    "checkpoint_every": (1, 1_000_000),
    "sample_count": (1, 256),
    "early_stop_checks": (0, 1000),
    "steps": (1, 10_000_000),
    "seconds": (0.001, 30 * 86_400),
}


def _rules(c: TrainConfig) -> list[tuple[str, bool, str]]:
    choices: list[tuple[str, bool, str]] = [
        (
            "architecture",
            c.architecture in ARCHITECTURE_DEFAULTS,
            f"one of {', '.join(ARCHITECTURE_DEFAULTS)}",
        ),
        ("image_size", c.image_size in IMAGE_SIZES, f"one of {IMAGE_SIZES}"),
        ("channels", c.channels in (1, 3), "1 (grey) or 3 (RGB)"),
        (
            "conditional",
            not (c.conditional and c.architecture == "dcgan"),
            "the textbook network knows no classes",
        ),
        ("class_targets", c.conditional or not c.class_targets, "they need a run with classes"),
        ("class_targets", all(share > 0 for share in c.class_targets.values()), "each share above 0"),
        (
            "class_targets",
            not c.class_targets or math.isclose(sum(c.class_targets.values()), 1.0, abs_tol=1e-6),
            "the shares add up to 1",
        ),
        ("steps", (c.steps is None) != (c.seconds is None), "give either steps or seconds"),
        ("batch_size", c.batch_size % 4 == 0, "a multiple of 4"),
        ("loss", c.loss in LOSSES, f"one of {', '.join(LOSSES)}"),
        ("augment", set(c.augment) <= set(AUGMENTATIONS), f"some of {', '.join(AUGMENTATIONS)}"),
        ("augment", c.channels == 3 or "colour" not in c.augment, "grey images have no colour to change"),
        ("dtype", c.dtype in DTYPES, f"one of {', '.join(DTYPES)}"),
    ]
    ranges = [
        (name, getattr(c, name) is None or low <= getattr(c, name) <= high, f"between {low:,} and {high:,}")
        for name, (low, high) in _RANGES.items()
    ]
    return choices + ranges
