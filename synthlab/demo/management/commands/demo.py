"""`synthlab demo`: everything up on this machine with real pathology images, ready to be read."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from synthlab.accounts.models import User
from synthlab.client import Client, JobFailed, Problem
from synthlab.demo import journey, shipped
from synthlab.demo.people import Person, make_cast
from synthlab.demo.report import Narrator
from synthlab.demo.server import NotStarted, Server

IMAGES = 120
SEED = 7
# A budget in seconds: the demonstration is up within minutes on a slow machine, too.
TRAINING = {"preset": "quick", "steps": None, "seconds": 90}
TITLE = "Colon glands: what is on this tile?"


class Command(BaseCommand):
    help = "Start a demonstration on this machine with real pathology images; Ctrl+C stops everything."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--train",
            action="store_true",
            default=os.environ.get("TRAIN", "") not in ("", "0"),
            help="train a generator briefly instead of loading the shipped one (TRAIN=1)",
        )
        parser.add_argument("--free-ports", action="store_true", help="take any free ports on loopback")
        parser.add_argument("--once", action="store_true", help="stop when everything is ready")

    def handle(self, *args: Any, **options: Any) -> None:
        _stop_like_ctrl_c()
        narrator = Narrator()
        server = Server(settings.HOME, options=["--free-ports"] if options["free_ports"] else [])
        try:
            with narrator.step("start", "Starting web, workers and model service"):
                url = server.start().url
            cast = _cast(narrator)
            _prepare(url, cast, narrator, train=options["train"])
            _welcome(url, cast, narrator)
            while server.is_running and not options["once"]:
                time.sleep(0.5)
        except NotStarted as error:
            raise CommandError(f"it did not start:\n{error}") from None
        except (Problem, JobFailed) as error:
            raise CommandError(
                f"{error}\nWhat was made so far is kept; start again to go on. The log is {server.log_path}."
            ) from None
        except KeyboardInterrupt:
            narrator.say()
        finally:
            with narrator.step("stop", "Stopping everything"):
                server.stop()


def _stop_like_ctrl_c() -> None:
    """End in the same orderly way however we are told; a shell starts background jobs deaf to Ctrl+C."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


def _folder() -> Path:
    folder = Path(settings.HOME) / "demo"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _cast(narrator: Narrator) -> dict[str, Person]:
    """The demo people; made at the first start, remembered in a file that only this user can read."""
    memory = _folder() / "people.json"
    if memory.exists():
        return {name: Person(**person) for name, person in json.loads(memory.read_text()).items()}
    if User.objects.exists():
        raise CommandError(
            "this home belongs to a real installation; set SYNTHLAB_HOME to another folder for a demonstration"
        )
    with narrator.step("people", "Making people with random passwords"):
        cast = make_cast()
        memory.touch(mode=0o600)
        memory.write_text(json.dumps({name: asdict(person) for name, person in cast.items()}))
    connections.close_all()
    return cast


def _prepare(url: str, cast: dict[str, Person], narrator: Narrator, *, train: bool) -> None:
    """Whatever of the path is not done yet, so that an interrupted first start goes on."""
    with Client(url, cast["scientist"].token) as client:
        # A study that was not opened yet is what an interrupted first start left.
        if any(study["state"] != "draft" for study in client.pages("studies")):
            return
        with (
            tempfile.TemporaryDirectory() as scratch,
            narrator.step("ingest", "Cutting a real colon photograph into tiles") as tell,
        ):
            dataset = journey.make_dataset(client, Path(scratch), tell=tell)
        generator = _generator(client, dataset, cast, narrator, train=train)
        with narrator.step("sample", f"Sampling {IMAGES} synthetic tiles") as tell:
            batch = journey.make_batch(client, generator["id"], count=IMAGES, seed=SEED, tell=tell)
        with narrator.step("evaluate", "Comparing them with real validation tiles") as tell:
            report = journey.evaluate(client, batch["id"], tell=tell)
        narrator.say(f"  the rule says {report['verdict']}: {report['reasons'][0]}")
        with narrator.step("study", "Releasing by recorded overrule and opening a study"):
            journey.release(client, batch["id"], generator["id"])
            journey.open_study(client, dataset["id"], batch["id"], cast, title=TITLE)


def _generator(
    client: Client, dataset: dict[str, Any], cast: dict[str, Person], narrator: Narrator, *, train: bool
) -> dict[str, Any]:
    known = [row for row in client.pages("generators") if row["dataset"] == dataset["id"]]
    if known:
        return known[0]
    if train or not shipped.fits(dataset["id"]):
        with narrator.step("train", "Training a generator (the page shows its curves)") as tell:
            return journey.train(client, dataset["id"], TRAINING, seed=1, tell=tell)
    with narrator.step("load", "Loading the generator that comes with SynthLab"):
        generator = shipped.load(owner=cast["scientist"].id, dataset=dataset["id"])
        connections.close_all()
        return client.get(f"generators/{generator.pk}")


def _welcome(url: str, cast: dict[str, Person], narrator: Narrator) -> None:
    does = {
        "reader": "reads: open the study and label with the keyboard (? shows the keys)",
        "reviewer": "reviews: accepts or returns what the reader said",
        "scientist": "owns the data set, trains, samples, evaluates, runs the study, signs and exports",
        "admin": "invites people, sees jobs and the audit",
    }
    narrator.say()
    narrator.say(f"  SynthLab is ready at {url}")
    narrator.say()
    for name, words in does.items():
        narrator.say(f"  {name:<10} {cast[name].password:<22} {words}")
    narrator.say()
    narrator.say("  Data and passwords stay in the demo's home. Ctrl+C stops everything.")
