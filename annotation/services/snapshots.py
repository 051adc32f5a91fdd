"""Snapshots: the accepted images of a study frozen, measured, and signed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from annotation.export.canonical import digest_bytes
from annotation.export.document import write_document
from annotation.models import Annotation, Item, ItemState, Snapshot, SnapshotItem, Study
from annotation.services.access import require_manager
from annotation.services.releases import (
    describe_members,
    describe_source,
    document_of,
    freeze_rows,
    schema_row,
)
from evaluation.models import Evaluation, EvaluationState
from evaluation.services.copies import uncleared_among
from evaluation.services.evaluating import request_approved_evaluation
from evaluation.services.image_sets import make_approved_set
from generation.models import SourceImage, SyntheticImage
from synthlab.accounts.models import User
from synthlab.accounts.services.passwords import confirm_password
from synthlab.core.audit import record_event, study_chain
from synthlab.core.exceptions import Conflict, InvalidInput
from synthlab.core.models import AuditChain

_CHUNK = 2000
_SALT = "annotation.snapshot"


@dataclass(frozen=True, slots=True)
class Preview:
    """What a snapshot would hold now; `uncleared` accepted images are flagged as copies and stay out."""

    images: int
    classes: dict[str, int]
    discarded: int
    undecided: int
    uncleared: int


def preview_snapshot(study: Study) -> Preview:
    """Count what a snapshot taken now would freeze, and what it would leave out."""
    states = dict(study.items.values_list("state").annotate(n=Count("id")).order_by())
    rows = list(study.items.for_snapshot().values_list("synthetic_image", "outcome__classes"))
    uncleared = uncleared_among(image for image, _ in rows)
    counts = Counter(key for image, classes in rows if image not in uncleared for key in classes)
    discarded = states.get(ItemState.DISCARDED, 0)
    return Preview(
        images=len(rows) - len(uncleared),
        classes=dict(counts),
        discarded=discarded,
        undecided=sum(states.values()) - states.get(ItemState.ACCEPTED, 0) - discarded,
        uncleared=len(uncleared),
    )


@transaction.atomic
def create_snapshot(
    *, actor: User, study: Study, name: str, filters: Mapping[str, Any] | None = None
) -> Snapshot:
    """Freeze the accepted synthetic images of a study, and ask for the measurement of the set.

    Args:
        actor: A manager of the study.
        study: Of any state; what is accepted later is not in it.
        name: What people call it.
        filters: `{"classes": [key, …]}` takes only images with one of these classes.

    An accepted image that a measurement has flagged as a copy since stays out until somebody has cleared it.

    Raises:
        NotAllowed: The actor does not manage the study.
        InvalidInput: No name, an unknown filter, or no accepted image.
        Conflict: An accepted image has the bytes or pixels of a real one.
    """
    require_manager(actor, study)
    if not name.strip() or len(name.strip()) > 120:
        raise InvalidInput("name_needed", "name: A snapshot needs a name of at most 120 characters.")
    chosen = _check_filters(study, filters or {})
    accepted = _accepted(study, chosen.get("classes"))
    images = [image for _, image, _ in accepted]
    refuse_real_pixels(images)
    if study.dataset is None:
        raise InvalidInput(
            "no_accepted_images", "No image of this study is accepted yet: there is nothing to freeze."
        )
    members = describe_members(study, [(image, annotation) for _, image, annotation in accepted])
    image_set = make_approved_set(actor=actor, study_id=study.pk, dataset=study.dataset, images=images)
    snapshot = Snapshot.objects.create(
        study=study,
        name=name.strip(),
        created_by=actor,
        filters=chosen,
        facts={**_facts(study), "source": describe_source(study.dataset)},
        digest=digest_bytes(write_document(schema_row(study.schema), members)),
        item_count=len(accepted),
        image_set=image_set,
    )
    SnapshotItem.objects.bulk_create(freeze_rows(snapshot, accepted), batch_size=_CHUNK)
    record_event(
        chain=study_chain(study),
        actor=actor,
        action="snapshot.created",
        target=snapshot,
        facts={"digest": snapshot.digest, "items": snapshot.item_count, "image_set": image_set.digest},
        personal={"name": snapshot.name},
    )
    if latest_evaluation(snapshot) is None:
        request_approved_evaluation(actor=actor, image_set=image_set)
    return snapshot


def sign_snapshot(*, actor: User, snapshot: Snapshot, password: str, meaning: str) -> Snapshot:
    """Sign a snapshot: name, time and meaning, bound to its digest. The person's password is asked again.

    Raises:
        NotAllowed: The actor does not manage the study, or the password is not theirs.
        TooMany: The password was wrong too often.
        InvalidInput: There is no meaning.
        Conflict: It is signed already, its set is not evaluated yet, an image in it is flagged as a copy and not
            cleared, or its content is not what was frozen.
    """
    require_manager(actor, snapshot.study)
    confirm_password(actor=actor, password=password)
    if not meaning.strip() or len(meaning.strip()) > 200:
        raise InvalidInput("meaning_needed", "meaning: Say what you sign for, in at most 200 characters.")
    return _sign(actor, snapshot, meaning.strip())


@transaction.atomic
def _sign(actor: User, snapshot: Snapshot, words: str) -> Snapshot:
    evaluation = latest_evaluation(snapshot)
    if evaluation is None or evaluation.state != EvaluationState.SUCCEEDED:
        raise Conflict(
            "evaluation_missing", "The approved set is not measured yet. Wait for its evaluation, then sign."
        )
    _refuse_uncleared(snapshot)
    refuse_changed(snapshot)
    signed_at = timezone.now()
    signature = _signature(snapshot, actor.pk, signed_at, words)
    signed = Snapshot.objects.filter(pk=snapshot.pk, signed_by__isnull=True).update(
        signed_by=actor, signed_at=signed_at, meaning=words, evaluation=evaluation, signature=signature
    )
    if signed != 1:
        raise Conflict("already_signed", "This snapshot is signed already.")
    snapshot.refresh_from_db()
    record_event(
        chain=study_chain(snapshot.study),
        actor=actor,
        action="snapshot.signed",
        target=snapshot,
        facts={"digest": snapshot.digest, "signature": signature, "evaluation": str(evaluation.pk)},
        personal={"meaning": words},
    )
    return snapshot


def latest_evaluation(snapshot: Snapshot) -> Evaluation | None:
    """The newest finished measurement of the snapshot's set, else the newest that is under way."""
    rows = snapshot.image_set.evaluations.order_by("-created_at")
    done = rows.filter(state=EvaluationState.SUCCEEDED).first()
    return done or rows.filter(state__in=(EvaluationState.QUEUED, EvaluationState.RUNNING)).first()


