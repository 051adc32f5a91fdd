"""Eight processes at one queue: every read once, no image twice to one reader, nothing lost."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

import pytest

from annotation.models import Annotation, Item, Read, ReadState
from synthlab.accounts.models import User
from synthlab.core.audit import study_chain, verify_chain
from synthlab.core.invariants import find_violations
from tests.annotation.factories import Scene
from tests.concurrency.checking import ANSWERED, OVER_ASSIGNED
from tests.concurrency.http_readers import add_readers

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


def race(env, repository, scene: Scene, readers: list[User], **spec) -> list[list[str]]:
    given = {"study": str(scene.study.pk), "readers": [str(user.pk) for user in readers], "count": 3, **spec}
    done = subprocess.run(
        [sys.executable, "-m", "tests.concurrency.claimants", json.dumps(given)],
        cwd=repository, env=env, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line]


def test_eight_processes_claim_250_reads_each_and_none_is_handed_out_twice(live_database_env, repository):
    scene = Scene(2000, files=False)
    readers = add_readers(scene, 8)
    got = race(live_database_env, repository, scene, readers, wanted=250, answer="mark")
    assert [len(reads) for reads in got] == [250] * 8
    assert len({read for reads in got for read in reads}) == 2000
    for user, reads in zip(readers, got, strict=True):
        assert set(Read.objects.filter(reader=user).values_list("pk", flat=True)) == {
            read.pk for read in Read.objects.filter(pk__in=reads)
        }
    assert not Read.objects.exclude(state=ReadState.SUBMITTED).exists()
    assert list(find_violations(OVER_ASSIGNED)) == []


def test_two_readers_an_image_and_two_tabs_a_reader_give_nobody_an_image_twice(live_database_env, repository):
    scene = Scene(120, files=False, reads_per_item=2)
    readers = add_readers(scene, 4)
    got = race(live_database_env, repository, scene, [*readers, *readers], wanted=240, answer="mark")
    assert sum(len(reads) for reads in got) == 240
    pairs = Counter(Read.objects.filter(state=ReadState.SUBMITTED).values_list("item", "reader"))
    assert len(pairs) == 240
    assert set(pairs.values()) == {1}
    assert list(find_violations(OVER_ASSIGNED)) == []


def test_answers_given_at_once_are_all_kept_and_every_item_is_settled(live_database_env, repository):
    scene = Scene(60, files=False, reads_per_item=2, approval_policy="as_read")
    readers = add_readers(scene, 8)
    got = race(live_database_env, repository, scene, readers, wanted=60, answer="submit", count=1)
    assert sum(len(reads) for reads in got) == 120
    assert Annotation.objects.filter(is_final=True).count() == 120
    assert set(Item.objects.values_list("state", flat=True)) == {"accepted"}
    assert verify_chain(study_chain(scene.study)).intact
    assert list(find_violations(ANSWERED)) == []
