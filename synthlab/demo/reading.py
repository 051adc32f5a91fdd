"""Reading, review and export without a person, for smoke: what a browser would send."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from synthlab.client import Client
from synthlab.demo.people import Person

Json = dict[str, Any]
Tell = Callable[[Json], None]


def read_images(client: Client, study: str, count: int) -> Json:
    """Label `count` images by a rule (brown means DAB), discard every fifth; returns how many of each."""
    labelled = discarded = 0
    while labelled + discarded < count:
        claim = client.post(f"studies/{study}/claim", {"count": 1})
        if not claim["reads"]:
            raise RuntimeError(f"the queue is empty: {claim['reason']}")
        read = claim["reads"][0]
        pixels = client.request("GET", f"reads/{read['id']}/pixels")
        if (labelled + discarded) % 5 == 4:
            answer = _discard()
            discarded += 1
        else:
            answer = _label(pixels.content, pixels.headers)
            labelled += 1
        _submit(client, read, answer)
    return {"labelled": labelled, "discarded": discarded}


def _submit(client: Client, read: Json, answer: Json) -> None:
    headers = {"If-Match": f'"{read["rev"]}"', "Idempotency-Key": str(uuid4())}
    client.request("POST", f"reads/{read['id']}/submit", json=answer, headers=headers)


def _label(samples: bytes, headers: Any) -> Json:
    """Name the tile by its mean colour: not pathology, but it depends on the pixels that were served."""
    width, height = int(headers["X-Image-Width"]), int(headers["X-Image-Height"])
    if int(headers["X-Image-Channels"]) != 3 or int(headers["X-Image-Bits"]) != 8:
        raise RuntimeError("the demo images are 8-bit colour")
    if len(samples) != width * height * 3:
        raise RuntimeError(f"{len(samples)} bytes for {width} × {height} pixels")
    red, blue = sum(samples[0::3]), sum(samples[2::3])
    key = "dab_positive_gland" if red > blue else "dab_negative_gland"
    box = {"x": width / 8, "y": height / 8, "width": width / 2, "height": height * 0.625}
    regions = [{"kind": "box", "class": key, "geometry": box}]
    return {**_EMPTY, "decision": "labelled", "classes": [key], "regions": regions}


def _discard() -> Json:
    return {**_EMPTY, "decision": "discarded", "discard_reason": "blur"}


_EMPTY: Json = {
    "classes": [],
    "discard_reason": None,
    "confidence": None,
    "site": None,
    "comment": "",
    "regions": [],
    "active_seconds": 1.0,
    "idle_seconds": 0.0,
    "flag_second_opinion": False,
}


def accept_all(client: Client, study: str) -> int:
    """Accept every submitted answer; returns how many."""
    accepted = 0
    for item in client.pages("items", study=study, state="review"):
        for read in item["reads"]:
            if read["annotation"] and read["state"] == "submitted":
                client.post("reviews", {"annotation": read["annotation"]["id"], "verdict": "accept"})
                accepted += 1
    return accepted


def sign_snapshot(client: Client, study: str, person: Person, *, tell: Tell) -> Json:
    """Freeze the accepted images, wait for their evaluation, and sign."""
    snapshot = client.post("snapshots", {"study": study, "name": "Smoke"})
    [evaluation] = client.pages("evaluations", image_set=snapshot["image_set"])
    client.wait(evaluation["job"], on_progress=tell)
    signature = {"password": person.password, "meaning": "approved by an automatic test, for nothing else"}
    return client.post(f"snapshots/{snapshot['id']}/sign", signature)


def export_coco(client: Client, snapshot: str, folder: Path, *, tell: Tell) -> Path:
    """Export as COCO, download and check the digest."""
    export = client.post("exports", {"snapshot": snapshot, "format": "coco"})
    client.wait(export["job"], on_progress=tell)
    export = client.get(f"exports/{export['id']}")
    return client.download(f"exports/{export['id']}/file", folder / "export.zip", digest=export["digest"])
