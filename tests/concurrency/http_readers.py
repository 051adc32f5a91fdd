"""Readers over HTTP, each in a thread of its own, who note what the server acknowledged to them."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
from django.conf import settings
from django.middleware.csrf import _get_new_csrf_string
from rest_framework.test import APIClient

from annotation.services import studies
from synthlab.accounts.models import User
from tests.annotation.factories import Scene
from tests.factories import make_clinician

TIMEOUT_SECONDS = 60


@dataclass
class Notes:
    """What one client was told.

    Attributes:
        got: Reads that a claim handed out.
        answered: Read → the words of the answer that the server acknowledged.
        late: Read → the words of an answer that came too late, and of which it was said that they are kept.
        statuses: Every status of every answer.
    """

    got: set[str] = field(default_factory=set)
    answered: dict[str, str] = field(default_factory=dict)
    late: dict[str, str] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)


class Client:
    """A signed-in browser without a screen: claims, gives back, puts aside, sends twice, answers."""

    def __init__(self, url: str, person: User, study: object, seed: int) -> None:
        self.person = person
        self.notes = Notes()
        self._study = study
        self._chance = random.Random(seed)
        self._http = httpx.Client(
            base_url=url,
            cookies={settings.SESSION_COOKIE_NAME: _session(person), settings.CSRF_COOKIE_NAME: (token := _get_new_csrf_string())},
            headers={"X-CSRFToken": token, "Origin": url},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )  # fmt: skip

    def work(self) -> None:
        """Read until nothing is left."""
        with self._http:
            self._read_all()

    def _read_all(self) -> None:
        while True:
            claim = self._post(f"studies/{self._study}/claim", {"count": self._chance.randint(1, 3)}).json()
            if not claim["reads"]:
                if claim["reason"] != "leased":
                    return
                time.sleep(0.2)
                continue
            self.notes.got.update(read["id"] for read in claim["reads"])
            self._handle(claim["reads"][0])

    def _handle(self, read: dict[str, Any]) -> None:
        path, luck = f"reads/{read['id']}", self._chance.random()
        if luck < 0.05:
            self._post(f"{path}/release", {})
        elif luck < 0.1:
            self._post(f"{path}/skip", {"kind": "later"})
        else:
            self._answer(path, read, times=2 if luck > 0.8 else 1)

    def _answer(self, path: str, read: dict[str, Any], times: int) -> None:
        """As the outbox does it: after a lost reply the same answer goes out again under the same key."""
        words = f"{self.person.pk} {uuid.uuid4()}"
        headers = {"If-Match": f'"{read["rev"]}"', "Idempotency-Key": str(uuid.uuid4())}
        body = {"decision": "labelled", "classes": ["normal"], "comment": words}
        replies = [self._post(f"{path}/submit", body, headers) for _ in range(times)]
        if replies[-1].status_code == httpx.codes.OK:
            self.notes.answered[read["id"]] = words
        elif replies[-1].json().get("kept"):
            self.notes.late[read["id"]] = words

    def _post(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> httpx.Response:
        reply = self._http.post(f"/api/v1/{path}", json=body, headers=headers or {})
        self.notes.statuses.append(reply.status_code)
        return reply


def add_readers(scene: Scene, count: int) -> list[User]:
    """So many more readers of the study."""
    readers = [make_clinician() for _ in range(count)]
    for user in readers:
        studies.add_member(actor=scene.manager, study=scene.study, user=user, role="reader")
    return readers


def make_clients(url: str, scene: Scene, *, people: int, tabs: int) -> list[Client]:
    """More tabs than people: some have two of them open."""
    readers = add_readers(scene, people)
    return [Client(url, readers[i % people], scene.study.pk, seed=i) for i in range(tabs)]


def work_together(clients: Sequence[Client]) -> None:
    """All at once, until nothing is left to read."""
    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(Client.work, clients))


def _session(person: User) -> str:
    browser = APIClient()
    browser.force_login(person)
    return browser.cookies[settings.SESSION_COOKIE_NAME].value