def signature_holds(snapshot: Snapshot) -> bool:
    """Whether the signature is ours and of exactly this content, person, time and meaning."""
    if snapshot.signed_at is None or digest_bytes(document_of(snapshot)) != snapshot.digest:
        return False
    expected = _signature(snapshot, snapshot.signed_by_id, snapshot.signed_at, snapshot.meaning)
    return constant_time_compare(expected, snapshot.signature)


def refuse_changed(snapshot: Snapshot) -> None:
    """Refuse a snapshot whose rows do not give the digest that was frozen.

    Raises:
        Conflict: They do not.
    """
    if digest_bytes(document_of(snapshot)) != snapshot.digest:
        raise Conflict(
            "snapshot_changed",
            "The content of this snapshot is not what was frozen. Tell your administrator.",
        )


def _refuse_uncleared(snapshot: Snapshot) -> None:
    """The measurement of the set itself may have flagged an image that no earlier one did."""
    if found := uncleared_among(snapshot.items.values_list("image", flat=True)):
        raise Conflict(
            "copies_not_cleared",
            f"{len(found)} of these images look like copies of real ones. Somebody who may see real images has to look at "
            "them on the page of the evaluation and clear them; or freeze again, which leaves them out.",
        )


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


def _accepted(study: Study, classes: list[str] | None) -> list[tuple[Item, SyntheticImage, Annotation]]:
    """Accepted items in the order of their image's digest, without those that look copied."""
    # Locked, so that an item cannot leave its state between the list and the rows of the snapshot.
    rows = study.items.for_snapshot().select_for_update(of=("self",), no_key=True)
    rows = rows.select_related("synthetic_image__batch", "outcome")
    items = rows.prefetch_related("outcome__regions__label_class").order_by("synthetic_image__digest")
    uncleared = uncleared_among(item.synthetic_image_id for item in items if item.synthetic_image_id)
    found = []
    for item in items:
        if item.synthetic_image is None or item.outcome is None:
            raise TypeError("an accepted item of a snapshot has a synthetic image and an outcome")
        if item.synthetic_image_id in uncleared:
            continue
        if classes is None or set(classes) & set(item.outcome.classes):
            found.append((item, item.synthetic_image, item.outcome))
    return found


def _check_filters(study: Study, filters: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(filters) - {"classes"})
    if unknown:
        raise InvalidInput("filter_unknown", f"filters.{unknown[0]}: Unknown filter.")
    classes = filters.get("classes")
    if classes is None:
        return {}
    known = set(study.schema.classes.values_list("key", flat=True))
    if not isinstance(classes, list) or not classes or any(key not in known for key in classes):
        raise InvalidInput("filter_unknown", "filters.classes: Expected keys of the study's classes.")
    return {"classes": sorted(classes)}


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


def _signature(snapshot: Snapshot, signer_id: object, signed_at: datetime, meaning: str) -> str:
    body = [
        str(snapshot.pk), snapshot.digest, str(signer_id), signed_at.isoformat(timespec="microseconds"), meaning
    ]  # fmt: skip
    return salted_hmac(_SALT, json.dumps(body), algorithm="sha256").hexdigest()
