"""`synthlab replay IMAGE`: is this picture what its recipe makes?"""

from __future__ import annotations

import json
import tempfile
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from generation.child import BadInput
from generation.management.children import run_verb
from generation.ml.recipe import DTYPES, read_recipe
from synthlab.core.files import digest_of, path_of

_VERDICTS = ("exact", "within", "different", "refused")
TOLERANCE = 2  # grey levels; as that of `generation.ml.replay`, which needs torch


class Command(BaseCommand):
    help = "Make images again from the recipes inside their files and compare the pixels."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "images", nargs="+", type=Path, metavar="IMAGE", help="PNG files, or folders of them"
        )
        parser.add_argument(
            "--weights",
            type=Path,
            action="append",
            default=[],
            metavar="FILE",
            help="a generator that is not in the store of this machine",
        )
        parser.add_argument(
            "--tolerance", type=_grey_levels, default=TOLERANCE, help="grey levels (default: %(default)s)"
        )
        parser.add_argument("--dtype", choices=DTYPES, help="another precision than the recipe's")
        parser.add_argument("--json", action="store_true", help="print what was found as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        paths = _files(options["images"])
        spec = {
            "images": [str(path) for path in paths],
            "weights": _weights(paths, options["weights"]),
            "tolerance": options["tolerance"],
            "dtype": options["dtype"],
        }
        with tempfile.TemporaryDirectory(prefix="synthlab-replay-") as work:
            found = run_verb("replay", spec, work=Path(work), on_progress=lambda done, total: None)
        if options["json"]:
            self.stdout.write(json.dumps(found, sort_keys=True))
        else:
            self._tell(found)
        verdicts = Counter(image["verdict"] for image in found["images"])
        if bad := verdicts["different"] + verdicts["refused"]:
            raise CommandError(f"{bad} of {len(paths)} could not be made again within the tolerance")

    def _tell(self, found: dict[str, Any]) -> None:
        for image in found["images"]:
            self.stdout.write(f"{image['path']}: {_words(image, found['tolerance'])}")
        verdicts = Counter(image["verdict"] for image in found["images"])
        said = ", ".join(f"{verdicts[name]:,} {name}" for name in _VERDICTS if verdicts[name])
        self.stdout.write(f"{len(found['images']):,} in all: {said}")
        self.stdout.write(f"made again on {found['device']} ({found['model']})")


def _words(image: dict[str, Any], tolerance: int) -> str:
    if image["verdict"] == "refused":
        return f"REFUSED: {image['detail']} ({image['code']})"
    if image["verdict"] == "exact":
        same = {True: "the file is the same bytes", False: "but the file's bytes differ"}
        return "exact: every pixel; " + same.get(image["same_bytes"], "its bytes come from another encoder")
    if image["max_difference"] is None:
        return "DIFFERENT: another size"
    words = f"{image['share']:.2%} of the pixels differ, by at most {image['max_difference']} grey levels"
    if image["verdict"] == "within":
        return f"within the tolerance of {tolerance}: {words}"
    return f"DIFFERENT: {words} (tolerance {tolerance})"


def _files(wanted: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in wanted:
        found += sorted(path.rglob("*.png")) if path.is_dir() else [path]
    if missing := [path for path in found if not path.is_file()]:
        raise CommandError(f"there is no file {missing[0]}")
    if not found:
        raise CommandError("there is no PNG file in there")
    return [path.absolute() for path in found]


def _weights(images: Sequence[Path], given: Sequence[Path]) -> dict[str, str]:
    """Path by digest: of the files that were named, and of what the store has."""
    try:
        known = {digest_of(path).digest: str(path.absolute()) for path in given}
    except OSError as error:
        raise CommandError(f"the weights cannot be read: {error.strerror}") from error
    for path in images:
        try:
            digest = read_recipe(path.read_bytes()).generator
        except (BadInput, OSError):
            continue  # the child says so, image by image
        if digest not in known and path_of(digest).is_file():
            known[digest] = str(path_of(digest))
    return known


def _grey_levels(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 255:
        raise ValueError(text)
    return value
