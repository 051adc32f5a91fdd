"""All that a blinded reader's browser is sent, recorded whole: nothing in it tells a hidden real control from the others.

The same person reads as many controls as synthetic images, each kind encoded by its own encoder, does everything that can be
done with a read, and has half of both reviewed and half returned. What came back is compared word for word once everything
that differs between any two reads (ids, times, tags, counts) is masked by its form.
"""

from __future__ import annotations

import itertools
import json
import re
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from django.http import HttpResponse
from django.urls import reverse
from rest_framework.test import APIClient

from annotation.models import Annotation, Item, Read, ReadState
from annotation.services import reviewing
from annotation.services.controls import add_controls
from generation.ingest import normalise
from generation.ml import png
from generation.models import Ingest, SourceImage, Split, SyntheticImage
from synthlab.core.files import store_bytes
from tests.annotation.calls import API
from tests.annotation.factories import GLAND, Scene, add_control, make_source_image
from tests.factories import client_of

pytestmark = pytest.mark.django_db

EACH = 6
TURNS = 4
SIDE = 64
MASKS = (
    # The session is written again once a minute, whatever is asked then.
    (re.compile(r"\nSet-Cookie: sessionid=.*"), ""),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<mac>"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)"), "<time>"),
    (re.compile(r"\d+(\.\d+)?"), "<number>"),
    # Foretold from the fifth answer on, whatever was read before.
    (re.compile(r'"eta_seconds": ?(null|<number>)'), "<eta>"),
)


@dataclass(frozen=True)
class Entry:
    """One answer, or the part of a list that is about one read."""

    step: str
    read: str
    said: str
    seconds: float


