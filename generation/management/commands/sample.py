"""`synthlab sample GENERATOR`: images without a batch, by the recipe that a batch would have."""

from __future__ import annotations

import errno
import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from generation.management.children import run_verb
from generation.management.samples import ARCHIVES, publish, unfinished, write_archive, write_folder
from generation.ml.recipe import DTYPES
from generation.models import MAX_CANDIDATE_IMAGES, Generator, GeneratorState
from generation.services.batches import check_numbers
from generation.services.class_mix import class_counts, planned_images
from generation.services.generators import read_header
from synthlab.client.progress import Bar
from synthlab.core.exceptions import InvalidInput
from synthlab.core.files import digest_of, path_of

_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, kw_only=True)
class _Weights:
    """A generator's file, and what has to be known of it."""

    path: Path
    digest: str
    classes: list[str]


class Command(BaseCommand):
    help = "Sample images into a folder, a zip or a WebDataset tar: the files that a batch of this seed would hold."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("generator", help="its id or digest in this installation, or a .safetensors file")
        parser.add_argument("--n", type=int, required=True, metavar="COUNT", help="how many images")
        parser.add_argument("--seed", type=int, required=True)
        parser.add_argument(
            "--out", type=Path, required=True, help="a new folder, or a file that ends in .zip or .tar"
        )
        parser.add_argument(
            "--class-mix", type=_share, nargs="+", action="extend", metavar="CLASS=NUMBER",
            help="counts, or shares such as 0.25 or 1/3; an even mix when left out",
        )  # fmt: skip
        parser.add_argument("--truncation", type=float, default=1.0, help="above 0 and up to %(default)s")
        parser.add_argument(
            "--dtype", choices=DTYPES, default=DTYPES[0], help="a batch is made in %(default)s"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        out: Path = options["out"].absolute()
        try:
            self._sample(out, options)
        except InvalidInput as refusal:
            raise CommandError(f"{refusal.detail} ({refusal.code})") from None
        except KeyboardInterrupt:
            raise CommandError("stopped; nothing was left behind", returncode=130) from None
        except OSError as error:
            if error.errno in _FULL:
                raise CommandError("the disk is full; nothing was left behind (disk_full)") from None
            raise CommandError(f"{out} cannot be written: {error.strerror}") from None

    def _sample(self, out: Path, options: Mapping[str, Any]) -> None:
        count, seed, truncation = options["n"], options["seed"], options["truncation"]
        check_numbers(count, seed, truncation)
        weights = _weights(options["generator"], count)
        counts = class_counts(weights.classes, count, dict(options["class_mix"] or ()))
        spec = {
            "weights": str(weights.path),
            "generator_digest": weights.digest,
            "seed": seed,
            "truncation": truncation,
            "images": planned_images(weights.classes, counts, 0, count),
            "threads": settings.TORCH_THREADS,
            "dtype": options["dtype"],
        }
        with unfinished(out) as (work, broken):
            if broken:
                self.stderr.write("A run that broke off had left a part here; it is removed and made anew.")
            made = work / "made"
            bar = Bar("sampling")
            try:
                result = run_verb("sample", spec, work=made, on_progress=bar.pace)
            finally:
                bar.close()
            facts = {
                "generator": {"digest": weights.digest},
                "classes": weights.classes,
                "count": count,
                "seed": seed,
                "truncation": truncation,
                "class_mix": counts,
                "recipe": result["recipe"],
            }
            self._hand_over(out, work, made, facts)

    def _hand_over(self, out: Path, work: Path, made: Path, facts: Mapping[str, Any]) -> None:
        finished = work / f"finished{out.suffix}"
        if out.suffix in ARCHIVES:
            write_archive(finished, made, facts["classes"])
        else:
            write_folder(finished, made, facts)
        publish(out, finished)
        self.stdout.write(f"{facts['count']} images in {out}")
        self.stdout.write(f"generator {facts['generator']['digest']}, seed {facts['seed']}")
        if out.suffix in ARCHIVES:
            self.stdout.write(f"SHA-256 {digest_of(out).digest}")


def _weights(name: str, count: int) -> _Weights:
    """Of a file, or of a generator that may make so many images.

    Raises:
        CommandError: there is none, or it may not.
        InvalidInput: the file is no generator's.
    """
    path = Path(name)
    if path.suffix == ".safetensors":
        if not path.is_file():
            raise CommandError(f"there is no file {path}")
        return _Weights(
            path=path.absolute(), digest=digest_of(path).digest, classes=read_header(path)["classes"]
        )
    generator = _generator(name)
    if generator.state == GeneratorState.RETIRED:
        raise CommandError("this generator is retired and makes no new images (generator_retired)")
    if generator.state == GeneratorState.CANDIDATE and count > MAX_CANDIDATE_IMAGES:
        raise CommandError(
            f"a candidate generator makes at most {MAX_CANDIDATE_IMAGES:,} images so that it can be judged; "
            "approve it first, or ask for fewer (candidate_limit)"
        )
    stored = path_of(generator.digest)
    if not stored.is_file():
        raise CommandError("the weights of this generator are not in the store; `synthlab check` says more")
    return _Weights(path=stored, digest=generator.digest, classes=list(generator.classes))


def _generator(name: str) -> Generator:
    if re.fullmatch(r"[0-9a-f]{64}", name):
        found = Generator.objects.filter(digest=name).first()
    else:
        try:
            found = Generator.objects.filter(pk=UUID(name)).first()
        except ValueError:
            raise CommandError(f"{name} is no id, no digest and no .safetensors file") from None
    if found is None:
        raise CommandError(f"there is no generator {name}")
    return found


def _share(text: str) -> tuple[str, float]:
    """A class and its number; a class may hold an equals sign itself."""
    key, found, number = text.rpartition("=")
    try:
        if not found:
            raise ValueError(text)
        return key, float(Fraction(number))
    except (ValueError, ZeroDivisionError):
        raise ArgumentTypeError(f"{text!r} is no CLASS=NUMBER") from None
