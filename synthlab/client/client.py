"""The door for data scientists: what they ask most, in words and with types."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from synthlab.client.batches import Batch
from synthlab.client.exports import Export
from synthlab.client.records import (
    BatchRecord,
    Dataset,
    Evaluation,
    ExportRecord,
    Generator,
    Job,
    Json,
    Training,
    id_of,
)
from synthlab.client.snapshots import SnapshotCalls

DEFAULT_URL = "http://127.0.0.1:8000"


class Client(SnapshotCalls):
    """One connection to a SynthLab server.

    Args:
        url: The server's address; else `SYNTHLAB_URL`, else `http://127.0.0.1:8000`.
        token: An API token, made on the profile page or at `tokens`; else `SYNTHLAB_TOKEN`. It goes to this server only,
            and stands in no text that this object shows.
        tries: How often a request that may be repeated is tried before its failure is raised.
        timeout: Seconds to wait for an answer.
        allow_http: Send the token over plain HTTP to another machine, where the network is yours alone.
        ca_file: The certificate authority (PEM) of a hospital of its own. Certificates are always checked.
        transport: For tests.

    Every creating POST carries an Idempotency-Key, so that repeating it after a lost answer makes nothing twice.

    Raises:
        UnsafeAddress: Plain HTTP to another machine, or no address of a server.
        ValueError: There is no token.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        tries: int = 5,
        timeout: float = 60.0,
        allow_http: bool = False,
        ca_file: Path | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(
            url or os.environ.get("SYNTHLAB_URL") or DEFAULT_URL,
            token or os.environ.get("SYNTHLAB_TOKEN", "").strip(),
            tries=tries,
            timeout=timeout,
            allow_http=allow_http,
            ca_file=ca_file,
            transport=transport,
        )

    # --- batches ---------------------------------------------------------------------------------

    def request_batch(
        self,
        *,
        generator: str | uuid.UUID | Generator,
        count: int,
        seed: int,
        classes: Mapping[str, float] | None = None,
        truncation: float = 1.0,
        key: str | None = None,
    ) -> Batch:
        """Ask for images. The same generator, seed and numbers give the same pixels again.

        Args:
            generator: Or its id.
            count: 1 to 100,000; a candidate generator makes 2,000 in all.
            seed: A whole number of at least 0.
            classes: Class → share (summing to 1) or count (summing to `count`); an even mix when left out.
            truncation: Scale of the latents, above 0 and at most 1.
            key: With the same key a later call, even of another process, gets the same batch, for 30 days.

        Raises:
            Problem: Refused: `unknown_class`, `bad_class_mix`, `generator_retired`, `candidate_limit` …
        """
        wish: dict[str, Any] = {
            "generator": id_of(generator), "count": count, "seed": seed, "truncation": truncation
        }  # fmt: skip
        if classes is not None:
            wish["class_mix"] = dict(classes)
        return Batch(self, BatchRecord.from_json(self.post("batches", wish, key=key)))

    def batch(self, batch: str | uuid.UUID) -> Batch:
        """A batch that was asked for earlier, by its id."""
        return Batch(self, BatchRecord.from_json(self.get(f"batches/{id_of(batch)}")))

    def batches(self, **filters: Any) -> Iterator[Batch]:
        """Your batches, newest first; `generator` and `state` filter."""
        return (Batch(self, BatchRecord.from_json(row)) for row in self.pages("batches", **filters))

    # --- the rest of the path --------------------------------------------------------------------

    def datasets(self) -> Iterator[Dataset]:
        """The data sets that you may see, newest first."""
        return (Dataset.from_json(row) for row in self.pages("datasets"))

    def dataset(self, dataset: str | uuid.UUID) -> Dataset:
        """One data set."""
        return Dataset.from_json(self.get(f"datasets/{id_of(dataset)}"))

    def generators(self, **filters: Any) -> Iterator[Generator]:
        """The generators that you may see, newest first; `dataset` and `state` filter."""
        return (Generator.from_json(row) for row in self.pages("generators", **filters))

    def generator(self, generator: str | uuid.UUID) -> Generator:
        """One generator."""
        return Generator.from_json(self.get(f"generators/{id_of(generator)}"))

    def trainings(self, **filters: Any) -> Iterator[Training]:
        """Your trainings, newest first; `dataset` and `state` filter."""
        return (Training.from_json(row) for row in self.pages("trainings", **filters))

    def training(self, training: str | uuid.UUID) -> Training:
        """One training."""
        return Training.from_json(self.get(f"trainings/{id_of(training)}"))

    def start_training(
        self,
        *,
        dataset: str | uuid.UUID | Dataset,
        config: Mapping[str, Any] | None = None,
        seed: int | None = None,
        confirmed: bool = False,
        key: str | None = None,
    ) -> Training:
        """Train on a data set; `wait` for its `job`.

        Args:
            dataset: Or its id.
            config: A preset and what differs from it.
            seed: The server chooses one when left out.
            confirmed: That what may spoil the result is known; asked for by `needs_confirmation`.
            key: As `request_batch` takes it.
        """
        wish: dict[str, Any] = {
            "dataset": id_of(dataset), "config": dict(config or {}), "confirmed": confirmed
        }  # fmt: skip
        if seed is not None:
            wish["seed"] = seed
        return Training.from_json(self.post("trainings", wish, key=key))

    def evaluations(self, **filters: Any) -> Iterator[Evaluation]:
        """Your evaluations, newest first; `image_set`, `dataset`, `state` and `verdict` filter."""
        return (Evaluation.from_json(row) for row in self.pages("evaluations", **filters))

    def evaluation(self, evaluation: str | uuid.UUID) -> Evaluation:
        """One evaluation with its numbers."""
        return Evaluation.from_json(self.get(f"evaluations/{id_of(evaluation)}"))

    def start_evaluation(
        self,
        batch: str | uuid.UUID | Batch,
        *,
        policy: str | uuid.UUID | None = None,
        key: str | None = None,
    ) -> Evaluation:
        """Measure a batch against validation images, each look at which is counted; `wait` for its `job`.

        Args:
            batch: What to measure.
            policy: One of `GET gate-policies`; else the default one.
            key: As `request_batch` takes it.
        """
        wish = {"batch": batch.id if isinstance(batch, Batch) else id_of(batch)}
        if policy is not None:
            wish["policy"] = id_of(policy)
        return Evaluation.from_json(self.post("evaluations", wish, key=key))

    def evaluate_accepted(self, study: str | uuid.UUID, *, key: str | None = None) -> Evaluation:
        """Measure the accepted images of a study that you manage, as one set; a counted look, too."""
        return Evaluation.from_json(self.post(f"studies/{id_of(study)}/evaluations", {}, key=key))

    # --- the approved data set -------------------------------------------------------------------

    def formats(self, snapshot: str | uuid.UUID) -> list[Json]:
        """What a snapshot can be exported as: options of each format, and what it cannot hold, counted."""
        rows: list[Json] = self.request("GET", f"snapshots/{id_of(snapshot)}/formats").json()
        return rows

    def export(
        self,
        *,
        snapshot: str | uuid.UUID,
        format: str = "coco",
        options: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Export:
        """Ask for an archive of a signed snapshot; `wait` for it, then `download` it.

        Args:
            snapshot: Its id.
            format: `formats` lists them.
            options: What the format is told; the rest is as its defaults are.
            key: As `request_batch` takes it.

        Raises:
            Problem: Refused: `snapshot_unsigned`, `option_unknown`, `format_unavailable` …
        """
        wish = {"snapshot": id_of(snapshot), "format": format, "options": dict(options or {})}
        return Export(self, ExportRecord.from_json(self.post("exports", wish, key=key)))

    def export_of(self, export: str | uuid.UUID) -> Export:
        """An export that was asked for earlier, by its id."""
        return Export(self, ExportRecord.from_json(self.get(f"exports/{id_of(export)}")))

    def exports(self, **filters: Any) -> Iterator[Export]:
        """The exports that you may see, newest first; `snapshot`, `state` and `format` filter."""
        return (Export(self, ExportRecord.from_json(row)) for row in self.pages("exports", **filters))

    def job(self, job: str | uuid.UUID) -> Job:
        """How long work stands."""
        return Job.from_json(self.get(f"jobs/{id_of(job)}"))
