"""Release: by rule from an evaluation's verdict, or by a person with a reason."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from evaluation.ml.judge import Policy
from evaluation.models import Decision, Evaluation, GateDecision, GatePolicy, Verdict
from evaluation.services.image_sets import drift_of
from generation.models import Batch, BatchState, ImageDecision
from generation.services.access import is_owner, require_owner
from synthlab.accounts.models import User
from synthlab.core.audit import dataset_chain, record_event
from synthlab.core.exceptions import Conflict, InvalidInput, NotAllowed

DEFAULT_POLICY = "default"
DEFAULT_EXTRACTOR = "efficientnet-lite0"


def thresholds_of(policy: GatePolicy) -> Policy:
    """The policy's thresholds as the pure judge takes them."""
    return Policy.from_mapping(policy.thresholds)


@transaction.atomic
def default_policy() -> GatePolicy:
    """The newest version of the default policy; made from the judge's own defaults at first use."""
    newest = GatePolicy.objects.filter(name=DEFAULT_POLICY).order_by("-version").first()
    if newest:
        return newest
    policy, _ = GatePolicy.objects.get_or_create(
        name=DEFAULT_POLICY, version=1, defaults={"thresholds": Policy().to_mapping()}
    )
    return policy


def newest_policies() -> list[GatePolicy]:
    """The newest version of each policy, the default one first."""
    default = default_policy()
    newest: dict[str, GatePolicy] = {}
    for policy in GatePolicy.objects.select_related("created_by").order_by("name", "-version"):
        newest.setdefault(policy.name, policy)
    return sorted(newest.values(), key=lambda policy: (policy != default, policy.name))


def may_set_thresholds(person: User, name: str = "") -> bool:
    """Whether a person may save a version of a policy: the default one judges the batches of everybody who names no other."""
    return person.is_admin or (person.is_scientist and name != DEFAULT_POLICY)


def judged_by(name: str, version: int | None = None) -> int:
    """How many evaluations a policy, or one version of it, has judged."""
    rows = Evaluation.objects.filter(policy__name=name, verdict__gt="")
    return (rows if version is None else rows.filter(policy__version=version)).count()


@transaction.atomic
def create_policy(*, actor: User, name: str, thresholds: dict[str, Any]) -> GatePolicy:
    """A new version of a policy; what is not named keeps the judge's default.

    Raises:
        NotAllowed: The actor is neither scientist nor admin, or no admin and would change the house's default.
        InvalidInput: An unknown threshold, or a value that is not a number.
        Conflict: Somebody saved a version at the same moment.
    """
    if not may_set_thresholds(actor):
        raise NotAllowed("scientists_only", "Only data scientists and admins set thresholds.")
    if not may_set_thresholds(actor, name):
        raise NotAllowed("admins_only", "Only an admin changes the default policy of the house.")
    try:
        whole = Policy.from_mapping(thresholds).to_mapping()
    except ValueError as error:
        raise InvalidInput("bad_threshold", f"thresholds: {error}.") from error
    last = GatePolicy.objects.filter(name=name).aggregate(last=Max("version"))["last"] or 0
    try:
        with transaction.atomic():
            policy = GatePolicy.objects.create(
                name=name, version=last + 1, thresholds=whole, created_by=actor
            )
    except IntegrityError as error:
        raise Conflict(
            "policy_version_taken", "Somebody saved a version of this policy at the same moment. Try again."
        ) from error
    record_event(
        chain="site",
        actor=actor,
        action="gate_policy.created",
        target=policy,
        facts={"version": policy.version, "thresholds": policy.thresholds},
        personal={"name": name},
    )
    return policy


