"""`synthlab ingest PATH`: a folder, a zip or a file to a data set, on this or another server."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from generation.management.telling import Teller
from synthlab.client import Client, JobFailed, LocalFiles, Problem
from synthlab.core.management.server import add_server_arguments, client_of

_FLAGS = {"drop_blurred": True, "burned_in_checked": True}


class Command(BaseCommand):
    help = "Upload a folder, a zip or a file to a data set; file names stay on this side."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, help="a folder with all below it, a zip, or one file")
        add_server_arguments(parser)
        _add_target(parser)
        _add_images(parser)
        _add_meaning(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            local = LocalFiles.of(options["path"], options["csv"])
        except FileNotFoundError as error:
            raise CommandError(f"there is no file {error}") from None
        if not local.files:
            raise CommandError(f"{options['path']} holds no file that could be uploaded")
        wanted = ingest_options(options, local) | self._classes(options, local)
        teller = Teller(self.stdout, local)
        with client_of(options) as client:
            taken = _ingest(client, local, options, wanted, teller)
        if not taken:
            raise CommandError("nothing was taken")

    def _classes(self, options: Mapping[str, Any], local: LocalFiles) -> dict[str, Any]:
        """Folders as classes, once the person has seen which these would be."""
        if not options["folders_are_classes"]:
            return {}
        inside = local.folders_in_zips()
        folders = local.folders()
        found = Counter(folders.values()) + inside
        if not found:
            raise CommandError("there are no folders that could be classes")
        self.stdout.write("These folder names would be sent and stored as classes:")
        for name, count in sorted(found.items()):
            self.stdout.write(f"  {name}: {count} files")
        if not options["yes"] and not _is_confirmed():
            raise CommandError("nothing was sent: the folders are no classes")
        return {"classes": dict(folders), "folder_classes": bool(inside)}


def _add_target(parser: ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--dataset", metavar="ID", help="the id or the exact name of a data set of yours")
    where.add_argument("--name", help="make a data set of this name")
    parser.add_argument(
        "--symmetries",
        choices=("dihedral", "flips", "none"),
        default="none",
        help="with --name: which flips and turns show the same thing",
    )


def _add_images(parser: ArgumentParser) -> None:
    parser.add_argument("--size", type=int, choices=(32, 64, 128), help="edge of the stored images in pixels")
    parser.add_argument("--fit", choices=("crop", "pad", "stretch"), default="crop")
    parser.add_argument("--channels", choices=("rgb", "grey", "keep"), default="keep")
    parser.add_argument("--bits", type=int, choices=(8, 16), default=8, help="16 keeps deep grey pictures")
    parser.add_argument(
        "--tile", type=int, metavar="PIXELS", help="cut large pictures into tiles of this edge"
    )
    parser.add_argument("--stride", type=int, metavar="PIXELS", help="step between tiles; else no overlap")
    parser.add_argument(
        "--crop-margin", type=float, metavar="SHARE", help="around boxes, of their longer side"
    )
    parser.add_argument("--crop-side", type=int, metavar="PIXELS", help="one edge for the crops of all boxes")
    parser.add_argument(
        "--crop-box", action="store_true", help="crops in the shape of their boxes, not square"
    )
    parser.add_argument(
        "--keep-duplicates", action="store_true", help="tie near duplicates, do not refuse them"
    )
    parser.add_argument(
        "--drop-blurred", action="store_true", help="refuse what is far less sharp than usual"
    )


def _add_meaning(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--csv", type=Path, action="append", default=[], metavar="FILE",
        help="a table that lies elsewhere: file, and class, patient or slide",
    )  # fmt: skip
    parser.add_argument(
        "--folders-are-classes", action="store_true", help="after showing which these are, and asking"
    )
    parser.add_argument("--yes", action="store_true", help="the answer to that question")
    parser.add_argument(
        "--burned-in-checked", action="store_true", help="you saw that no text is in the pixels"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the split")


def ingest_options(options: Mapping[str, Any], local: LocalFiles) -> dict[str, Any]:
    """The flags as the API's options; names only where a table or annotations need them."""
    made: dict[str, Any] = {name: options[name] for name in ("fit", "channels", "bits")}
    if options["size"]:
        made["image_size"] = options["size"]
    if options["tile"]:
        made["tile"] = {"size": options["tile"], "stride": options["stride"] or options["tile"]}
    crop = {"margin": options["crop_margin"], "side": options["crop_side"]}
    crop = {name: value for name, value in crop.items() if value is not None}
    if crop or options["crop_box"]:
        made["crop"] = {**crop, "square": not options["crop_box"]}
    if options["seed"]:
        made["split"] = {"seed": options["seed"]}
    made["drop_duplicates"] = not options["keep_duplicates"]
    made |= {name: True for name in _FLAGS if options[name]}
    if names := local.names_to_tell:
        made["names"] = names
    return made


def _ingest(
    client: Client, local: LocalFiles, options: Mapping[str, Any], wanted: Mapping[str, Any], teller: Teller
) -> int:
    """Send, wait, and tell what came of it; returns how many images were taken."""
    dataset = _dataset(client, options)
    path = f"datasets/{dataset['id']}"
    if local.skipped:
        teller.say(f"{local.skipped} files of the operating system were left out.")
    if "names" in wanted:
        teller.say(
            "A table or annotations are among the files: names go along, for the time of the reading only."
        )
    again = f"Try again with --dataset {dataset['id']}"
    try:
        ingest = client.send_files(dataset["id"], local.files, wanted, on_sent=teller.sent)
    except Problem as problem:
        raise CommandError(f"{problem.detail} ({problem.code})\n{again}") from None
    teller.say(f"Sent {len(local.files)} files.")
    teller.begin()
    try:
        client.wait(ingest["job"], on_progress=teller.working)
    except JobFailed as failure:
        teller.refusals(client.pages(f"{path}/rejections", ingest=ingest["id"]))
        raise CommandError(f"{local.explain(failure.job['error'] or str(failure))}\n{again}") from None
    teller.refusals(client.pages(f"{path}/rejections", ingest=ingest["id"]))
    done = client.get(f"{path}/ingests/{ingest['id']}")
    teller.summary(done, client.get(path))
    teller.say(f"Data set {dataset['id']}")
    return int(done["accepted_count"])


def _dataset(client: Client, options: Mapping[str, Any]) -> Mapping[str, Any]:
    if options["name"]:
        return client.post("datasets", {"name": options["name"], "symmetries": options["symmetries"]})
    try:
        return client.get(f"datasets/{UUID(options['dataset'])}")
    except ValueError:
        found = next((row for row in client.pages("datasets") if row["name"] == options["dataset"]), None)
    if found is None:
        raise CommandError(f"you have no data set {options['dataset']!r}; --name makes one")
    return found


def _is_confirmed() -> bool:
    if not sys.stdin.isatty():
        raise CommandError("nobody can be asked here; say --yes if these are the classes")
    return input("Are these the classes? [y/N] ").strip().lower() in ("y", "yes")
