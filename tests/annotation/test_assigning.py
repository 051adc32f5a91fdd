"""Managers give reads to named readers by number, move them, take them back, and see who is how far."""

from __future__ import annotations

from typing import Any

import pytest

from annotation.models import Read, ReadState
from annotation.services import assigning, leases, reviewing
from annotation.services.progress import reader_rows
from synthlab.core.exceptions import InvalidInput, NotAllowed
from synthlab.core.models import AuditEvent
from tests.annotation.calls import API, claim, post
from tests.annotation.factories import LABELLED, Scene
from tests.annotation.test_pages import page, text
from tests.factories import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def waiting_for(person) -> set[Read]:
    return set(Read.objects.filter(reader=person, state=ReadState.OPEN))


def test_the_next_reads_of_the_pool_one_of_each_image_go_to_a_reader():
    scene = Scene(3, reads_per_item=2)
    given = assigning.assign_next(actor=scene.manager, study=scene.study, reader=scene.reader, count=2)
    assert given == 2
    assert assigning.assign_next(actor=scene.manager, study=scene.study, reader=scene.reader, count=9) == 1
    assert len({read.item_id for read in waiting_for(scene.reader)}) == 3
    assert assigning.assign_next(actor=scene.manager, study=scene.study, reader=scene.reader, count=9) == 0
    assert Read.objects.filter(reader__isnull=True).count() == 3
    event = AuditEvent.objects.filter(action="reads.assigned").latest("id")
    assert event.facts["reader"] == str(scene.reader.pk)


def test_reads_move_to_another_reader_but_for_images_that_are_not_for_them():
    scene = Scene(4, reads_per_item=2)
    (declined,) = scene.claim(scene.second)
    leases.skip_read(actor=scene.second, read=declined, kind="not_my_field")
    (answered,) = scene.claim(scene.second)
    scene.submit(answered, LABELLED, scene.second)
    about: dict[str, Any] = {"actor": scene.manager, "study": scene.study}
    assert assigning.assign_next(**about, reader=scene.reader, count=9) == 4
    in_hand = scene.claim()[0]
    for_second = {answered.item_id, declined.item_id, in_hand.item_id}
    expected = {read for read in waiting_for(scene.reader) if read.item_id not in for_second}
    moved = assigning.assign_next(**about, reader=scene.second, count=9, source=scene.reader)
    assert moved == len(expected)
    assert waiting_for(scene.second) == expected
    assert scene.claim() == [in_hand]


def test_taking_back_by_number_leaves_what_is_in_hand():
    scene = Scene(4)
    about: dict[str, Any] = {"actor": scene.manager, "study": scene.study, "reader": scene.reader}
    assigning.assign_next(**about, count=4)
    (in_hand,) = scene.claim()
    assert assigning.withdraw_next(**about, count=2) == 2
    assert len(waiting_for(scene.reader)) == 1
    assert assigning.withdraw_next(**about, count=9) == 1
    assert assigning.withdraw_next(**about, count=9) == 0
    assert Read.objects.get(reader=scene.reader) == in_hand
    assert len(scene.claim(scene.second, 3)) == 3


def test_assigned_reads_come_in_the_random_order_but_what_was_returned_first_of_all():
    scene = Scene(5)
    annotation = scene.submit(scene.claim()[0])
    about: dict[str, Any] = {"actor": scene.manager, "study": scene.study, "reader": scene.reader}
    assigning.assign_next(**about, count=4)
    reviewing.return_(actor=scene.reviewer, annotation=annotation, comment="Look again.")
    shuffled = list(Read.objects.filter(rev=0, state=ReadState.OPEN).order_by("shuffle"))
    assert assigning.withdraw_next(**about, count=1) == 1
    assert Read.objects.get(reader__isnull=True) == shuffled[-1]
    first, *others = scene.claim(count=3)
    assert first.item_id == annotation.read.item_id
    assert others == shuffled[:2]


def test_only_managers_and_only_readers_and_only_sensible_numbers():
    scene = Scene(1)
    for act in (assigning.assign_next, assigning.withdraw_next):
        with pytest.raises(NotAllowed):
            act(actor=scene.reviewer, study=scene.study, reader=scene.reader, count=1)
        for count in (0, -1, 1001):
            with pytest.raises(InvalidInput):
                act(actor=scene.manager, study=scene.study, reader=scene.reader, count=count)
    about: dict[str, Any] = {"actor": scene.manager, "study": scene.study, "count": 1}
    for reader, source in ((scene.reviewer, None), (scene.reader, scene.reader)):
        with pytest.raises(InvalidInput):
            assigning.assign_next(**about, reader=reader, source=source)


def test_over_rest_by_number():
    scene = Scene(4)
    url, client = f"{API}/studies/{scene.study.pk}/assign", client_of(scene.manager)
    first, second = str(scene.reader.pk), str(scene.second.pk)
    assert post(client, url, {"count": 3, "reader": first}).json() == {"changed": 3}
    assert post(client, url, {"count": 2, "from_reader": first, "reader": second}).json() == {"changed": 2}
    assert post(client, url, {"count": 5, "from_reader": second}).json() == {"changed": 2}
    rows = {
        row["user"]: row for row in client.get(f"{API}/studies/{scene.study.pk}/progress").json()["readers"]
    }
    assert (rows[first]["assigned"], rows[second]["assigned"]) == (1, 0)
    key = str(Read.objects.filter(reader=scene.reader).get().pk)
    for wrong in (
        {"count": 3},
        {"reads": [key], "count": 1},
        {"reader": first},
        {"reads": [key], "from_reader": first},
    ):
        assert post(client, url, wrong).status_code == 422, wrong
    assert post(client_of(scene.reader), url, {"count": 1, "reader": first}).status_code == 403
    assert len(claim(client_of(scene.second), scene, 3)["reads"]) == 3


def test_the_page_shows_pool_and_pace_and_is_the_managers():
    scene = Scene(4)
    scene.submit(scene.claim()[0], {**LABELLED, "active_seconds": 12.0})
    assigning.assign_next(actor=scene.manager, study=scene.study, reader=scene.second, count=2)
    body = text(page(scene.manager, "assignments", scene.study.pk))
    assert "1 reading in the open pool, 2 assigned and not begun." in body
    (row,) = [row for row in reader_rows(scene.study) if row["user"] == str(scene.reader.pk)]
    assert (row["submitted"], row["seconds_per_image"], row["images_per_hour"]) == (1, 12.0, 300)
    assert ">300</td>" in body
    for user in (scene.reader, scene.reviewer):
        assert page(user, "assignments", scene.study.pk).status_code == 404