class Recorder:
    """A reader's browser that keeps every answer, byte for byte."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.client: APIClient = client_of(scene.reader)
        self.entries: list[Entry] = []
        self.raw: list[bytes] = []

    def ask(self, method: str, url: str, body: Any = None, **headers: str) -> tuple[Any, float]:
        started = time.perf_counter()
        answer = getattr(self.client, method)(
            url, body, format="json", headers={name.replace("_", "-"): text for name, text in headers.items()}
        )
        seconds = time.perf_counter() - started
        self.raw.append(_head(answer).encode() + answer.content)
        return answer, seconds

    def note(
        self, step: str, read: str, url: str, body: Any = None, *, method: str = "post", **headers: str
    ) -> Any:
        answer, seconds = self.ask(method, url, body, **headers)
        if step.startswith("pixels"):
            # Nothing but the tag may differ between two images of a study: numbers are not masked here.
            said = f"{answer.status_code}\n{_masked(_head(answer), MASKS[:3])}\n{len(answer.content)} bytes"
            self.entries.append(Entry(step, read, said, seconds))
            return answer
        said = f"{answer.status_code}\n{_masked(_head(answer))}\n{_masked(answer.content.decode())}"
        self.entries.append(Entry(step, read, said, seconds))
        return answer.json() if answer.content else None

    def note_rows(self, step: str, url: str, read_of: Callable[[dict[str, Any]], str]) -> None:
        answer, _ = self.ask("get", url)
        for row in answer.json()["results"]:
            self.entries.append(Entry(step, read_of(row), _masked(json.dumps(row)), 0))

    def claim(self) -> dict[str, Any] | None:
        answer, seconds = self.ask("post", f"{API}/studies/{self.scene.study.pk}/claim", {"count": 1})
        reads = answer.json()["reads"]
        if not reads:
            return None
        said = f"{_masked(_head(answer))}\n{_masked(answer.content.decode())}"
        self.entries.append(Entry("claim", reads[0]["id"], said, seconds))
        found: dict[str, Any] = reads[0]
        return found

    def put_everything_aside(self, count: int) -> None:
        for read in itertools.islice(iter(self.claim, None), count):
            self.note("skip", read["id"], f"{API}/reads/{read['id']}/skip", {"kind": "later"})

    def read_everything(self) -> None:
        for read in iter(self.claim, None):
            self._read(read)

    def _read(self, read: dict[str, Any]) -> None:
        key, url, rev = read["id"], f"{API}/reads/{read['id']}", read["rev"]
        pixels = self.note("pixels", key, read["pixels_url"], method="get")
        self.note("pixels again", key, read["pixels_url"], method="get", If_None_Match=pixels["ETag"])
        self.note("look", key, url, method="get")
        self.note("draft", key, f"{url}/draft", {"comment": "hm"}, method="put", If_Match=f'"{rev}"')
        self.note("stale", key, f"{url}/draft", {"comment": "h"}, method="put", If_Match=f'"{rev}"')
        self.note("renew", key, f"{url}/renew")
        self.note("wrong", key, f"{url}/submit", {"decision": "maybe"}, If_Match=f'"{rev + 1}"')
        self.note("release", key, f"{url}/release")
        self.note("renew", key, f"{url}/renew")
        sent = {"If_Match": f'"{rev + 1}"', "Idempotency_Key": str(uuid.uuid4())}
        self.note("submit", key, f"{url}/submit", GLAND, **sent)
        self.note("sent twice", key, f"{url}/submit", GLAND, **sent)
        self.note("answered", key, url, method="get")

    def look_around(self) -> None:
        """Pages and lists that are about no read, or about all of them."""
        study = f"{API}/studies/{self.scene.study.pk}"
        for url in (
            "/", "/studies/", f"/studies/{self.scene.study.pk}/", self.reading, study, f"{study}/progress",
            f"{study}/exemplars", f"{API}/studies", f"{API}/me", f"{API}/items", f"{API}/audit-events",
        ):  # fmt: skip
            assert self.ask("get", url)[0].status_code == 200, url
        self.note_rows("own answers", f"{API}/reads?page_size=200", lambda row: row["id"])
        self.note_rows("own reviews", f"{API}/reviews?page_size=200", lambda row: row["read"])

    @property
    def reading(self) -> str:
        return reverse("workbench", args=[self.scene.study.pk])


def _head(answer: HttpResponse) -> str:
    lines = sorted(f"{name}: {value}" for name, value in answer.items())
    return "\n".join([*lines, *(cookie.output() for cookie in answer.cookies.values())])


def _masked(text: str, masks: Any = MASKS) -> str:
    for pattern, name in masks:
        text = pattern.sub(name, text)
    return text


def mixed_scene() -> Scene:
    """As many hidden controls as synthetic images, in files as the product makes them: real ones bare, the others marked."""
    scene = Scene(EACH, mode="RGB")
    rng = np.random.default_rng(5)
    for image in SyntheticImage.objects.all():
        pixels = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        recipe = {"generator": "a" * 64, "seed": image.seed, "index": image.index}
        _store(image, png.encode_png(pixels, recipe))
    group, ingest = scene.dataset.groups.get(split=Split.VAL), Ingest.objects.get(dataset=scene.dataset)
    for _ in range(EACH):
        real = make_source_image(scene.dataset, group, ingest)
        real.channels = 3
        _store(real, normalise.encode_png(rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)))
    scene.dataset.members.update_or_create(user=scene.manager, defaults={"view_real": True})
    assert add_controls(actor=scene.manager, study=scene.study, count=EACH) == EACH
    return scene


def _store(image: SyntheticImage | SourceImage, data: bytes) -> None:
    stored = store_bytes(data)
    image.digest, image.size, image.width, image.height = stored.digest, stored.size, SIDE, SIDE
    image.save()


def _review_half(scene: Scene, controls: set[str]) -> None:
    """Of both kinds every other answer is returned with a pin, and the rest accepted."""
    for is_control in (True, False):
        rows = Annotation.objects.filter(is_final=True, read__state=ReadState.SUBMITTED).select_related(
            "read"
        )
        mine = [row for row in rows if (str(row.read_id) in controls) == is_control]
        for number, row in enumerate(mine):
            if number % 2:
                reviewing.accept(actor=scene.reviewer, annotation=row)
            else:
                reviewing.return_(
                    actor=scene.reviewer, annotation=row, comment="Look at the rim.", point={"x": 3, "y": 4}
                )


def _secrets(scene: Scene) -> Iterator[str]:
    generator = scene.batch.generator
    yield from map(
        str, (scene.batch.pk, scene.dataset.pk, generator.pk, generator.digest[:16], scene.study.key[:16])
    )
    for item in Item.objects.select_related("synthetic_image", "source_image__group"):
        image = item.synthetic_image or item.source_image
        assert image is not None
        yield from (str(image.pk), image.digest[:16], image.pixel_digest[:16])


def _control_is_slower(recorder: Recorder, controls: set[str]) -> float:
    """The share of pairs of one control and one synthetic image in which the control's pixels took longer; ties are rare."""
    keys = [
        str(key) for key in Read.objects.filter(reader=recorder.scene.reader).values_list("pk", flat=True)
    ]
    times: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(TURNS + 1):
        for key in keys:
            _, seconds = recorder.ask("get", reverse("read-pixels", args=[key]))
            if turn:  # the first time files come from the disk
                times[key in controls].append(seconds)
    slower = np.asarray(times[True])[:, None] > np.asarray(times[False])[None, :]
    return float(slower.mean())


