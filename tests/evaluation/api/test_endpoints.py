"""Every endpoint of evaluation, asked by everybody, and with what cannot be."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from evaluation.models import Decision, Evaluation, GateDecision, GatePolicy, ImageSet
from evaluation.services import gating
from generation.models import Batch, BatchState, GeneratorState, SourceImage, SyntheticImage
from synthlab.core.models import AuditEvent, Job
from tests.evaluation.factories import add_numbers, flag_as_copy, make_evaluation, make_image_set
from tests.generation.api.test_bad_input import refused
from tests.generation.api.test_who_may import OWNS, SEES, USES, check, look
from tests.generation.cast import ROLES, Cast
from tests.generation.factories import make_batch, make_dataset, make_generator
from tests.present import present


@pytest.fixture
def batch(cast: Cast) -> Batch:
    return make_batch(generator=make_generator(dataset=cast.dataset))


def test_looking(cast: Cast, batch: Batch) -> None:
    evaluation = make_evaluation(image_set=make_image_set(batch=batch))
    gating.decide_by_rule(evaluation=evaluation)
    for url in (
        f"image-sets/{evaluation.image_set_id}",
        f"evaluations/{evaluation.pk}",
        f"evaluations/{evaluation.pk}/report",
        f"evaluations/{evaluation.pk}/scores",
        f"batches/{batch.pk}/decision",
    ):
        check(cast, partial(look, url), SEES)
    for name in ("image-sets", "evaluations"):
        for role in ROLES[:-1]:
            rows = cast.client(role).get(f"/api/v1/{name}").json()["results"]
            assert len(rows) == (1 if role in SEES else 0), (name, role)


def test_evaluating_is_for_those_who_may_use_the_data_set(cast: Cast, batch: Batch) -> None:
    check(cast, lambda: ("post", "evaluations", {"batch": str(batch.pk), "extractor": "random-conv"}), USES)
    assert [row.look_number for row in Evaluation.objects.order_by("look_number")] == [1, 2]
    assert ImageSet.objects.count() == 1


def test_a_viewer_who_may_not_evaluate_leaves_no_image_set(cast: Cast, batch: Batch) -> None:
    before = AuditEvent.objects.count()
    refused(
        cast.client("viewer").post("/api/v1/evaluations", {"batch": str(batch.pk)}, format="json"),
        403,
        "members_only",
    )
    assert not ImageSet.objects.exists()
    assert AuditEvent.objects.count() == before


def test_only_the_owner_decides(cast: Cast, batch: Batch) -> None:
    body = {"decision": "released", "reason": "demonstration: one slide"}
    check(
        cast,
        lambda: ("post", f"batches/{batch.pk}/decision", body),
        {"owner": 201, "member": 403, "viewer": 403},
    )
    decision = GateDecision.objects.get()
    assert (decision.decision, decision.decided_by) == (Decision.RELEASED, cast.dataset.owner)


def test_only_the_owner_approves(cast: Cast, batch: Batch) -> None:
    url = f"generators/{batch.generator_id}/approve"
    refused(cast.client("owner").post(f"/api/v1/{url}", {}, format="json"), 422, "evidence_needed")
    check(cast, lambda: ("post", url, {"reason": "shown to two pathologists"}), OWNS)
    batch.generator.refresh_from_db()
    assert batch.generator.state == GeneratorState.APPROVED
    refused(
        cast.client("owner").post(f"/api/v1/{url}", {"reason": "again"}, format="json"),
        409,
        "generator_not_candidate",
    )


@pytest.mark.parametrize(
    ("role", "status"),
    [
        ("owner", 201),
        ("outsider", 201),
        ("admin", 201),
        ("viewer", 403),
        ("clinician", 403),
        ("anonymous", 401),
    ],
)
def test_policies(cast: Cast, role: str, status: int) -> None:
    client = cast.client(role)
    body = {"name": "strict", "thresholds": {"fd_ratio_max": 1.2}}
    response = client.post("/api/v1/gate-policies", body, format="json")
    assert response.status_code == status
    assert GatePolicy.objects.filter(name="strict").count() == (status == 201)
    if status == 201:
        again = client.post("/api/v1/gate-policies", body, format="json")
        assert again.json()["version"] == 2
        assert client.get(f"/api/v1/gate-policies/{again.json()['id']}").status_code == 200
        assert len(client.get("/api/v1/gate-policies?name=strict").json()["results"]) == 2


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_input"),
        ({"name": "x"}, "invalid_input"),
        ({"name": "x", "thresholds": {"beauty": 1}}, "bad_threshold"),
        ({"name": "x", "thresholds": {"fd_ratio_max": "low"}}, "bad_threshold"),
        ({"name": "x", "thresholds": {"fd_ratio_max": -1}}, "bad_threshold"),
        ({"name": "x", "thresholds": {"fd_ratio_max": True}}, "bad_threshold"),
        ({"name": "x", "thresholds": [1]}, "invalid_input"),
    ],
)
def test_bad_policies(cast: Cast, body: dict[str, Any], code: str) -> None:
    refused(cast.client("owner").post("/api/v1/gate-policies", body, format="json"), 422, code)
    assert not GatePolicy.objects.exists()


def test_bad_evaluations(cast: Cast, batch: Batch) -> None:
    client = cast.client("owner")
    image_set = make_image_set(batch=batch)
    running = make_batch(generator=batch.generator, state=BatchState.RUNNING)
    theirs = make_batch(generator=make_generator(dataset=make_dataset(per_split=4)))
    plain = make_batch(generator=make_generator(dataset=make_dataset(owner=cast.dataset.owner)))
    jobs = Job.objects.count()
    for body, status, code in (
        ({}, 422, "invalid_input"),
        ({"batch": str(batch.pk), "image_set": str(image_set.pk)}, 422, "invalid_input"),
        ({"batch": str(batch.pk), "extractor": "inception"}, 422, "invalid_input"),
        ({"batch": str(batch.pk), "seed": -1}, 422, "invalid_input"),
        ({"batch": str(batch.pk), "seed": 10**400}, 422, "invalid_input"),
        ({"batch": "b"}, 422, "invalid_input"),
        ({"batch": str(batch.pk), "polcy": str(uuid4())}, 422, "invalid_input"),
        ({"batch": str(batch.pk), "policy": str(uuid4())}, 404, "not_found"),
        ({"batch": str(uuid4())}, 404, "not_found"),
        ({"batch": str(theirs.pk)}, 404, "not_found"),
        ({"batch": str(running.pk)}, 409, "batch_not_finished"),
        ({"batch": str(plain.pk)}, 409, "no_validation_split"),
    ):
        refused(client.post("/api/v1/evaluations", body, format="json"), status, code)
    assert not Evaluation.objects.exists()
    assert ImageSet.objects.count() == 1
    assert Job.objects.count() == jobs


def test_bad_decisions(cast: Cast, batch: Batch) -> None:
    client = cast.client("owner")
    url = f"/api/v1/batches/{batch.pk}/decision"
    refused(client.get(url), 404, "not_found")
    for body in (
        {},
        {"decision": "released"},
        {"decision": "released", "reason": "  "},
        {"decision": "maybe", "reason": "x"},
    ):
        refused(client.post(url, body, format="json"), 422, "invalid_input")
    running = make_batch(generator=batch.generator, state=BatchState.RUNNING)
    wish = {"decision": "released", "reason": "early"}
    refused(
        client.post(f"/api/v1/batches/{running.pk}/decision", wish, format="json"), 409, "batch_not_finished"
    )
    assert not GateDecision.objects.exists()


def flagged_pair(cast: Cast, batch: Batch) -> tuple[SyntheticImage, SourceImage, Evaluation]:
    image, nearest = present(batch.images.first()), present(cast.dataset.images.first())
    return image, nearest, flag_as_copy(image, nearest, "copy").evaluation


def test_flagged_images_are_listed_and_their_real_neighbours_named_only_with_the_grant(
    cast: Cast, batch: Batch
) -> None:
    image, nearest, evaluation = flagged_pair(cast, batch)
    url = f"evaluations/{evaluation.pk}/copies"
    check(cast, partial(look, url), SEES)
    for role, named in (("owner", str(nearest.pk)), ("member", None), ("viewer", None)):
        [row] = cast.client(role).get(f"/api/v1/{url}").json()["results"]
        assert (row["image"], row["nearest"], row["review"]) == (str(image.pk), named, None)


def test_who_may_see_real_images_clears_a_pair(cast: Cast, batch: Batch) -> None:
    image, nearest, evaluation = flagged_pair(cast, batch)
    body = {"nearest": str(nearest.pk), "verdict": "cleared", "reason": "Another gland."}
    check(
        cast,
        lambda: ("post", f"images/{image.pk}/copy-review", body),
        {"owner": 201, "member": 403, "viewer": 403},
    )
    [row] = cast.client("owner").get(f"/api/v1/evaluations/{evaluation.pk}/copies").json()["results"]
    assert row["review"] == "cleared"
    for bad in ({}, {**body, "nearest": "x"}, {**body, "verdict": "maybe"}, {**body, "more": 1}):
        refused(
            cast.client("owner").post(f"/api/v1/images/{image.pk}/copy-review", bad, format="json"),
            422,
            "invalid_input",
        )


def test_each_look_at_the_validation_images_is_counted_and_told(cast: Cast, batch: Batch) -> None:
    owner, url = cast.client("owner"), f"/api/v1/datasets/{cast.dataset.pk}"
    assert owner.get(url).json()["validation_looks"] == 0
    image_set = make_image_set(batch=batch)
    evaluation = make_evaluation(image_set=image_set)
    make_evaluation(image_set=image_set)
    make_evaluation()  # of another data set
    assert owner.get(url).json()["validation_looks"] == 2
    report = owner.get(f"/api/v1/evaluations/{evaluation.pk}/report").json()
    assert (report["look_number"], report["looks"]) == (1, {"count": 2, "generators": 1})
    assert "looked at 2 times" in owner.get(f"/datasets/{cast.dataset.pk}/").content.decode()
    page = owner.get(f"/evaluations/{evaluation.pk}/").content.decode()
    assert "look 1 of 2 at the validation split so far, over 1 generator." in page


def test_a_report_answers_in_words_and_links_each_number_to_its_explanation(cast: Cast, batch: Batch) -> None:
    owner, evaluation = cast.client("owner"), make_evaluation(image_set=make_image_set(batch=batch))
    add_numbers(evaluation)
    answer = owner.get(f"/api/v1/evaluations/{evaluation.pk}/report").json()
    told = answer["summary"]
    assert (told["headline"], told["clinicians"]) == ("Too little real data to say", None)
    assert set(told["answers"]) == {"fidelity", "diversity", "copying", "privacy", "utility"}
    assert all(row["sentence"] for row in told["answers"].values())
    for metric, address in told["explanations"].items():
        page, anchor = address.split("#")
        assert f'id="{anchor}"' in owner.get(page).content.decode(), metric
    html = owner.get(f"/evaluations/{evaluation.pk}/").content.decode()
    assert all(f'href="{address}"' in html for address in told["explanations"].values())
