"""What `synthlab ingest` prints: progress on one line that rewrites itself, then refusals by name, counts and split."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.management.base import OutputWrapper

from synthlab.client import LocalFiles

_REWRITE_SECONDS = 0.1
_STEPS = 10
_MIB = 1024 * 1024


class Teller:
    """Prints for a person at a terminal; where there is none, a line now and then.

    Args:
        out: where to.
        local: the files of the upload, whose names stay on this side.
    """

    def __init__(self, out: OutputWrapper, local: LocalFiles) -> None:
        self._out, self._local = out, local
        self._sizes = [file.stat().st_size for file in local.files]
        self._before = [sum(self._sizes[:place]) for place in range(len(self._sizes))]
        self._last = 0.0
        self._step = -1

    def say(self, text: str = "") -> None:
        """A line of its own."""
        self._write(f"{_CLEAR if self._out.isatty() else ''}{text}\n")

    def sent(self, place: int, sent: int, size: int) -> None:
        """So many bytes of a file have gone."""
        total = sum(self._sizes) or 1
        done = self._before[place] + sent
        share = f"{100 * sent // (size or 1)} %"
        count = f"{place + 1} of {len(self._sizes)}"
        all_of_it = f"{done / _MIB:.1f} of {total / _MIB:.1f} MiB"
        self._rewrite(f"sending {count}: {self._local.names[place]} {share} ({all_of_it})", done / total)

    def working(self, job: Mapping[str, Any]) -> None:
        """The job has gone on."""
        total, done = job.get("progress_total") or 0, job.get("progress_done") or 0
        count = f" {done} of {total}" if total else ""
        self._rewrite(f"{job.get('phase') or job['state']}{count}", done / total if total else 0.0)

    def begin(self) -> None:
        """Another kind of progress begins."""
        self._step = -1

    def _rewrite(self, line: str, share: float) -> None:
        now = time.monotonic()
        if self._out.isatty():
            if now - self._last >= _REWRITE_SECONDS or share >= 1:
                self._last = now
                self._write(f"{_CLEAR}{line}")
        elif int(share * _STEPS) > self._step:
            self._step = int(share * _STEPS)
            self._write(f"{line}\n")

    def _write(self, text: str) -> None:
        self._out.write(text, ending="")
        self._out.flush()

    def refusals(self, rows: Iterable[Mapping[str, Any]]) -> int:
        """Every refused place under its name here; returns how many there were."""
        count = 0
        for row in rows:
            if not count:
                self.say("Not taken:")
            count += 1
            where, why = self._local.in_words(row["ordinal"]), self._local.explain(row["detail"])
            self.say(f"  {where}: {why} ({row['code']})")
        return count

    def summary(self, ingest: Mapping[str, Any], dataset: Mapping[str, Any]) -> None:
        """Counts of this upload, and the split of the data set with its classes and warnings."""
        sheet = dataset["data_sheet"]
        self.say(f"Taken: {ingest['accepted_count']}, not taken: {ingest['rejected_count']}.")
        for split, part in sheet.get("splits", {}).items():
            if part["images"]:
                classes = ", ".join(f"{name} {count}" for name, count in part["classes"].items())
                told = f"  {split:<9}{part['images']:>7} images in {part['groups']} groups"
                self.say(f"{told}{f': {classes}' if classes else ''}")
        for words in [*sheet.get("statements", ()), *(row["detail"] for row in sheet.get("warnings", ()))]:
            self.say(f"  {words}")


_CLEAR = "\r\x1b[2K"
