"""After many readers at once: no image to two of them, no acknowledged answer lost, no fault of the server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from annotation.models import Annotation, Item, Read, ReadState
from synthlab.core.audit import study_chain, verify_chain
from synthlab.core.invariants import find_violations
from tests.annotation.factories import Scene
from tests.concurrency.http_readers import Client

OVER_ASSIGNED = (
    "no image is given to more readers than its study asks for",
    "nobody reads the same image twice as a primary reader",
)
ANSWERED = (
    *OVER_ASSIGNED,
    "every submitted read has its final answer, and no other read has one",
    "the answer that decided an image is a final one about that image",
)


def check_everything_is_there(scene: Scene, clients: Sequence[Client], log: Path) -> None:
    """Compare what the clients were told with what is there; the study is read to its end, and counts as read."""
    faults = [status for client in clients for status in client.notes.statuses if status >= 500]
    assert not faults, log.read_text()[-3000:]
    answered = Counter(read for client in clients for read in client.notes.answered)
    assert set(answered.values()) == {1}
    assert len(answered) == Read.objects.filter(study=scene.study).count()
    kept = {str(row.read_id): row for row in Annotation.objects.filter(is_final=True)}
    for client in clients:
        for read, words in client.notes.answered.items():
            assert (kept[read].comment, kept[read].author_id) == (words, client.person.pk)
    assert set(Read.objects.values_list("state", flat=True)) == {ReadState.SUBMITTED}
    assert set(Item.objects.values_list("state", flat=True)) == {"accepted"}
    _check_late(clients)
    assert verify_chain(study_chain(scene.study)).intact
    assert list(find_violations(ANSWERED)) == []


def _check_late(clients: Sequence[Client]) -> None:
    """One tab gave back what the other had in hand: the other was told that its answer is kept.

    And so it is, unless the read was that person's again and they answered after all.
    """
    late = set(Annotation.objects.kept_late().values_list("read", "author"))
    final = set(Annotation.objects.filter(is_final=True).values_list("read", "author"))
    told = {(UUID(read), client.person.pk) for client in clients for read in client.notes.late}
    assert late <= told <= late | final
