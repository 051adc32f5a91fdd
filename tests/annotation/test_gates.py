"""What stands between a wish and a study: approved generators, the right role, one's own password."""

from __future__ import annotations

from typing import Any

import pytest

from annotation.models import Annotation, Read, ReadKind, ReadState
from annotation.services import assigning, filling, reviewing, studies
from annotation.services.deciding import plan_read
from generation.models import Generator, GeneratorState
from synthlab.core.exceptions import Conflict, InvalidInput
from tests.annotation.calls import claim, submit
from tests.annotation.factories import LABELLED, Scene, make_batch
from tests.annotation.test_queue import expire
from tests.annotation.test_snapshots import accepted_scene, measured
from tests.factories import PASSWORD, client_of

pytestmark = pytest.mark.django_db


def test_a_candidates_images_are_judged_and_not_read():
    scene = Scene(1)
    batch = make_batch(scene.dataset, 1)
    Generator.objects.filter(pk=batch.generator_id).update(
        state=GeneratorState.CANDIDATE, approved_by=None, approved_at=None
    )
    batch.refresh_from_db()
    assert batch not in list(filling.released_batches(scene.study, scene.manager))
    with pytest.raises(Conflict) as refusal:
        filling.fill_study(actor=scene.manager, study=scene.study, batches=[batch])
    assert refusal.value.code == "generator_not_approved"
    assert scene.study.items.count() == 1


def test_images_of_a_generator_that_was_approved_once_stay_good():
    scene = Scene(1)
    batch = make_batch(scene.dataset, 1)
    Generator.objects.filter(pk=batch.generator_id).update(state=GeneratorState.RETIRED)
    batch.refresh_from_db()
    assert filling.fill_study(actor=scene.manager, study=scene.study, batches=[batch]).added == 1


def test_an_adjudication_goes_to_reviewers_only():
    scene = Scene(1)
    read = plan_read(scene.study.items.get(), ReadKind.ADJUDICATION)
    with pytest.raises(InvalidInput) as refusal:
        assigning.assign_reads(actor=scene.manager, study=scene.study, reads=[read], reader=scene.reader)
    assert refusal.value.code == "not_a_reader"
    given = assigning.assign_reads(
        actor=scene.manager, study=scene.study, reads=[read], reader=scene.reviewer
    )
    assert given == 1


def test_a_page_of_items_asks_the_database_no_more_when_full(django_assert_max_num_queries: Any):
    scene = Scene(12, files=False)
    client = client_of(scene.manager)
    client.get("/api/v1/items")
    with django_assert_max_num_queries(14):
        assert len(client.get("/api/v1/items").json()["results"]) == 12


def test_guessing_the_password_of_a_signature_ends_after_five_tries():
    scene = accepted_scene(1)
    snapshot = measured(scene)
    client, url = client_of(scene.manager), f"/api/v1/snapshots/{snapshot.pk}/sign"

    def sign(password: str) -> Any:
        return client.post(url, {"password": password, "meaning": "approved"}, format="json")

    assert [sign(f"guess {number}").status_code for number in range(7)] == [403] * 5 + [429] * 2
    refused = sign(PASSWORD)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_passwords")
    assert int(refused["Retry-After"]) == 300
    snapshot.refresh_from_db()
    assert not snapshot.is_signed


def test_a_page_left_open_cannot_answer_as_the_next_person_at_the_computer():
    scene = Scene(1)
    (read,) = claim(client_of(scene.reader), scene)["reads"]
    expire(Read.objects.get(pk=read["id"]))
    browser = client_of(scene.second)
    assert claim(browser, scene)["reads"][0]["id"] == read["id"]
    refused = submit(browser, read, LABELLED, X_Acting_User=str(scene.reader.pk))
    assert (refused.status_code, refused.json()["code"]) == (401, "other_person")
    assert not Annotation.objects.exists()
    taken = submit(browser, read, LABELLED, X_Acting_User=str(scene.second.pk))
    assert taken.status_code == 200


def test_who_has_left_a_study_sees_and_decides_nothing_in_it_any_more():
    scene = Scene(1)
    (read,) = claim(client := client_of(scene.reader), scene)["reads"]
    url = f"/api/v1/reads/{read['id']}"
    assert client.get(f"{url}/pixels").status_code == 200
    studies.remove_member(actor=scene.manager, study=scene.study, user=scene.reader, role="reader")
    assert client.get(f"{url}/pixels").status_code == 404
    assert client.post(f"{url}/renew").status_code == 409
    late = submit(client, read, LABELLED)
    assert (late.status_code, late.json()["code"], late.json()["kept"]) == (409, "lease_lost", True)
    assert Read.objects.get().state == ReadState.OPEN
    assert [row.author for row in Annotation.objects.kept_late()] == [scene.reader]


def test_a_reviewer_who_leaves_gives_back_what_was_to_be_adjudicated():
    scene = Scene(1)
    read = plan_read(scene.study.items.get(), ReadKind.ADJUDICATION, reader=scene.reviewer, is_assigned=True)
    studies.remove_member(actor=scene.manager, study=scene.study, user=scene.reviewer, role="reviewer")
    read.refresh_from_db()
    assert (read.reader, read.is_assigned, read.state) == (None, False, ReadState.OPEN)


def test_an_answer_of_somebody_who_has_left_is_returned_to_anybody():
    scene = Scene(1)
    (read,) = scene.claim()
    scene.submit(read)
    studies.remove_member(actor=scene.manager, study=scene.study, user=scene.reader, role="reader")
    reviewing.return_(
        actor=scene.reviewer, annotation=Annotation.objects.get(is_final=True), comment="Look again."
    )
    again = Read.objects.get(state=ReadState.OPEN)
    assert (again.reader, again.is_assigned) == (None, False)
    assert again in scene.claim(reader=scene.second)