def test_a_readers_whole_traffic_tells_no_control_from_a_synthetic_image():
    scene = mixed_scene()
    recorder = Recorder(scene)
    recorder.put_everything_aside(2 * EACH)
    recorder.read_everything()
    recorder.look_around()
    controls = {str(pk) for pk in Read.objects.filter(kind="control").values_list("pk", flat=True)}
    _review_half(scene, controls)
    recorder.read_everything()
    recorder.look_around()

    controls = {str(pk) for pk in Read.objects.filter(kind="control").values_list("pk", flat=True)}
    said: dict[str, dict[bool, set[str]]] = defaultdict(lambda: {True: set(), False: set()})
    for entry in recorder.entries:
        said[entry.step][entry.read in controls].add(entry.said)
    assert len(said) == 15
    for step, found in said.items():
        assert found[True] == found[False] != set(), (step, found[True] ^ found[False])
    # One answer to a request for pixels is like every other: in its headers, their order and its length.
    assert all(len(said[step][True]) == 1 for step in ("pixels", "pixels again"))

    everything = b"\n".join(recorder.raw)
    assert [secret for secret in _secrets(scene) if secret.encode() in everything] == []
    # Fair coins would give 0.5 ± 0.07 here; what a network adds is far more than that.
    assert 0.2 < _control_is_slower(recorder, controls) < 0.8


def test_no_image_page_or_file_exists_for_a_reader():
    scene = Scene(1)
    control = add_control(scene)
    read = scene.claim()[0]
    real, made = control.source_image, scene.batch.images.get()
    assert real is not None
    client = client_of(scene.reader)
    for url in (
        f"{API}/images/{made.pk}/file", f"{API}/images/{real.pk}/file", f"{API}/items/{read.item_id}",
        f"{API}/datasets/{scene.dataset.pk}/images/{real.pk}", f"{API}/datasets/{scene.dataset.pk}/images",
        f"{API}/batches/{scene.batch.pk}", f"{API}/batches/{scene.batch.pk}/images",
        f"{API}/generators/{scene.batch.generator_id}", f"/batches/{scene.batch.pk}/", f"/datasets/{scene.dataset.pk}/",
        f"/studies/{scene.study.pk}/review/", f"/studies/{scene.study.pk}/results/",
        f"/studies/{scene.study.pk}/results.csv", f"/studies/{scene.study.pk}/assignments/",
    ):  # fmt: skip
        assert client.get(url).status_code == 404, url
