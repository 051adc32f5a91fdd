"""Runs of tiny networks, and a reporter that remembers what they said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from generation.child import Reporter
from generation.ml.data import load_training_data
from generation.ml.loop import Outcome, train
from tests.generation.ml.conftest import CPU


class Recorder(Reporter):
    """Keeps what a run says, and can ask it to stop or kill it after some checkpoint."""

    def __init__(self, *, stop_at: int | None = None, kill_at: int | None = None) -> None:
        super().__init__(lambda line: self.lines.append(json.loads(line)))
        self.lines: list[dict[str, Any]] = []
        self.stop_at, self.kill_at = stop_at, kill_at

    @property
    def should_stop(self) -> bool:
        return self.stop_at is not None and self.steps >= self.stop_at

    @property
    def steps(self) -> int:
        return max((line["step"] for line in self.of("metric")), default=0)

    def cursor(self, cursor) -> None:
        super().cursor(cursor)
        if cursor["step"] == self.kill_at:
            raise KeyboardInterrupt

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["type"] == kind]

    def curve(self, name: str) -> dict[int, float]:
        return {line["step"]: line["values"][name] for line in self.of("metric") if name in line["values"]}


def run(config, manifest: Path, work: Path, report: Reporter | None = None, resume_from=None) -> Outcome:
    return train(
        config,
        load_training_data(manifest, config),
        device=CPU,
        work=work,
        report=report or Recorder(),
        code_version="test",
        resume_from=resume_from,
    )