@transaction.atomic
def decide_by_rule(*, evaluation: Evaluation) -> GateDecision | None:
    """Release a batch on verdict `release`, withhold it otherwise; a person's live decision stands.

    An approved set has no gate: None. Nor has a measurement by other rules than the house's that somebody asked for who
    may not release: thresholds of one's own choice would open any gate.
    """
    batch = evaluation.image_set.batch
    if batch is None or not _may_decide(evaluation):
        return None
    _lock(batch)
    standing = GateDecision.objects.live().filter(batch=batch).first()
    if standing and standing.decided_by_id:
        return standing
    released = evaluation.verdict == Verdict.RELEASE
    reasons = list(evaluation.reasons)
    if restored := drift_of(evaluation.image_set).restored:
        # What was measured is less than what the batch holds now.
        released = False
        reasons.append(f"images were taken back that were not measured: {restored}; evaluate again")
    return _decide(
        batch=batch,
        evaluation=evaluation,
        decision=Decision.RELEASED if released else Decision.WITHHELD,
        actor=None,
        reason="; ".join(reasons),
    )


def _may_decide(evaluation: Evaluation) -> bool:
    standard = evaluation.policy == default_policy() and evaluation.extractor == DEFAULT_EXTRACTOR
    return standard or is_owner(evaluation.requested_by, evaluation.dataset)


@transaction.atomic
def overrule(*, actor: User, batch: Batch, decision: str, reason: str) -> GateDecision:
    """Release or withhold a batch against or without the rule: a person takes it on, and says why.

    Raises:
        NotAllowed: The actor does not own the data set.
        InvalidInput: No reason was given.
        Conflict: The batch has not finished.
    """
    require_owner(actor, batch.generator.dataset)
    if batch.state != BatchState.SUCCEEDED:
        raise Conflict(
            "batch_not_finished", f"This batch is {batch.state}; decide when all of its images are there."
        )
    if not reason.strip():
        raise InvalidInput("reason_needed", "Say why; the reason is kept beside the batch for good.")
    latest = Evaluation.objects.filter(image_set__batch=batch, verdict__gt="").first()
    return _decide(batch=batch, evaluation=latest, decision=decision, actor=actor, reason=reason.strip())


@transaction.atomic
def revoke_release(*, actor: User, batch: Batch, restored: Collection[ImageDecision]) -> bool:
    """End a live release that was not about images which have just been taken back; returns whether it did.

    A rule released the list that it measured. A person released what the batch held at that moment.

    Args:
        actor: Who took the images back.
        batch: Locked by the caller.
        restored: The decisions by which these images had been out.
    """
    live = GateDecision.objects.live().filter(batch=batch, decision=Decision.RELEASED)
    release = live.select_related("evaluation__image_set__batch").first()
    if release is None:
        return False
    if release.decided_by_id is None and release.evaluation is not None:
        stale = drift_of(release.evaluation.image_set).restored > 0
    else:
        stale = any(discard.created_at <= release.created_at for discard in restored)
    if not stale:
        return False
    GateDecision.objects.live().filter(pk=release.pk).update(superseded_at=timezone.now())
    record_event(
        chain=dataset_chain(batch.generator.dataset),
        actor=actor,
        action="batch.release_ended",
        target=batch,
        facts={"decision": str(release.pk), "why": "images_restored"},
    )
    return True


def _decide(
    *, batch: Batch, evaluation: Evaluation | None, decision: str, actor: User | None, reason: str
) -> GateDecision:
    _lock(batch)
    GateDecision.objects.live().filter(batch=batch).update(superseded_at=timezone.now())
    made = GateDecision.objects.create(
        batch=batch, evaluation=evaluation, decision=decision, decided_by=actor, reason=reason
    )
    record_event(
        chain=dataset_chain(batch.generator.dataset),
        actor=actor,
        action=f"batch.{decision}",
        target=batch,
        facts={
            "by": "person" if actor else "rule",
            "evaluation": str(evaluation.pk) if evaluation else None,
        },
        personal={"reason": reason} if actor else {},
    )
    return made


def _lock(batch: Batch) -> None:
    """Of two decisions made together the later one sees the earlier."""
    Batch.objects.select_for_update(no_key=True).get(pk=batch.pk)


def is_released(batch: Batch) -> bool:
    """Whether studies may fill from this batch."""
    return GateDecision.objects.live().filter(batch=batch, decision=Decision.RELEASED).exists()
