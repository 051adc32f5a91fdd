"""From a real photograph to an open study, by REST alone: what demo and smoke have in common."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from synthlab.client import Client
from synthlab.demo.images import DATASET, TILES, write_photograph
from synthlab.demo.people import Person
from synthlab.demo.study import GUIDELINE, SCHEMA

Json = dict[str, Any]
Tell = Callable[[Json], None]

RELEASE_REASON = "demonstration: one slide"


def make_dataset(client: Client, folder: Path, *, tell: Tell) -> Json:
    """Describe the data set, upload the photograph, and wait until it is cut into tiles."""
    import json

    found = list(client.pages("datasets"))
    dataset = next((row for row in found if row["name"] == DATASET["name"]), None)
    dataset = dataset or client.post("datasets", DATASET)
    if not dataset["manifest_digest"]:
        photograph = write_photograph(folder)
        ingest = client.upload(
            f"datasets/{dataset['id']}/ingests", [photograph], {"options": json.dumps(TILES)}
        )
        client.wait(ingest["job"], on_progress=tell)
        photograph.unlink()
    return client.get(f"datasets/{dataset['id']}")


def train(client: Client, dataset: str, config: Json, *, seed: int, tell: Tell) -> Json:
    """Train a generator and return it."""
    training = client.post("trainings", {"dataset": dataset, "config": config, "seed": seed})
    job = client.wait(training["job"], on_progress=tell)
    return client.get(f"generators/{job['result']['generator']}")


def make_batch(client: Client, generator: str, *, count: int, seed: int, tell: Tell) -> Json:
    """Ask for images and wait for them."""
    batch = client.post("batches", {"generator": generator, "count": count, "seed": seed})
    client.wait(batch["job"], on_progress=tell)
    return client.get(f"batches/{batch['id']}")


def evaluate(client: Client, batch: str, *, tell: Tell) -> Json:
    """Measure a batch against the validation images; returns the report."""
    evaluation = client.post("evaluations", {"batch": batch})
    client.wait(evaluation["job"], on_progress=tell)
    return client.get(f"evaluations/{evaluation['id']}/report")


def release(client: Client, batch: str, generator: str) -> Json:
    """Release the batch against the rule, which cannot be sure with one slide, and approve its generator."""
    if client.get(f"generators/{generator}")["state"] == "candidate":
        client.post(f"generators/{generator}/approve", {"reason": RELEASE_REASON})
    return client.post(f"batches/{batch}/decision", {"decision": "released", "reason": RELEASE_REASON})


def open_study(client: Client, dataset: str, batch: str, cast: dict[str, Person], *, title: str) -> Json:
    """Make a study with its schema and people, fill it from the batch, and open it."""
    schema = client.post("label-schemas", SCHEMA)
    study = client.post(
        "studies", {"title": title, "schema": schema["id"], "dataset": dataset, "guideline": GUIDELINE}
    )
    for name in ("reader", "reviewer"):
        client.post(f"studies/{study['id']}/members", {"user": cast[name].id, "role": name})
    client.post(f"studies/{study['id']}/fill", {"batches": [batch]})
    return client.post(f"studies/{study['id']}/open")
