"""What the page of a data set shows of its uploads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db.models import Count, Q
from django.urls import reverse

from generation.models import Dataset, Ingest, Rejection
from generation.services import growth, staging
from synthlab.accounts.models import User
from synthlab.core.models import LIVE_JOB_STATES

_SHOWN = 20
# What stands in a list of reasons. Where there is no word here, the code is read as one.
REASONS = {
    "burned_in": "Text in the pixels",
    "burned_in_unknown": "May show text about a patient",
    "burned_in_unseen": "May show text about a patient, and is cut",
    "exact_duplicate": "The same picture again",
    "already_present": "In the data set already",
    "near_duplicate": "Nearly the same picture",
    "near_duplicate_known": "Nearly the same as in the data set",
    "withdrawn_before": "Withdrawn before",
    "unsupported_type": "No image",
    "too_small": "Too small",
    "wrong_mode": "Pixels of another kind",
    "mixed_channels": "Other colour than most",
}


def title_of(code: str) -> str:
    """A reason in a word or two."""
    return REASONS.get(code) or code.replace("_", " ").capitalize()


def uploads_of(dataset: Dataset, person: User) -> dict[str, Any]:
    """The context of `_ingests.html`, `_rejections.html` and `_upload.html`."""
    rows = list(dataset.ingests.select_related("job", "requested_by")[:_SHOWN])
    running = next((row for row in rows if _state(row) in LIVE_JOB_STATES), None)
    latest = rows[0] if rows else None
    first = growth.first_ingest(dataset)
    mine = running is not None and running.job is not None and running.job.requested_by_id == person.pk
    refused = Rejection.objects.filter(ingest__dataset=dataset)
    return {
        "rows": [_row(row) for row in rows],
        "running": running,
        "job_url": reverse("job-detail", args=[running.job_id]) if running and mine else "",
        "failed": latest if latest and not running and _state(latest) in ("failed", "dead") else None,
        "is_in_use": growth.is_in_use(dataset),
        "is_growable": running is None and not growth.is_in_use(dataset),
        "fixed_form": json.dumps(growth.form_of(first.options)) if first else "",
        "fixed_words": words_of(first.options) if first else "",
        "most_files_words": f"{staging.MAX_FILES:,}",
        "most_bytes": settings.MAX_UPLOAD_BYTES,
        "reasons": _reasons(dataset),
        "refused": refused.count(),
        "quarantined": refused.filter(code="burned_in_unknown").kept().count(),
    }


def _state(ingest: Ingest) -> str:
    if ingest.job is not None:
        return str(ingest.job.state)
    return "succeeded" if ingest.completed_at else "queued"


def _reasons(dataset: Dataset) -> list[dict[str, Any]]:
    refused = Rejection.objects.filter(ingest__dataset=dataset)
    waiting = Count("pk", filter=Q(decision="") & ~Q(image_digest=""))
    counts = (
        refused.order_by()
        .values("code")
        .annotate(count=Count("pk"), waiting=waiting)
        .order_by("-count", "code")
    )
    return [
        {
            **row,
            "title": title_of(row["code"]),
            "example": refused.filter(code=row["code"]).order_by("-created_at").first(),
        }
        for row in counts
    ]


def _row(ingest: Ingest) -> dict[str, Any]:
    return {
        "ingest": ingest,
        "state": _state(ingest),
        "words": words_of(ingest.options),
        "record": list(_record(ingest)) if ingest.facts else [],
    }


def words_of(options: Mapping[str, Any]) -> str:
    """How an upload's pictures were brought into form, in words."""
    tile, size = options.get("tile"), options.get("image_size")
    said = []
    if tile:
        said.append(f"cut into tiles of {tile['size']} px, step {tile.get('stride') or tile['size']} px")
    said.append(f"resized to {size} px" if size else "sizes as they came")
    said.append({"rgb": "RGB", "grey": "grey"}.get(options.get("channels", "keep"), "colours as they came"))
    if options.get("bits") == 16:
        said.append("16 bit where there were")
    return ", ".join(said)


_FITS = {"crop": "middle kept", "pad": "black bars", "stretch": "stretched"}


def _record(ingest: Ingest) -> list[tuple[str, str]]:
    """What was done to the pixels and to what stood beside them."""
    facts, deid = ingest.facts, ingest.deidentification
    resize = facts.get("form", {}).get("resize")
    split = facts.get("split", {})
    record = [
        (
            "Size",
            f"{resize['size']} px, {resize['filter']}, {_FITS.get(resize['fit'], resize['fit'])}"
            if resize
            else "not changed",
        ),
        ("Depth", f"{facts.get('form', {}).get('bits', 8)} bit"),
        ("Encoder", f"PNG by {facts.get('encoder', 'unknown')}"),
        ("Near duplicates", "refused" if ingest.options.get("drop_duplicates", True) else "kept on one side"),
        ("Split", f"{split.get('method', '')}, seed {split.get('seed', 0)}"),
        ("File names", str(deid.get("names", ""))),
        ("Kept of each file", str(deid.get("kept", ""))),
        ("Left behind", _counts(deid.get("removed", {})) or "nothing was there"),
        (
            "Methods",
            "; ".join(f"{one['code']} {one['meaning']}" for one in deid.get("methods", []))
            or "none of DICOM",
        ),
        ("Sources", _counts(deid.get("sources", {}))),
    ]
    return [(name, value) for name, value in record if value]


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
