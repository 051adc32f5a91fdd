"""Snapshots: the accepted images of a study frozen, and their measurement asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Count

from annotation.export.canonical import digest_bytes
from annotation.export.document import write_document
from annotation.models import Annotation, Item, ItemState, Snapshot, SnapshotItem, Study
from annotation.services.access import require_manager
from annotation.services.choosing import Candidate
from annotation.services.holding import hold_from_the_start
from annotation.services.measuring import freeze_images, lock_accepted, nothing_accepted
from annotation.services.planning import Plan, plan_snapshot
from annotation.services.releases import describe_members, describe_source, schema_row
from annotation.services.splitting import refuse_empty
from evaluation.models import Evaluation, EvaluationState
from evaluation.services.evaluating import request_approved_evaluation
from generation.models import Dataset, SourceImage, SyntheticImage
from synthlab.accounts.models import User
from synthlab.core.audit import record_event, study_chain
from synthlab.core.exceptions import Conflict, InvalidInput
from synthlab.core.models import AuditChain

_CHUNK = 2000
_Frozen = tuple[Item, SyntheticImage, Annotation]


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
    frozen = _load(plan.choice.taken)
    images = [image for _, image, _ in frozen]
    refuse_real_pixels(images)
    members = describe_members(study, [(image, answer) for _, image, answer in frozen], splits=plan.named)
    image_set = freeze_images(actor=actor, study=study, dataset=dataset, images=images)
    snapshot = Snapshot.objects.create(
        study=study,
        name=name,
        created_by=actor,
        filters=plan.filters,
        facts={**_facts(study), **plan.facts(), "source": describe_source(dataset)},
        digest=digest_bytes(write_document(schema_row(study.schema), members)),
        item_count=len(frozen),
        image_set=image_set,
        signatures_needed=study.signatures_needed,
    )
    SnapshotItem.objects.bulk_create(_rows(snapshot, frozen, plan), batch_size=_CHUNK)
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


def _rows(snapshot: Snapshot, frozen: Sequence[_Frozen], plan: Plan) -> list[SnapshotItem]:
    return [
        SnapshotItem(
            snapshot=snapshot,
            item=item,
            image=image,
            annotation=annotation,
            position=place,
            split=plan.named[place],
            family=plan.families.numbers[place],
        )
        for place, (item, image, annotation) in enumerate(frozen)
    ]


def _load(taken: Sequence[Candidate]) -> list[_Frozen]:
    """The chosen items with image and answer, in the order in which they were chosen."""
    frozen = []
    for start in range(0, len(taken), _CHUNK):
        keys = [row.item for row in taken[start : start + _CHUNK]]
        rows = Item.objects.select_related("synthetic_image__batch", "outcome")
        found = rows.prefetch_related("outcome__regions__label_class").in_bulk(keys)
        for item in (found[key] for key in keys):
            if item.synthetic_image is None or item.outcome is None:
                raise TypeError("an accepted item of a snapshot has a synthetic image and an outcome")
            frozen.append((item, item.synthetic_image, item.outcome))
    return frozen


def latest_evaluation(snapshot: Snapshot) -> Evaluation | None:
    """The newest finished measurement of the snapshot's set, else the newest that is under way."""
    rows = snapshot.image_set.evaluations.order_by("-created_at")
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
    states = dict(study.items.values_list("state").annotate(n=Count("id")).order_by())
    head = AuditChain.objects.filter(pk=study_chain(study)).first()
    return {
        "items_by_state": {state: states.get(state, 0) for state in ItemState.values},
        "reads_per_item": study.reads_per_item,
        "approval_policy": study.approval_policy,
        "sample_share": study.sample_share,
        "audit_sequence": head.sequence if head else 0,
        "audit_head": head.head_digest if head else "",
    }
