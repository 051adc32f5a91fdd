"""`synthlab smoke`: the whole path over REST on an empty home, in minutes, without a person."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from synthlab.client import Client
from synthlab.demo import journey, reading
from synthlab.demo.coco import read_back
from synthlab.demo.people import Person
from synthlab.demo.report import Narrator
from synthlab.demo.server import Server

TRAINING = {"preset": "quick", "steps": None, "seconds": 20, "g_filters": 16, "d_filters": 16}


class Command(BaseCommand):
    help = "Drive the whole path over REST on an empty temporary home; the last line is a JSON summary."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--images", type=int, default=100, help="how many images to sample")
        parser.add_argument("--reads", type=int, default=20, help="how many of them to label")
        parser.add_argument("--keep", action="store_true", help="leave the temporary home in place")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = Path(tempfile.mkdtemp(prefix="synthlab-smoke-"))
        narrator = Narrator()
        server = Server(folder / "home", options=["--free-ports"], environment=_ENVIRONMENT)
        summary: dict[str, Any] = {"ok": False}
        try:
            with narrator.step("start", "Starting web, workers and model service"):
                url = server.start().url
            summary |= _drive(url, folder, narrator, options)
            summary["ok"] = True
        finally:
            with narrator.step("stop", "Stopping everything"):
                summary["exit_status"] = server.stop()
            if options["keep"]:
                narrator.say(f"kept: {folder}")
            else:
                subprocess.run(["rm", "-rf", str(folder)], check=True)  # noqa: S607
            summary["seconds"] = narrator.seconds
            summary["total_seconds"] = round(sum(narrator.seconds.values()), 1)
            narrator.say(json.dumps(summary))


_ENVIRONMENT = {"SYNTHLAB_LOG_LEVEL": "INFO"}


def _make_people(home: Path) -> dict[str, Person]:
    """People are made where the database is: no account comes from outside."""
    command = [sys.executable, "-m", "synthlab", "demo_people"]
    made = subprocess.run(
        command, env={**os.environ, "SYNTHLAB_HOME": str(home)}, check=True, capture_output=True, text=True
    )
    return {name: Person(**person) for name, person in json.loads(made.stdout.splitlines()[-1]).items()}


def _drive(url: str, folder: Path, narrator: Narrator, options: dict[str, Any]) -> dict[str, Any]:
    with narrator.step("people", "Making people"):
        cast = _make_people(folder / "home")
    with Client(url, cast["scientist"].token) as scientist:
        counts, batch, study = _generate(scientist, folder, narrator, cast, options)
        counts |= _read(url, narrator, cast, study, options)
        with narrator.step("snapshot", "Freezing, evaluating and signing") as tell:
            snapshot = reading.sign_snapshot(scientist, study, cast["scientist"], tell=tell)
        with narrator.step("export", "Exporting") as tell:
            archive = reading.export_coco(scientist, snapshot["id"], folder, tell=tell)
    with narrator.step("read_back", "Reading the export back"):
        counts |= read_back(archive, folder / "export")
    return {"counts": counts, "batch": batch, "export_sha256_checked": True}


def _generate(
    client: Client, folder: Path, narrator: Narrator, cast: dict[str, Person], options: dict[str, Any]
) -> tuple[dict[str, int], str, str]:
    with narrator.step("ingest", "Cutting a real photograph into tiles") as tell:
        dataset = journey.make_dataset(client, folder, tell=tell)
    with narrator.step("train", "Training a generator") as tell:
        generator = journey.train(client, dataset["id"], TRAINING, seed=1, tell=tell)
    with narrator.step("sample", f"Sampling {options['images']} images") as tell:
        batch = journey.make_batch(client, generator["id"], count=options["images"], seed=7, tell=tell)
    with narrator.step("evaluate", "Evaluating them against real validation images") as tell:
        report = journey.evaluate(client, batch["id"], tell=tell)
    with narrator.step("study", "Releasing by overrule and opening a study"):
        journey.release(client, batch["id"], generator["id"])
        study = journey.open_study(client, dataset["id"], batch["id"], cast, title="Smoke")
    counts = {
        "tiles": dataset["data_sheet"]["images"],
        "images": batch["image_count"],
        "metrics": len(report["metrics"]),
    }
    return counts, batch["id"], study["id"]


def _read(
    url: str, narrator: Narrator, cast: dict[str, Person], study: str, options: dict[str, Any]
) -> dict[str, int]:
    with (
        narrator.step("read", f"Labelling {options['reads']} images"),
        Client(url, cast["reader"].token) as reader,
    ):
        counts = reading.read_images(reader, study, options["reads"])
    with narrator.step("review", "Accepting the answers"), Client(url, cast["reviewer"].token) as reviewer:
        counts["accepted"] = reading.accept_all(reviewer, study)
    return counts
