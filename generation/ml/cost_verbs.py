"""The verbs that find out what a run will cost before it is started, and what would have fitted after it failed."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch

from generation.child import BadInput, Reporter, required
from generation.ml.config import TrainConfig
from generation.ml.data import TrainingData
from generation.ml.device import Device, choose_device
from generation.ml.measure import measure, random_data, require_fit


def measure_verb(spec: dict[str, Any], report: Reporter, *, start_seconds: float = 0.0) -> dict[str, Any]:
    """Measure what runs would cost here.

    Args:
        spec: ``configs`` (list of ``{"key", "config"}``), ``images``, ``monitor`` and ``classes`` (counts), ``threads``.
        report: receives progress.
        start_seconds: what the imports have taken.

    Returns:
        ``{"measured": [{"key", "dtype", "peak_bytes", **costs}], "machine": {"device", "model", "threads", "torch"}}``.
    """
    wanted = required(spec, "configs")
    if not wanted:
        raise BadInput("bad_spec", "nothing was to be measured")
    device = _placed(wanted[0]["config"], spec)[1]
    measured = []
    for place, one in enumerate(wanted):
        report.progress("measuring", place, len(wanted))
        if report.should_stop:
            break
        config, device = _placed(one["config"], spec)
        found = measure(config, _data(config, spec), device=device, start_seconds=start_seconds)
        row = {"key": one["key"], "dtype": device.dtype, "peak_bytes": found.peak_bytes}
        measured.append({**dataclasses.asdict(found.costs), **row})
    report.progress("measuring", len(measured), len(wanted))
    machine = {
        "device": device.name,
        "model": device.model,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    return {"measured": measured, "machine": machine, "stopped": len(measured) < len(wanted)}


def probe_verb(spec: dict[str, Any], report: Reporter) -> dict[str, Any]:
    """Try one step, one look and one checkpoint; a process of its own, because memory given back is not always free.

    Args:
        spec: ``config``, ``images``, ``monitor`` and ``classes`` (counts), ``threads``.
        report: receives progress.

    Returns:
        ``{"batch_size", "peak_bytes"}``.

    Raises:
        BadInput: ``out_of_memory`` where it does not fit.
    """
    config, device = _placed(required(spec, "config"), spec)
    report.progress("trying a smaller batch", 0, 1)
    return {
        "batch_size": config.batch_size,
        "peak_bytes": require_fit(config, _data(config, spec), device=device),
    }


def _placed(request: dict[str, Any], spec: dict[str, Any]) -> tuple[TrainConfig, Device]:
    config = dataclasses.replace(TrainConfig.from_request(request), class_targets={})
    device = choose_device(config.dtype, threads=spec.get("threads"))
    return dataclasses.replace(config, dtype=device.dtype), device


def _data(config: TrainConfig, spec: dict[str, Any]) -> TrainingData:
    return random_data(
        config,
        images=int(required(spec, "images")),
        monitor=int(required(spec, "monitor")),
        classes=int(required(spec, "classes")),
    )
