"""The settings of a run that is like another one, and what differs between two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from generation.ml.config import BUDGET_FIELDS, PRESETS, TrainConfig
from generation.models import Training

# How long and how often, whatever is trained: kept when a clone takes another architecture.
_RHYTHM = (*BUDGET_FIELDS, "metric_every", "sample_every", "checkpoint_every", "sample_count", "dtype")
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
    if changes.get("seconds") is not None or changes.get("steps") is not None:
        base = {name: value for name, value in base.items() if name not in ("steps", "seconds")}
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
