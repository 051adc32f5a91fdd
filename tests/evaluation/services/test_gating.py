"""The gate: by rule, against the rule, and one live decision a batch."""

import pytest
from django.db import IntegrityError, transaction

from evaluation.models import Decision, GateDecision, Verdict
from evaluation.services import approving, evaluating, gating, image_sets
from generation.models import BatchState, GeneratorState
from synthlab.core.exceptions import Conflict, InvalidInput, NotAllowed
from tests.evaluation.factories import make_evaluation, make_image_set
from tests.factories import make_admin, make_scientist
from tests.generation.factories import make_batch, make_dataset, make_generator

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("verdict", "decision"),
    [
        (Verdict.RELEASE, Decision.RELEASED),
        (Verdict.WITHHOLD, Decision.WITHHELD),
        (Verdict.INSUFFICIENT, Decision.WITHHELD),
    ],
)
def test_the_rule_follows_the_verdict(verdict, decision):
    evaluation = make_evaluation(verdict=verdict)
    made = gating.decide_by_rule(evaluation=evaluation)
    batch = evaluation.image_set.batch
    assert batch is not None
    assert made is not None
    assert (made.decision, made.decided_by) == (decision, None)
    assert gating.is_released(batch) == (decision == Decision.RELEASED)


def test_a_person_overrules_with_a_reason_and_stands():
    batch = make_batch()
    evaluation = make_evaluation(image_set=make_image_set(batch=batch), verdict=Verdict.INSUFFICIENT)
    gating.decide_by_rule(evaluation=evaluation)
    gating.overrule(
        actor=batch.requested_by, batch=batch, decision=Decision.RELEASED, reason="demonstration: one slide"
    )
    assert gating.is_released(batch)
    gating.decide_by_rule(
        evaluation=make_evaluation(image_set=evaluation.image_set, verdict=Verdict.WITHHOLD)
    )
    assert gating.is_released(batch)
    assert GateDecision.objects.filter(batch=batch).count() == 2


def test_overruling_needs_the_owner_and_a_reason():
    batch = make_batch()
    with pytest.raises(NotAllowed):
        gating.overrule(actor=make_scientist(), batch=batch, decision=Decision.RELEASED, reason="mine")
    with pytest.raises(InvalidInput):
        gating.overrule(actor=batch.requested_by, batch=batch, decision=Decision.RELEASED, reason=" ")
    assert not GateDecision.objects.exists()


def test_the_database_holds_one_live_decision_a_batch():
    batch = make_batch()
    gating.overrule(actor=batch.requested_by, batch=batch, decision=Decision.RELEASED, reason="one")
    with pytest.raises(IntegrityError), transaction.atomic():
        GateDecision.objects.create(
            batch=batch, decision=Decision.WITHHELD, decided_by=batch.requested_by, reason="two"
        )


def test_the_database_refuses_a_persons_decision_without_a_reason():
    batch = make_batch()
    with pytest.raises(IntegrityError), transaction.atomic():
        GateDecision.objects.create(batch=batch, decision=Decision.RELEASED, decided_by=batch.requested_by)


def test_a_set_is_frozen_once_and_stays_the_batchs_own():
    batch, running = make_batch(), make_batch(state=BatchState.RUNNING)
    assert make_image_set(batch=batch) == make_image_set(batch=batch)
    with pytest.raises(Conflict):
        image_sets.make_batch_set(actor=running.requested_by, batch=running)
    with pytest.raises(NotAllowed):
        image_sets.make_batch_set(actor=make_scientist(), batch=batch)


def test_every_look_at_the_validation_split_is_counted():
    dataset = make_dataset(per_split=4, groups=2)
    batch = make_batch(generator=make_generator(dataset=dataset, state=GeneratorState.APPROVED))
    image_set = make_image_set(batch=batch)
    looks = [
        evaluating.request_evaluation(actor=dataset.owner, image_set=image_set).look_number for _ in range(3)
    ]
    assert looks == [1, 2, 3]


def test_nothing_is_measured_without_validation_images():
    image_set = make_image_set()
    with pytest.raises(Conflict):
        evaluating.request_evaluation(actor=image_set.dataset.owner, image_set=image_set)


def test_a_policy_is_a_new_version_and_knows_its_thresholds():
    admin = make_admin()
    first = gating.create_policy(actor=admin, name="strict", thresholds={"fd_ratio_max": 1.25})
    second = gating.create_policy(actor=admin, name="strict", thresholds={"fd_ratio_max": 1.1})
    assert (first.version, second.version) == (1, 2)
    assert gating.thresholds_of(second).fd_ratio_max == 1.1
    for bad in ({"nonsense": 1}, {"fd_ratio_max": "low"}, {"fd_ratio_max": -1}, {"fd_ratio_max": True}):
        with pytest.raises(InvalidInput):
            gating.create_policy(actor=admin, name="strict", thresholds=bad)


def test_a_generator_is_approved_on_evidence_or_for_a_reason():
    batch = make_batch(generator=make_generator())
    generator = batch.generator
    with pytest.raises(InvalidInput) as refusal:
        approving.approve_generator(actor=generator.dataset.owner, generator=generator)
    assert refusal.value.code == "evidence_needed"
    make_evaluation(image_set=make_image_set(batch=batch))
    approved = approving.approve_generator(actor=generator.dataset.owner, generator=generator)
    assert "insufficient" in approved.approval_reason


def test_thresholds_of_ones_own_open_no_gate():
    batch, member = make_batch(), make_scientist()
    image_set = make_image_set(batch=batch)
    lax = gating.create_policy(actor=member, name="lax", thresholds={"copies_share_max": None})
    own = make_evaluation(image_set=image_set, verdict=Verdict.RELEASE, requested_by=member, policy=lax)
    assert gating.decide_by_rule(evaluation=own) is None
    weak = make_evaluation(image_set=image_set, verdict=Verdict.RELEASE, requested_by=member)
    assert weak.extractor != gating.DEFAULT_EXTRACTOR
    assert gating.decide_by_rule(evaluation=weak) is None
    assert not GateDecision.objects.exists()
    standard = make_evaluation(
        image_set=image_set,
        verdict=Verdict.RELEASE,
        requested_by=member,
        extractor=gating.DEFAULT_EXTRACTOR,
    )
    assert gating.decide_by_rule(evaluation=standard) is not None
    assert gating.is_released(batch)


def test_only_admins_change_the_default_policy():
    with pytest.raises(NotAllowed):
        gating.create_policy(actor=make_scientist(), name="default", thresholds={"copies_share_max": None})
    assert gating.default_policy().version == 1
    gating.create_policy(actor=make_admin(), name="default", thresholds={"copies_share_max": 0.01})
    assert gating.default_policy().version == 2
