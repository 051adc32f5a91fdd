"""A page that is loaded again claims while the draft it sent on leaving is still being saved."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import connection, transaction

from annotation.models import Read
from tests.annotation.factories import Scene

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


def test_a_claim_brings_the_read_whose_draft_is_just_being_saved():
    scene = Scene(4, files=False)
    [held] = scene.claim()
    is_saving = threading.Event()

    def save_draft() -> None:
        with transaction.atomic():
            Read.objects.select_for_update(no_key=True).get(pk=held.pk)
            is_saving.set()
            time.sleep(0.3)
        connection.close()

    saver = threading.Thread(target=save_draft)
    saver.start()
    assert is_saving.wait(10)
    claimed = scene.claim(count=3)
    saver.join()
    assert claimed[0].pk == held.pk
    assert len(claimed) == Read.objects.filter(reader=scene.reader).count() == 3
