"""Snapshots: the accepted images of a study frozen, and their measurement asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db import transaction

from annotation.export.rows import MemberRow
from annotation.models import Annotation, ItemState, Snapshot, SnapshotItem, Study
from annotation.services.access import require_manager
from annotation.services.holding import hold_from_the_start
from annotation.services.measuring import freeze_images, lock_accepted, nothing_accepted
from annotation.services.planning import Plan, count_states, plan_snapshot
from annotation.services.releases import describe_members, describe_source, digest_members, readers_of
from annotation.services.splitting import refuse_empty
from evaluation.models import Evaluation, EvaluationState
from evaluation.services.evaluating import request_approved_evaluation
from evaluation.services.gating import DEFAULT_EXTRACTOR
from generation.models import Dataset, SourceImage, SyntheticImage
from synthlab.accounts.models import User
from synthlab.core.audit import record_event, study_chain
from synthlab.core.exceptions import Conflict, InvalidInput
from synthlab.core.models import AuditChain

_CHUNK = 2000


@transaction.atomic
def create_snapshot(
    *,
    actor: User,
    study: Study,
    name: str,
    filters: Mapping[str, Any] | None = None,
    splits: Mapping[str, Any] | None = None,
) -> Snapshot:
    """Freeze the accepted synthetic images of a study, and ask for the measurement of the set.

    Args:
        actor: A manager of the study.
        study: Of any state; what is accepted later is not in it.
        name: What people call it.
        filters: Which of them: see `check_filters`. `preview_snapshot` tells what they would take.
        splits: `{"seed": 0, "shares": {"train": 0.7, "val": 0.15, "test": 0.15}}` gives each family of related images to
            one of them.

    An accepted image that a measurement has flagged as a copy since stays out until somebody has cleared it. Where real
    images were withdrawn from which a generator had learnt, the snapshot is held from the start.

    Raises:
        NotAllowed: The actor does not manage the study.
        InvalidInput: No name, an unknown filter, splits that cannot be, or no image to take.
        Conflict: An accepted image has the bytes or pixels of a real one.
    """
    require_manager(actor, study)
    if not name.strip() or len(name.strip()) > 120:
        raise InvalidInput("name_needed", "name: A snapshot needs a name of at most 120 characters.")
    dataset = lock_accepted(study)
    plan = plan_snapshot(study, filters, splits)
    if not plan.choice.taken:
        raise nothing_accepted()
    refuse_empty(plan.split_facts)
    snapshot = _freeze(actor, study, dataset, name.strip(), plan)
    hold_from_the_start(actor=actor, snapshot=snapshot)
    if latest_evaluation(snapshot) is None:
        request_approved_evaluation(actor=actor, image_set=snapshot.image_set)
    return snapshot


def _freeze(actor: User, study: Study, dataset: Dataset, name: str, plan: Plan) -> Snapshot:
    digest = digest_members(study.schema, _members(study, plan))
    image_set = freeze_images(actor=actor, study=study, dataset=dataset, taken=plan.choice.taken)
    snapshot = Snapshot.objects.create(
        study=study,
        name=name,
        created_by=actor,
        filters=plan.filters,
        facts={**_facts(study), **plan.facts(), "source": describe_source(dataset)},
        digest=digest,
        item_count=len(plan.choice.taken),
        image_set=image_set,
        signatures_needed=study.signatures_needed,
    )
    for start in range(0, len(plan.choice.taken), _CHUNK):
        SnapshotItem.objects.bulk_create(_rows(snapshot, plan, start))
    record_event(
        chain=study_chain(study),
        actor=actor,
        action="snapshot.created",
        target=snapshot,
        facts={
            "digest": snapshot.digest,
            "items": snapshot.item_count,
            "image_set": image_set.digest,
            "filters": plan.filters,
            "splits": plan.splits,
        },
        personal={"name": snapshot.name},
    )
    return snapshot


def _members(study: Study, plan: Plan) -> Iterator[MemberRow]:
    """The chosen images with their answers as the document has them, some rows of the database at a time.

    Raises:
        Conflict: One has the bytes or the pixels of a real image.
    """
    taken = plan.choice.taken
    for start in range(0, len(taken), _CHUNK):
        chunk, splits = taken[start : start + _CHUNK], plan.named[start : start + _CHUNK]
        images = SyntheticImage.objects.select_related("batch").in_bulk([row.image for row in chunk])
        refuse_real_pixels(list(images.values()))
        answers = Annotation.objects.prefetch_related("regions__label_class").in_bulk(
            [row.answer for row in chunk]
        )
        yield from describe_members(
            study, [(images[row.image], answers[row.answer]) for row in chunk], splits=splits
        )


def _rows(snapshot: Snapshot, plan: Plan, start: int) -> Iterator[SnapshotItem]:
    chunk = plan.choice.taken[start : start + _CHUNK]
    readers = readers_of(snapshot.study, [row.item for row in chunk])
    for place, row in enumerate(chunk, start=start):
        yield SnapshotItem(
            snapshot=snapshot,
            item_id=row.item,
            image_id=row.image,
            annotation_id=row.answer,
            position=place,
            split=plan.named[place],
            family=plan.families.numbers[place],
            readers=sorted(readers[row.item]),
        )


def latest_evaluation(snapshot: Snapshot) -> Evaluation | None:
    """The newest finished measurement of the snapshot's set, else the newest that is under way.

    Only those of the standard extractor: a person signs for what it says, and others are not calibrated.
    """
    rows = snapshot.image_set.evaluations.filter(extractor=DEFAULT_EXTRACTOR).order_by("-created_at")
    done = rows.filter(state=EvaluationState.SUCCEEDED).first()
    return done or rows.filter(state__in=(EvaluationState.QUEUED, EvaluationState.RUNNING)).first()


def refuse_real_pixels(images: list[SyntheticImage]) -> None:
    """Refuse a list in which any image has the bytes or the pixels of a real one.

    Raises:
        Conflict: One has.
    """
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK]
        same_bytes = SourceImage.objects.filter(digest__in=[image.digest for image in chunk])
        same_pixels = SourceImage.objects.filter(pixel_digest__in=[image.pixel_digest for image in chunk])
        if same_bytes.exists() or same_pixels.exists():
            raise Conflict(
                "real_pixels",
                "An accepted image has the pixels of a real one. Nothing was frozen or exported.",
            )


def _facts(study: Study) -> dict[str, Any]:
    states = count_states(study)
    head = AuditChain.objects.filter(pk=study_chain(study)).first()
    return {
        "items_by_state": {state: states.get(state, 0) for state in ItemState.values},
        "reads_per_item": study.reads_per_item,
        "approval_policy": study.approval_policy,
        "sample_share": study.sample_share,
        "audit_sequence": head.sequence if head else 0,
        "audit_head": head.head_digest if head else "",
    }
