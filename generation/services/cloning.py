"""The settings of a run that is like another one, and what differs between two."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from generation.ml.config import BUDGET_FIELDS, PRESETS, TrainConfig
from generation.models import Training

# How long and how often, whatever is trained: kept when a clone takes another architecture.
_RHYTHM = (*BUDGET_FIELDS, "metric_every", "sample_every", "checkpoint_every", "sample_count", "dtype")
_LENGTH = ("steps", "seconds")
# Decided by the data set or told apart in the row.
_NOT_COMPARED = ("image_size", "channels", "seed")


def settings_of_clone(parent: Training, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The parent's settings with changes, as `start_training` takes them.

    Another architecture brings its own numbers along, and a preset its own length; what the changes name counts last.
    """
    base = {name: value for name, value in parent.config.items() if name not in _NOT_COMPARED}
    if changes.get("architecture", base.get("architecture")) != base.get("architecture"):
        base = {name: base[name] for name in _RHYTHM if name in base}
    preset = changes.get("preset")
    if isinstance(preset, str):
        base = {name: value for name, value in base.items() if name not in BUDGET_FIELDS} | PRESETS.get(
            preset, {}
        )
    if any(changes.get(name) is not None for name in _LENGTH):
        base = {name: value for name, value in base.items() if name not in _LENGTH}
    if not changes.get("conditional", base.get("conditional")):
        base.pop("class_targets", None)
    return {**base, **changes}


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Settings that two configurations have not in common, in the order of `TrainConfig`: name, first, second.

    A setting that a configuration does not name is taken for its default, as an older version of the program meant it.
    """
    plain = TrainConfig().to_dict()
    for name, default in plain.items():
        one, other = first.get(name, default), second.get(name, default)
        if name not in _NOT_COMPARED and one != other:
            yield name, one, other


def own_settings(config: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Where a configuration differs from the defaults of its architecture: name, default, value."""
    known = {name: config[name] for name in ("architecture", "channels") if name in config}
    return list(differences(TrainConfig.from_request(known).to_dict(), config))


# What a warning says to try, as changes of the settings it is about.
_TRIES: dict[str, Callable[[Mapping[str, Any]], dict[str, float]]] = {
    "diverged": lambda config: {"g_lr": config["g_lr"] / 2, "d_lr": config["d_lr"] / 2},
    "collapse": lambda config: {"g_lr": config["g_lr"] / 2, "d_lr": config["d_lr"] / 2},
    "identical_samples": lambda config: {"g_lr": config["g_lr"] / 2, "d_lr": config["d_lr"] / 2},
    "stalled": lambda config: {"d_lr": config["d_lr"] / 2},
    "overfitting": lambda config: {"r1_gamma": max(0.5, config["r1_gamma"] * 5)},
}


def changes_to_try(training: Training, code: str, told: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What to change in a clone after a warning or an error of this code; empty where there is nothing to try.

    Args:
        training: that it was said about.
        code: of the warning, or of the error that ended the run.
        told: changes that came with it, such as the batch size that was found to fit.
    """
    if told:
        return dict(told)
    config = {**TrainConfig().to_dict(), **training.config}
    return _TRIES[code](config) if code in _TRIES else {}
