"""Pages of annotation: they open for whom they are meant, hold what people need, and tell strangers nothing."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from django.urls import reverse

from annotation.models import Annotation, ItemState, LabelSchema
from annotation.services import exporting, reviewing, signing, snapshots
from tests.annotation.calls import streamed
from tests.annotation.factories import (
    DISCARDED,
    GLAND,
    LABELLED,
    Scene,
    make_evaluation,
    make_signed_snapshot,
)
from tests.annotation.test_queue import expire
from tests.factories import PASSWORD, client_of, make_admin, make_clinician, make_scientist

pytestmark = pytest.mark.django_db


def page(user, name, *args, **query):
    return client_of(user).get(reverse(name, args=args), query)


def text(answer):
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def embedded(answer, name):
    match = re.search(rf'<script id="{name}" type="application/json">(.*?)</script>', text(answer), re.S)
    assert match, f"the page holds no {name}"
    return json.loads(match[1])


def test_a_list_without_studies_says_what_to_do():
    assert "Make a study" in text(page(make_scientist(), "study-pages"))
    assert "asks you to read" in text(page(make_clinician(), "study-pages"))


def test_the_list_and_page_of_a_study_for_each_role():
    scene = Scene(2)
    for user, words in (
        (scene.reader, ["Start reading", "0 of 2 images done"]),
        (scene.reviewer, ["0 readings wait"]),
        (scene.manager, ["In the study", "2 waiting", "People", "Pause"]),
    ):
        assert scene.study.title in text(page(user, "study-pages"))
        body = text(page(user, "study-page", scene.study.pk))
        assert [word for word in words if word not in body] == []
    assert "People" not in text(page(scene.reader, "study-page", scene.study.pk))


def test_a_draft_tells_how_to_begin_and_can_be_opened_when_ready():
    scene = Scene(1)
    type(scene.study).objects.update(state="draft")
    assert reverse("study-open", args=[scene.study.pk]) in text(
        page(scene.manager, "study-page", scene.study.pk)
    )


def test_a_new_study_offers_schemas_and_data_sets():
    scene = Scene(1)
    body = text(page(scene.manager, "study-new"))
    assert str(scene.study.schema) in body
    assert scene.dataset.name in body
    assert (
        "First, a label schema" in text(page(make_scientist(), "study-new")) or LabelSchema.objects.exists()
    )
    assert "made by data scientists" in text(page(make_clinician(), "study-new"))


def test_a_schema_is_written_in_lines():
    client = client_of(make_admin())
    body = {
        "name": "Glands",
        "mode": "one",
        "classes": "DAB-positive gland | box\nStroma | polygon optional | point\n",
        "sites": "Colon\n",
        "discard_reasons": "Not realistic\nBlurred",
    }
    assert client.post(reverse("schema-pages"), body).status_code == 302
    schema = LabelSchema.objects.get()
    gland, stroma, normal, unsure = schema.classes.all()
    assert (gland.key, gland.box) == ("dab_positive_gland", "required")
    assert (stroma.polygon, stroma.point) == ("optional", "required")
    assert (normal.kind, unsure.kind) == ("normal", "cannot_assess")
    assert "Glands v1" in text(client.get(reverse("schema-pages")))
    wrong = client.post(reverse("schema-pages"), {**body, "classes": "Gland | lasso"})
    assert wrong.status_code == 422
    assert "lasso" in wrong.content.decode()
    twice = client.post(reverse("schema-pages"), {**body, "classes": "Gland\nGland"})
    assert "stands twice" in twice.content.decode()
    assert LabelSchema.objects.count() == 1
    refused = client_of(make_clinician()).post(reverse("schema-pages"), body)
    assert refused.status_code == 422


def test_the_workbench_starts_from_its_data():
    scene = Scene(1)
    data = embedded(page(scene.reader, "workbench", scene.study.pk), "workbench-data")
    assert data["urls"]["claim"] == reverse("study-claim", args=[scene.study.pk])
    assert data["urls"]["reads"] == "/api/v1/reads"
    assert data["user"] == {"id": str(scene.reader.pk), "username": scene.reader.username}
    assert data["lease"] == {"renew_every_seconds": 60, "seconds": 900}
    gland = data["schema"]["classes"][0]
    assert set(gland) == {"key", "title", "colour", "kind", "key_hint", "region_kinds"}
    assert gland["region_kinds"] == {
        "box": "required",
        "polygon": "optional",
        "point": "none",
        "mask": "none",
    }
    assert data["schema"]["discard_reasons"][1] == {"key": "blurred", "title": "Blurred", "key_hint": "2"}
    assert page(scene.manager, "workbench", scene.study.pk).status_code == 404


def test_the_review_page_shows_what_waits_and_hides_own_readings():
    scene = Scene(2)
    annotation = scene.submit(scene.claim()[0], GLAND)
    scene.submit(scene.claim()[0], DISCARDED)
    answer = page(scene.reviewer, "review-page", scene.study.pk)
    data = embedded(answer, "review-data")
    shown = {row["answers"][0]["annotation"]: row for row in data["items"]}
    row = shown[str(annotation.pk)]
    assert row["pixels_url"] == reverse("read-pixels", args=[annotation.read_id])
    assert row["answers"][0]["regions"][0]["geometry"] == {"x": 2.0, "y": 3.0, "width": 6.0, "height": 5.0}
    assert scene.reader.username not in text(answer)
    assert str(annotation.read.item.synthetic_image_id) not in text(answer)
    from annotation.services.studies import add_member

    add_member(actor=scene.manager, study=scene.study, user=scene.reader, role="reviewer")
    own = text(page(scene.reader, "review-page", scene.study.pk))
    assert "Your own, which somebody else must look at: 2." in own
    assert page(scene.manager, "review-page", scene.study.pk).status_code == 404


def test_an_empty_review_queue_says_so():
    scene = Scene(1)
    assert "Nothing to review" in text(page(scene.reviewer, "review-page", scene.study.pk))


def test_results_tell_by_whom_and_why_and_can_be_filtered():
    scene = Scene(3)
    first = scene.submit(scene.claim()[0], GLAND)
    scene.accept(first)
    second = scene.submit(scene.claim()[0], DISCARDED)
    reviewing.return_(
        actor=scene.reviewer, annotation=second, comment="=HYPERLINK(1);@SUM(1)", point={"x": 2, "y": 3.5}
    )
    scene.submit(scene.claim()[0], DISCARDED)
    body = text(page(scene.manager, "result-page", scene.study.pk))
    assert scene.reader.username in body
    assert "accept by" in body
    assert "Artefact" in body
    for query, count in (
        ({}, 3), ({"state": "accepted"}, 1), ({"state": "returned"}, 1), ({"reason": "artefact"}, 2),
        ({"verdict": "return"}, 1), ({"verdict": "none"}, 1), ({"verdict": "x"}, 0), ({"verdict": "accept", "state": "returned"}, 0),
        ({"reviewer": str(scene.reviewer.pk)}, 2), ({"reviewer": str(scene.manager.pk)}, 0),
        ({"class": "gland"}, 1), ({"class": "glan"}, 0), ({"reader": str(scene.second.pk)}, 0), ({"reader": "x"}, 3),
    ):  # fmt: skip
        answer = client_of(scene.manager).get(reverse("result-table", args=[scene.study.pk]), query)
        rows = list(csv.DictReader(io.StringIO(streamed(answer).decode())))
        assert len(rows) == count, query
        assert all(not re.search(r"(^|;)\s*[=+@-]", value) for row in rows for value in row.values())
    answer = client_of(scene.manager).get(
        reverse("result-table", args=[scene.study.pk]), {"verdict": "return"}
    )
    (row,) = csv.DictReader(io.StringIO(streamed(answer).decode()))
    assert (row["review_x"], row["review_y"], row["reviewer"]) == ("2.0", "3.5", scene.reviewer.username)
    assert (row["review_reason"], row["idle_seconds"], row["counts"]) == ("returned", "0.0", "no")
    assert page(scene.reader, "result-page", scene.study.pk).status_code == 404
    assert "No answers here" in text(page(scene.manager, "result-page", scene.study.pk, state="disputed"))


def test_late_answers_are_offered_to_the_manager():
    scene = Scene(1)
    (read,) = scene.claim()
    expire(read)
    scene.claim(scene.second)
    client_of(scene.reader).post(
        f"/api/v1/reads/{read.pk}/submit", LABELLED, format="json", headers={"If-Match": '"0"'}
    )
    late = Annotation.objects.kept_late().get()
    body = text(page(scene.manager, "study-page", scene.study.pk))
    assert reverse("study-use-late-answer", args=[scene.study.pk, late.pk]) in body


def test_snapshots_from_preview_to_download():
    scene = Scene(2, approval_policy="as_read")
    assert "nothing to freeze" in text(page(scene.manager, "snapshot-pages", scene.study.pk))
    scene.answer_all(GLAND)
    assert "2 images accepted" in text(page(scene.manager, "snapshot-pages", scene.study.pk))
    assert "Freeze 2 images" in text(page(scene.manager, "snapshot-new", scene.study.pk))
    snapshot = snapshots.create_snapshot(actor=scene.manager, study=scene.study, name="First")
    body = text(page(scene.manager, "snapshot-page", snapshot.pk))
    assert "Measuring the approved set" in body
    assert "can be signed once" in body
    make_evaluation(snapshot.image_set, scene.manager)
    assert "Your password" in text(page(scene.manager, "snapshot-page", snapshot.pk))
    signed = signing.sign_snapshot(
        actor=scene.manager, snapshot=snapshot, password=PASSWORD, meaning="approved"
    )
    exporting.request_export(actor=scene.manager, snapshot=signed)
    body = text(page(scene.manager, "snapshot-page", snapshot.pk))
    assert "The signature holds" in body
    assert "Writing the archive" in body
    for user in (scene.reader, scene.reviewer, make_admin()):
        assert page(user, "snapshot-page", snapshot.pk).status_code == 404


def test_a_void_signature_is_shown_as_such():
    scene = Scene(3)
    snapshot = make_signed_snapshot(scene, PASSWORD)
    Annotation.objects.filter(is_final=True).update(site="colon")
    body = text(page(scene.manager, "snapshot-page", snapshot.pk))
    assert "The signature is void" in body
    assert reverse("export-list") not in body


def test_the_home_page_tells_each_person_what_to_do_next():
    scene = Scene(2)
    assert "Start reading" in text(page(scene.reader, "home"))
    scene.submit(scene.claim()[0], GLAND)
    assert "Go on reading" in text(page(scene.reader, "home"))
    assert "Review them" in text(page(scene.reviewer, "home"))
    assert scene.study.items.filter(state=ItemState.REVIEW).count() == 1


@pytest.mark.parametrize(
    "name", ["study-page", "workbench", "review-page", "result-page", "result-table", "snapshot-pages"]
)
def test_pages_of_a_study_do_not_exist_for_strangers_and_ask_the_anonymous_to_log_in(name):
    scene = Scene(1)
    for stranger in (make_clinician(), make_scientist(), make_admin()):
        assert page(stranger, name, scene.study.pk).status_code == 404
    answer = page(None, name, scene.study.pk)
    assert answer.status_code == 302
    assert "login" in answer["Location"]
