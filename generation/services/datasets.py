"""Data sets and who may use them."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction

from generation.models import Dataset, DatasetMember, DatasetRole
from generation.services.access import require_owner
from synthlab.accounts.models import User
from synthlab.core.audit import dataset_chain, record_event, salted_digest
from synthlab.core.exceptions import Conflict, InvalidInput, NotAllowed, PreconditionFailed


@transaction.atomic
def create_dataset(*, actor: User, name: str, **fields: Any) -> Dataset:
    """Make an empty data set that the actor owns and whose real images the actor may see.

    Args:
        actor: A scientist.
        name: Unique among all data sets.
        fields: Any of description, modality, licence, provenance, lawful_basis, symmetries.

    Raises:
        NotAllowed: The actor is not a scientist.
        Conflict: The name is taken.
    """
    if not actor.is_scientist:
        raise NotAllowed("scientists_only", "Only data scientists make data sets.")
    try:
        with transaction.atomic():
            dataset = Dataset.objects.create(name=name, owner=actor, **fields)
    except IntegrityError as error:
        raise _name_taken() from error
    DatasetMember.objects.create(dataset=dataset, user=actor, view_real=True)
    record_event(
        chain=dataset_chain(dataset),
        actor=actor,
        action="dataset.created",
        target=dataset,
        personal={"name": name},
    )
    return dataset


def _name_taken() -> Conflict:
    return Conflict("dataset_name_taken", "A data set of this name exists: choose another.")


@transaction.atomic
def update_dataset(*, actor: User, dataset: Dataset, rev: int, **fields: Any) -> Dataset:
    """Change the descriptive fields of a data set, if nobody did since revision `rev`.

    Raises:
        NotAllowed: The actor is not the owner.
        PreconditionFailed: Somebody changed it meanwhile.
        Conflict: The name is taken.
    """
    require_owner(actor, dataset)
    try:
        with transaction.atomic():
            changed = Dataset.objects.filter(pk=dataset.pk, rev=rev).update(rev=rev + 1, **fields)
    except IntegrityError as error:
        raise _name_taken() from error
    dataset.refresh_from_db()
    if changed != 1:
        raise PreconditionFailed(
            "stale_version",
            "Somebody changed this data set meanwhile. Nothing was overwritten: look at the new version and "
            "send your change again.",
            current_rev=dataset.rev,
        )
    chain = dataset_chain(dataset)
    record_event(
        chain=chain,
        actor=actor,
        action="dataset.updated",
        target=dataset,
        facts={"fields": {name: salted_digest(chain, str(value)) for name, value in fields.items()}},
    )
    return dataset


@transaction.atomic
def set_member(
    *, actor: User, dataset: Dataset, user: User, role: str = DatasetRole.MEMBER, view_real: bool = False
) -> DatasetMember:
    """Add a person to a data set, or change what an existing member may do.

    Raises:
        NotAllowed: The actor is not the owner.
        InvalidInput: The person was deactivated, or a clinician would become more than a viewer.
    """
    require_owner(actor, dataset)
    if not user.is_active:
        raise InvalidInput("user_inactive", "This person was deactivated and cannot be added.")
    if role == DatasetRole.MEMBER and not user.is_scientist:
        raise InvalidInput("members_are_scientists", "Only data scientists can be members; add as viewer.")
    member, _ = DatasetMember.objects.update_or_create(
        dataset=dataset, user=user, defaults={"role": role, "view_real": view_real}
    )
    record_event(
        chain=dataset_chain(dataset),
        actor=actor,
        action="dataset.member_set",
        target=dataset,
        facts={"user": str(user.pk), "role": role, "view_real": view_real},
    )
    return member


@transaction.atomic
def remove_member(*, actor: User, member: DatasetMember) -> None:
    """Take a person out of a data set; what they made stays.

    Raises:
        NotAllowed: The actor is not the owner.
    """
    require_owner(actor, member.dataset)
    record_event(
        chain=dataset_chain(member.dataset),
        actor=actor,
        action="dataset.member_removed",
        target=member.dataset,
        facts={"user": str(member.user_id)},
    )
    member.delete()
