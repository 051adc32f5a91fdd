"""Two tabs of one reader and another reader at one read, in many random orders: no acknowledged word is overwritten unseen."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import pytest

from annotation.models import Annotation, Read, ReadState
from annotation.services import leases, queue, reading
from synthlab.accounts.models import User
from synthlab.core.exceptions import Conflict, NotFound, PreconditionFailed
from tests.annotation.factories import LABELLED, Scene
from tests.annotation.test_queue import expire

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

STEPS = 10


@dataclass
class Tab:
    """A browser tab: whose it is, and the newest version that it has seen, with the words of it."""

    person: User
    rev: int = 0
    seen: str = ""


class Table:
    """One read with several tabs at it, and what each person was told is kept."""

    def __init__(self, scene: Scene, seed: int) -> None:
        self.scene = scene
        self.chance = random.Random(seed)
        self.read: Read = Read.objects.get()
        self.tabs = [Tab(scene.reader), Tab(scene.reader), Tab(scene.second)]
        # The newest words of each person that the server acknowledged, and all that it called late but kept.
        self.newest: dict[Any, str] = {}
        self.late: set[tuple[Any, str]] = set()
        self.is_final = False

    def step(self, number: int) -> None:
        tab = self.chance.choice(self.tabs)
        act = self.chance.choice(
            (self.claim, self.claim, self.save, self.save, self.submit, self.give_back, self.look)
        )
        if self.chance.random() < 0.2:
            expire(*Read.objects.filter(state=ReadState.LEASED))
        act(tab, f"{number} {self.tabs.index(tab)}")

    def claim(self, tab: Tab, _: str) -> None:
        for read in queue.claim_reads(reader=tab.person, study=self.scene.study).reads:
            self._see(tab, read)

    def look(self, tab: Tab, _: str) -> None:
        """Reload the page."""
        mine = Read.objects.visible_to(tab.person).first()
        if mine:
            self._see(tab, mine)

    def give_back(self, tab: Tab, _: str) -> None:
        try:
            leases.release_read(actor=tab.person, read=self.read)
        except NotFound:
            assert not Read.objects.visible_to(tab.person).exists()

    def save(self, tab: Tab, words: str) -> None:
        self._send(tab, words, {"comment": words}, reading.save_draft)

    def submit(self, tab: Tab, words: str) -> None:
        self._send(tab, words, {**LABELLED, "comment": words}, reading.submit_answer)

    def _send(self, tab: Tab, words: str, answer: dict[str, Any], act: Any) -> None:
        before = self.newest.get(tab.person.pk, "")
        try:
            saved = act(actor=tab.person, read=self.read, rev=tab.rev, answer=answer)
        except NotFound:
            return
        except PreconditionFailed:
            return  # there is something that this tab has not seen
        except Conflict as refusal:
            if refusal.extra.get("kept"):
                if tab.seen != before:
                    self.late.add((tab.person.pk, before))
                self.late.add((tab.person.pk, words))
                self.newest[tab.person.pk] = words
            return
        assert tab.seen == before, "something was overwritten that this tab had not seen"
        assert not self.is_final
        tab.rev, tab.seen = saved.rev, words
        self.newest[tab.person.pk] = words
        self.is_final = act is reading.submit_answer

    def _see(self, tab: Tab, read: Read) -> None:
        newest = read.annotations.filter(author=tab.person).order_by("-revision").first()
        tab.rev, tab.seen = read.rev, _words(newest)

    def check(self) -> None:
        rows = list(self.read.annotations.all())
        there = {(row.author_id, _words(row)) for row in rows}
        assert set(self.newest.items()) <= there
        assert self.late <= there
        assert Annotation.objects.filter(is_final=True).count() == int(self.is_final)


def _words(annotation: Annotation | None) -> str:
    if annotation is None:
        return ""
    return annotation.comment if annotation.is_final else str(annotation.draft["comment"])


@pytest.mark.parametrize(
    "orders", [25, pytest.param(1000, marks=(pytest.mark.slow, pytest.mark.timeout(900)))]
)
def test_no_update_is_lost_in_any_order(orders: int):
    scene = Scene(1, approval_policy="as_read")
    untouched = {
        "state": ReadState.OPEN,
        "reader": None,
        "rev": 0,
        "leased_at": None,
        "lease_until": None,
        "submitted_at": None,
    }
    finals = 0
    for seed in range(orders):
        table = Table(scene, seed)
        for number in range(STEPS):
            table.step(number)
        table.check()
        finals += table.is_final
        _forget(scene, untouched)
    assert finals > orders / 4


def _forget(scene: Scene, untouched: dict[str, Any]) -> None:
    """As if nobody had touched the read: making a study anew for each order would take ten times as long."""
    scene.study.items.update(state="waiting", outcome=None, decided_at=None)
    Annotation.objects.all().delete()
    Read.objects.update(**untouched)
    for read in Read.objects.all():
        read.holders.all().delete()
        read.skips.all().delete()
