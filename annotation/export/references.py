"""What the files that every archive has tell of one another: each of them stands in more than one place."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from annotation.export import croissant, document, manifest, texts
from annotation.export.formats import Format, OptionError
from annotation.export.ledger import count_losses
from annotation.export.member import read_member, read_schema
from annotation.export.opened import BadArchiveError, Opened
from annotation.export.spool import tally_members

_ALWAYS = (croissant.NAME, texts.README, texts.LICENCE, texts.DATA_SHEET, texts.LOSSES)


def check_references(
    opened: Opened, listing: Mapping[str, Any], labels: Mapping[str, Any], form: Format
) -> None:
    """Manifest, labels, ledger, description, evaluation and README tell the same.

    Args:
        opened: The archive.
        listing: Its manifest.
        labels: Its labels.json.
        form: The format it is of.

    Raises:
        BadArchiveError: They do not; with the file in which it was found.
    """
    signed = listing["snapshot"]["signature"] is not None
    for name in (*_ALWAYS, texts.EVALUATION) if signed else _ALWAYS:
        opened.digest(name)
    if listing["synthetic"] is not True:
        raise BadArchiveError(manifest.NAME, "does not say that the images are synthetic")
    if listing["schema"] != labels["schema"]:
        raise BadArchiveError(manifest.NAME, "tells of another label schema than the labels")
    _check_origin(listing, labels)
    with _reading(texts.LOSSES):
        _check_losses(opened, listing, labels, form)
    with _reading(croissant.NAME):
        _check_description(opened, listing)
    if texts.EVALUATION in opened:
        with _reading(texts.EVALUATION):
            _check_evaluation(opened, listing)
    if listing["snapshot"]["digest"] not in opened.text(texts.README):
        raise BadArchiveError(texts.README, "does not name the digest of the snapshot")


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """What goes wrong inside is wrong in this file."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise BadArchiveError(name, f"a member is missing or of another kind: {error!r}") from error


def _check_origin(listing: Mapping[str, Any], labels: Mapping[str, Any]) -> None:
    found = {member["recipe"].get("generator", "") for member in labels["members"]}
    if set(listing["provenance"]["generators"]) != found:
        raise BadArchiveError(manifest.NAME, "names other generators than the recipes of the images")
    splits = listing["facts"].get("splits")
    if splits is not None:
        counts = Counter(member.get("split", "") for member in labels["members"])
        if {name: count for name, count in splits["images"].items() if count} != counts:
            raise BadArchiveError(manifest.NAME, "counts other splits than those of the labels")


def _check_losses(
    opened: Opened, listing: Mapping[str, Any], labels: Mapping[str, Any], form: Format
) -> None:
    """The ledger is what the labels cost in this format; it is counted again."""
    told, writer = opened.json(texts.LOSSES), listing["writer"]
    try:
        if form.check_options(writer["options"]) != writer["options"]:
            raise BadArchiveError(manifest.NAME, "leaves out an option of the format")
    except OptionError as error:
        raise BadArchiveError(manifest.NAME, f"tells of an option that cannot be: {error.name}") from error
    tally = tally_members(read_schema(labels["schema"]), map(read_member, labels["members"]))
    counted = {loss.code: loss.values for loss in count_losses(form.losses, tally, writer["options"])}
    if told["format"] != form.key or {row["code"]: row["values"] for row in told["losses"]} != counted:
        raise BadArchiveError(texts.LOSSES, f"does not count what is lost: that is {json.dumps(counted)}")
    if writer["losses"] != told["losses"]:
        raise BadArchiveError(manifest.NAME, f"tells of other losses than {texts.LOSSES}")


def _check_description(opened: Opened, listing: Mapping[str, Any]) -> None:
    """Each file that Croissant names by a digest is there and has it; the labels are among them."""
    told = opened.json(croissant.NAME)
    named = {row["contentUrl"]: row["sha256"] for row in told["distribution"] if "sha256" in row}
    if document.NAME not in named:
        raise BadArchiveError(croissant.NAME, f"does not describe {document.NAME}")
    for name, digest in named.items():
        if opened.digest(name) != digest:
            raise BadArchiveError(croissant.NAME, f"tells of other bytes of {name}")
    about = listing["snapshot"]["name"], f"urn:uuid:{listing['snapshot']['id']}"
    if (told["name"], told["url"]) != about:
        raise BadArchiveError(croissant.NAME, "describes another snapshot")
    if told["license"] != (listing["licence"] or croissant.NOT_STATED):
        raise BadArchiveError(croissant.NAME, "tells of another licence than the manifest")


def _check_evaluation(opened: Opened, listing: Mapping[str, Any]) -> None:
    told = opened.json(texts.EVALUATION)["approved_set"]
    if told["image_set_digest"] != listing["provenance"]["image_set_digest"]:
        raise BadArchiveError(texts.EVALUATION, "is of another set of images than the manifest's")
