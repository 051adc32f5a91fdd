"""Pages of the gate's thresholds: who sees a form, and that a form's body makes a new version."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from evaluation.ml.judge import Policy
from evaluation.models import GatePolicy
from evaluation.services import gating
from tests.evaluation.factories import make_evaluation
from tests.factories import make_admin
from tests.generation.cast import Cast
from tests.generation.factories import make_batch, make_generator

pytestmark = pytest.mark.django_db
LIST = "gate-policy-pages"


def test_the_default_is_called_provisional_until_an_admin_has_set_it() -> None:
    cast = Cast()
    policy = gating.default_policy()
    url = reverse("gate-policy-page", args=[policy.pk])
    assert "provisional" in cast.client("owner").get(reverse(LIST)).content.decode()
    page = cast.client("owner").get(url).content.decode()
    assert "provisional" in page
    assert "Change thresholds" not in page
    assert "Change thresholds" in cast.client("admin").get(url).content.decode()
    newer = gating.create_policy(actor=make_admin(), name="default", thresholds={"fd_ratio_max": 1.5})
    assert not newer.is_provisional
    page = cast.client("admin").get(reverse("gate-policy-page", args=[newer.pk])).content.decode()
    assert "provisional" not in page
    assert "default v1" in page
    assert "Change thresholds" not in cast.client("admin").get(url).content.decode(), (
        "only the newest is changed"
    )


def test_every_threshold_has_its_meaning_and_its_field() -> None:
    cast = Cast()
    page = (
        cast.client("admin")
        .get(reverse("gate-policy-page", args=[gating.default_policy().pk]))
        .content.decode()
    )
    names = re.findall(r'name="thresholds\.(\w+)"[^>]*data-empty="null"', page)
    assert set(names) == set(Policy().to_mapping())


def test_who_may_add_one_sees_the_form() -> None:
    cast = Cast()
    for role, status, form in (
        ("owner", 200, True),
        ("admin", 200, True),
        ("clinician", 200, False),
        ("anonymous", 302, False),
    ):
        answer = cast.client(role).get(reverse(LIST))
        assert answer.status_code == status
        assert ("Another policy" in answer.content.decode()) == form, role


def test_the_version_that_judged_an_evaluation_is_kept() -> None:
    cast = Cast()
    first = gating.default_policy()
    evaluation = make_evaluation()
    gating.create_policy(actor=make_admin(), name="default", thresholds={"fd_ratio_max": 1.5})
    evaluation.refresh_from_db()
    assert evaluation.policy == first
    assert gating.judged_by("default", 1) == 1
    assert gating.judged_by("default", 2) == 0
    page = cast.client("owner").get(reverse("gate-policy-page", args=[first.pk])).content.decode()
    assert "judged 1 evaluation" in page


def test_the_batch_page_lets_one_choose_among_the_newest_policies() -> None:
    cast = Cast()
    batch = make_batch(generator=make_generator(dataset=cast.dataset))
    url = reverse("batch-page", args=[batch.pk])
    only = cast.client("owner").get(url).content.decode()
    assert "evaluate-policy" not in only, "there is nothing to choose"
    first = gating.create_policy(
        actor=cast.dataset.owner, name="strict", thresholds={"membership_tpr_1_max": 0.02}
    )
    second = gating.create_policy(
        actor=cast.dataset.owner, name="strict", thresholds={"membership_tpr_1_max": 0.01}
    )
    page = cast.client("owner").get(url).content.decode()
    offered = re.findall(r'<option value="([^"]+)">(\w+ v\d)', page)
    assert offered == [(str(gating.default_policy().pk), "default v1"), (str(second.pk), "strict v2")]
    assert str(first.pk) not in page
    assert "where the owner of the data set asks" not in page
    assert "where the owner of the data set asks" in cast.client("member").get(url).content.decode()
    body = {"batch": str(batch.pk), "policy": str(second.pk)}
    asked = cast.client("owner").post("/api/v1/evaluations", body, format="json")
    assert (asked.status_code, asked.json()["policy"]) == (202, str(second.pk))


def test_a_threshold_that_is_not_judged_is_null_over_rest() -> None:
    cast = Cast()
    body = {"name": "mild", "thresholds": {"copies_share_max": None, "fd_ratio_max": 3}}
    made = cast.client("owner").post("/api/v1/gate-policies", body, format="json").json()
    assert made["thresholds"]["copies_share_max"] is None
    assert (made["is_provisional"], made["created_by"]) == (False, str(cast.dataset.owner.pk))
    assert GatePolicy.objects.get(name="mild").thresholds["fd_ratio_max"] == 3
