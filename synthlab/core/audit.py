"""Who did what to what, when and why: an append-only chain of hashes per dataset and per study.

The hashed body holds ids, numbers, codes and salted digests only. Personal text stands beside it under a salt of its
own, so that it can be erased without breaking the chain and without leaving a digest that could be guessed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog
from django.db import models, transaction
from django.utils import timezone

from synthlab.core.exceptions import InvalidInput
from synthlab.core.models import AuditChain, AuditEvent

if TYPE_CHECKING:
    from synthlab.accounts.models import User

SITE_CHAIN = "site"
_GENESIS = "0" * 64
_SALT = "_salt"
_PERSONAL = "personal_digest"


@dataclass(frozen=True)
class ChainReport:
    """The outcome of reading one chain from its first event to its head."""

    name: str
    events: int
    erased: int
    problems: tuple[str, ...] = field(default=())

    @property
    def intact(self) -> bool:
        """Whether nothing was changed, removed or put in between."""
        return not self.problems


def dataset_chain(dataset: models.Model) -> str:
    """The chain of a dataset and of all that grows from it."""
    return f"dataset:{dataset.pk}"


def study_chain(study: models.Model) -> str:
    """The chain of a study."""
    return f"study:{study.pk}"


def record_event(
    *,
    chain: str,
    actor: User | None,
    action: str,
    target: models.Model,
    facts: Mapping[str, Any] | None = None,
    personal: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Append an event in the caller's transaction: it stands if, and only if, what it tells of stands.

    Args:
        chain: `SITE_CHAIN`, or from `dataset_chain` or `study_chain`.
        actor: Who did it; None for the installation itself.
        action: `noun.verb_past`, stable (`study.opened`).
        target: What it was done to.
        facts: Ids, numbers, codes and salted digests; hashed, never erased.
        personal: Free text and names, which a person may ask us to erase.

    Raises:
        InvalidInput: `facts` uses the name that we keep for the digest of `personal`.
    """
    hashed = dict(facts or {})
    if _PERSONAL in hashed:
        raise InvalidInput("audit_fact_reserved", f"{_PERSONAL} is not a name for a fact.")
    beside = _salted(personal) if personal else {}
    if beside:
        hashed[_PERSONAL] = _personal_digest(beside)
    with transaction.atomic():
        head = _lock_head(chain)
        event = AuditEvent(
            chain=head,
            sequence=head.sequence + 1,
            at=timezone.now(),
            actor=actor,
            action=action,
            target_type=target._meta.label_lower,
            target_id=target.pk,
            request_id=str(structlog.contextvars.get_contextvars().get("request_id", "")),
            facts=json.loads(_canonical(hashed)),
            personal=beside,
            previous_digest=head.head_digest,
        )
        event.digest = event_digest(event)
        event.save(force_insert=True)
        _move_head(head, event)
    return event


def erase_personal(event: AuditEvent) -> None:
    """Erase the personal text of an event; the chain still verifies and says that something was erased."""
    AuditEvent.objects.filter(pk=event.pk).update(personal={})


def salted_digest(chain: str, text: str) -> str:
    """A digest that names a text inside one chain only: HMAC-SHA-256 under the chain's secret salt, in hex."""
    salt = _ensure_chain(chain).salt
    return hmac.new(salt.encode(), text.encode(), hashlib.sha256).hexdigest()


def event_digest(event: AuditEvent) -> str:
    """SHA-256 in hex over the event's canonical body, the digest before it included."""
    body = {
        "chain": event.chain_id,
        "sequence": event.sequence,
        "at": event.at.isoformat(timespec="microseconds"),
        "actor": str(event.actor_id) if event.actor_id else None,
        "action": event.action,
        "target_type": event.target_type,
        "target_id": str(event.target_id) if event.target_id else None,
        "request_id": event.request_id,
        "facts": event.facts,
        "previous": event.previous_digest,
    }
    return hashlib.sha256(_canonical(body).encode()).hexdigest()


def verify_chain(name: str) -> ChainReport:
    """Read one chain in a single pass and report every break. Constant memory."""
    head = AuditChain.objects.get(name=name)
    problems: list[str] = []
    events = erased = 0
    previous, expected = _GENESIS, 1
    for event in AuditEvent.objects.filter(chain_id=name).order_by("sequence").iterator(2000):
        events += 1
        problems.extend(_event_problems(event, previous, expected))
        erased += _PERSONAL in event.facts and not event.personal
        previous, expected = event.digest, event.sequence + 1
    if head.sequence != expected - 1 or head.head_digest != previous:
        problems.append(f"the head names event {head.sequence}, the last one found is {expected - 1}")
    return ChainReport(name, events, erased, tuple(problems))


def chain_names() -> Iterator[str]:
    """The names of all chains."""
    yield from AuditChain.objects.order_by("name").values_list("name", flat=True)


def _event_problems(event: AuditEvent, previous: str, expected: int) -> Iterator[str]:
    if event.sequence != expected:
        yield f"event {expected} is missing"
    if event.previous_digest != previous:
        yield f"event {event.sequence} does not follow the one before it"
    if event.digest != event_digest(event):
        yield f"event {event.sequence} was changed"
    if event.personal and event.facts.get(_PERSONAL) != _personal_digest(event.personal):
        yield f"the personal text of event {event.sequence} was changed"


def _ensure_chain(name: str) -> AuditChain:
    chain, _ = AuditChain.objects.get_or_create(name=name, defaults={"salt": secrets.token_hex(32)})
    return chain


def _lock_head(name: str) -> AuditChain:
    heads = AuditChain.objects.select_for_update(no_key=True).filter(name=name)
    if head := heads.first():
        return head
    _ensure_chain(name)
    return heads.get()


def _move_head(head: AuditChain, event: AuditEvent) -> None:
    # The row is locked; comparing as well makes a fork impossible on a database that ignores row locks.
    moved = AuditChain.objects.filter(name=head.name, sequence=head.sequence).update(
        sequence=event.sequence, head_digest=event.digest
    )
    if moved != 1:
        raise RuntimeError(f"audit chain {head.name} moved while it was locked")


def _salted(personal: Mapping[str, Any]) -> dict[str, Any]:
    return {**json.loads(_canonical(personal)), _SALT: secrets.token_hex(16)}


def _personal_digest(personal: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(personal).encode()).hexdigest()


def _canonical(value: Any) -> str:
    """One text for one value: sorted keys, no spaces, ids as text, no NaN, whole numbers without a point.

    The last because PostgreSQL gives 1e16 back as 10000000000000000.
    """
    plain = json.loads(json.dumps(value, allow_nan=False, default=str), parse_float=_number)
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _number(text: str) -> float | int:
    number = float(text)
    return int(number) if number.is_integer() else number
