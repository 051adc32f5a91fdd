"""Signatures under a snapshot: of one manager or of two, bound to its content."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from annotation.export.signature import sign_words, signed_words
from annotation.models import Snapshot
from annotation.services.access import require_manager
from annotation.services.releases import digest_now, pseudonym
from annotation.services.sealing import signing_key
from annotation.services.snapshots import latest_evaluation
from evaluation.models import Evaluation, EvaluationState
from evaluation.services.copies import uncleared_among
from synthlab.accounts.models import User
from synthlab.accounts.services.passwords import confirm_password
from synthlab.core.audit import record_event, study_chain
from synthlab.core.exceptions import Conflict, InvalidInput, NotAllowed


def sign_snapshot(*, actor: User, snapshot: Snapshot, password: str, meaning: str) -> Snapshot:
    """Sign a snapshot: name, time and meaning, bound to its digest. The person's password is asked again.

    Where the study wants two signatures, the first call signs and the second, by another manager, countersigns.

    Raises:
        NotAllowed: The actor does not manage the study, the password is not theirs, or they have signed already and
            somebody else must.
        TooMany: The password was wrong too often.
        InvalidInput: There is no meaning.
        Conflict: It is signed already, its set is not evaluated yet, an image in it is flagged as a copy and not
            cleared, or its content is not what was frozen.
    """
    require_manager(actor, snapshot.study)
    confirm_password(actor=actor, password=password)
    words = meaning.strip()
    if not words or len(words) > 200:
        raise InvalidInput("meaning_needed", "meaning: Say what you sign for, in at most 200 characters.")
    with transaction.atomic():
        _refuse_uncleared(snapshot)
        refuse_changed(snapshot)
        if snapshot.awaits_second:
            return _countersign(actor, snapshot, words)
        return _sign(actor, snapshot, words)


def _sign(actor: User, snapshot: Snapshot, words: str) -> Snapshot:
    evaluation = _measured(snapshot)
    signed_at = timezone.now()
    signature = _first(snapshot, actor.pk, signed_at, words)
    signed = Snapshot.objects.filter(pk=snapshot.pk, signed_by__isnull=True).update(
        signed_by=actor, signed_at=signed_at, meaning=words, evaluation=evaluation, signature=signature
    )
    facts = {"signature": signature, "evaluation": str(evaluation.pk)}
    return _signed(actor, snapshot, signed, "snapshot.signed", words, facts)


def _countersign(actor: User, snapshot: Snapshot, words: str) -> Snapshot:
    if snapshot.signed_by_id == actor.pk:
        raise NotAllowed(
            "second_person_needed", "You have signed this snapshot; another manager must sign it now."
        )
    if not signature_holds(snapshot):
        raise Conflict("signature_void", "The first signature does not hold. Tell your administrator.")
    signed_at = timezone.now()
    signature = _second(snapshot, actor.pk, signed_at, words)
    waiting = Snapshot.objects.filter(
        pk=snapshot.pk, signature=snapshot.signature, countersigned_by__isnull=True
    )
    signed = waiting.update(
        countersigned_by=actor,
        countersigned_at=signed_at,
        countersigned_meaning=words,
        countersignature=signature,
    )
    facts = {"signature": signature, "first": snapshot.signature}
    return _signed(actor, snapshot, signed, "snapshot.countersigned", words, facts)


def _signed(
    actor: User, snapshot: Snapshot, rows: int, action: str, words: str, facts: dict[str, Any]
) -> Snapshot:
    if rows != 1:
        raise Conflict("already_signed", "This snapshot is signed already.")
    snapshot.refresh_from_db()
    record_event(
        chain=study_chain(snapshot.study),
        actor=actor,
        action=action,
        target=snapshot,
        facts={"digest": snapshot.digest, **facts},
        personal={"meaning": words},
    )
    return snapshot


def _measured(snapshot: Snapshot) -> Evaluation:
    evaluation = latest_evaluation(snapshot)
    if evaluation is None or evaluation.state != EvaluationState.SUCCEEDED:
        raise Conflict(
            "evaluation_missing", "The approved set is not measured yet. Wait for its evaluation, then sign."
        )
    return evaluation


def signature_holds(snapshot: Snapshot) -> bool:
    """Whether every signature that stands is ours and of exactly this content, person, time and meaning."""
    return is_genuine(snapshot) and digest_now(snapshot) == snapshot.digest


def is_genuine(snapshot: Snapshot) -> bool:
    """The same for the digest as it stands; the rows under it are not looked at."""
    if snapshot.signed_at is None:
        return False
    first = _first(snapshot, snapshot.signed_by_id, snapshot.signed_at, snapshot.meaning)
    if not constant_time_compare(first, snapshot.signature):
        return False
    if snapshot.countersigned_at is None:
        return True
    second = _second(
        snapshot, snapshot.countersigned_by_id, snapshot.countersigned_at, snapshot.countersigned_meaning
    )
    return constant_time_compare(second, snapshot.countersignature)


def refuse_changed(snapshot: Snapshot) -> None:
    """Refuse a snapshot whose rows do not give the digest that was frozen.

    Raises:
        Conflict: They do not.
    """
    if digest_now(snapshot) != snapshot.digest:
        raise Conflict(
            "snapshot_changed",
            "The content of this snapshot is not what was frozen. Tell your administrator.",
        )


def refuse_unsigned(snapshot: Snapshot) -> None:
    """Refuse a snapshot that not everybody has signed who must, or whose signatures are none.

    Raises:
        Conflict: `snapshot_unsigned`, `second_signature_missing` or `signature_void`.
    """
    if snapshot.awaits_second:
        raise Conflict(
            "second_signature_missing",
            "One person has signed this snapshot; another manager must sign it before it is exported.",
        )
    if not snapshot.is_signed:
        raise Conflict("snapshot_unsigned", "Only a signed snapshot can be exported. Sign it first.")
    if not is_genuine(snapshot):
        raise Conflict("signature_void", "The signature does not hold. Tell your administrator.")


def _refuse_uncleared(snapshot: Snapshot) -> None:
    """The measurement of the set itself may have flagged an image that no earlier one did."""
    if found := uncleared_among(snapshot.items.values_list("image", flat=True)):
        raise Conflict(
            "copies_not_cleared",
            f"{len(found)} of these images look like copies of real ones. Somebody who may see real images has to look at "
            "them on the page of the evaluation and clear them; or freeze again, which leaves them out.",
        )


def _first(snapshot: Snapshot, signer_id: object, signed_at: datetime, meaning: str) -> str:
    return _signature(snapshot, signer_id, signed_at, meaning, "")


def _second(snapshot: Snapshot, signer_id: object, signed_at: datetime, meaning: str) -> str:
    return _signature(snapshot, signer_id, signed_at, meaning, snapshot.signature)


def _signature(
    snapshot: Snapshot, signer_id: object, signed_at: datetime, meaning: str, countersigns: str
) -> str:
    """Over what an export tells of it, so that whoever has the export can check it; that two must sign is in it, too."""
    words = signed_words(
        snapshot_id=str(snapshot.pk),
        digest=snapshot.digest,
        signer=pseudonym(snapshot.study, signer_id),
        signed_at=signed_at.isoformat(timespec="microseconds"),
        meaning=meaning,
        needed=snapshot.signatures_needed,
        countersigns=countersigns,
    )
    return sign_words(signing_key(), words)
