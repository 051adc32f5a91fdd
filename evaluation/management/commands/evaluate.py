"""`synthlab evaluate REAL SYNTHETIC`: the whole report for two plain folders, without a database or a home."""

from __future__ import annotations

import json
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management.base import BaseCommand, CommandError
from django.template.loader import render_to_string

from evaluation.ml.extractors import LITE0
from evaluation.ml.folders import Folders, read_folders
from evaluation.ml.judge import Policy, Verdict, judge
from evaluation.ml.outline import summary
from evaluation.services.reporting import present_report
from generation.child import BadInput
from generation.management.children import run_verb

STYLES = (
    "tokens",
    "base",
    "frame",
    "cards",
    "tables",
    "numbers",
    "badges",
    "messages",
    "report",
    "report-lines",
)
EXTRACTORS = (LITE0, "random-conv")


class Command(BaseCommand):
    help = "measure a folder of synthetic images against a folder of real ones; needs no database"
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("real", type=Path, help="real images that no generator was trained on")
        parser.add_argument("synthetic", type=Path, help="the images to be measured")
        parser.add_argument(
            "--train", type=Path, metavar="FOLDER", help="the real images that the generator was trained on"
        )
        parser.add_argument(
            "--groups",
            type=Path,
            metavar="CSV",
            help="columns file and group: whose images the real ones are",
        )
        parser.add_argument("--policy", type=Path, metavar="FILE", help="thresholds by name, as JSON")
        parser.add_argument("--extractor", choices=EXTRACTORS, default=LITE0)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--threads", type=int, default=1)
        parser.add_argument(
            "--json", type=Path, metavar="FILE", help="write the report with the scores of all images"
        )
        parser.add_argument(
            "--html", type=Path, metavar="FILE", help="write the report as a page without any image"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            folders = read_folders(
                options["real"], options["synthetic"], training=options["train"], groups=options["groups"]
            )
        except BadInput as refusal:
            raise CommandError(f"{refusal.detail} ({refusal.code})") from None
        policy = _policy(options["policy"])
        for path in (options["json"], options["html"]):
            _require_folder(path)
        report, scores = self._measure(folders, options)
        verdict = judge(report, policy)
        whole = {
            **report,
            "verdict": verdict.decision,
            "reasons": verdict.reasons,
            "policy": policy.to_mapping(),
            "summary": summary(report, policy, verdict.decision),
        }
        shown = present_report(report, policy, verdict.decision)
        _write(options["json"], lambda: json.dumps({**whole, "scores": scores}, ensure_ascii=False, indent=1))
        _write(options["html"], lambda: _page(shown, whole, options))
        self._tell(shown, verdict)

    def _measure(
        self, folders: Folders, options: dict[str, Any]
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        with tempfile.TemporaryDirectory(prefix="synthlab-evaluate-") as work:
            spec = {
                "features": str(Path(work) / "features"),
                "weights": str(settings.WEIGHTS_ROOT),
                "extractor": options["extractor"],
                "synthetic": folders.synthetic,
                "reference": folders.reference,
                "training": folders.training,
                "seed": options["seed"],
                "threads": options["threads"],
            }
            found = run_verb(
                "evaluate", spec, work=Path(work), on_progress=self._progress, package="evaluation.ml"
            )
            report = json.loads(Path(found["report"]).read_text(encoding="utf-8"))
            lines = Path(found["scores"]).read_text(encoding="utf-8").splitlines()
        report["limits"] = [*folders.assumed, *report["limits"]]
        return report, [json.loads(line) for line in lines]

    def _progress(self, done: int, total: int) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{done} of {total}", ending="")

    def _tell(self, shown: dict[str, Any], verdict: Verdict) -> None:
        self.stdout.write(f"{shown['headline'].title} ({verdict.decision})")
        for sentence in shown["headline"].because:
            self.stdout.write(f"  {sentence}")
        for part in shown["parts"]:
            self.stdout.write(f"\n{part['mark']} {part['title']}: {part['sentence']}")
            for line in part["lines"]:
                facts = [
                    line["value"] or "no number",
                    f"real against real {line['floor'] or '–'}",
                    line["status"],
                ]
                if line["interval"]:
                    facts.insert(1, f"95 % {line['interval']}")
                self.stdout.write(f"    {line['label']}: {'; '.join(facts)}")
            if part["key"] == "fidelity" and shown["fid"]["status"] == "unavailable":
                self.stdout.write(f"    FID: unavailable. {shown['fid']['detail']}")
        self.stdout.write(f"\nWhat this cannot show at {shown['limits_n']}:")
        for limit in shown["limits"]:
            self.stdout.write(f"  - {limit}")


def _policy(path: Path | None) -> Policy:
    if path is None:
        return Policy()
    try:
        return Policy.from_mapping(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise CommandError(f"the thresholds cannot be used: {error} (bad_threshold)") from None


def _require_folder(path: Path | None) -> None:
    """Minutes of measuring are not to end in a file that cannot be written."""
    if path is not None and not path.absolute().parent.is_dir():
        raise CommandError(f"{path} cannot be written: there is no folder {path.absolute().parent}")


def _write(path: Path | None, text: Any) -> None:
    if path is None:
        return
    try:
        path.write_text(text(), encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from None


def _page(shown: dict[str, Any], whole: dict[str, Any], options: dict[str, Any]) -> str:
    context = {
        **shown,
        "report": whole,
        "names": {
            name: options[name].name if options[name] else "" for name in ("real", "synthetic", "train")
        },
        "styles": [Path(str(finders.find(f"css/{name}.css"))).read_text(encoding="utf-8") for name in STYLES],
    }
    return render_to_string("evaluation/standalone.html", context)
