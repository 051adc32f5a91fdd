"""Who may do what with a data set and what grows from it (the table in docs/reference/roles.md)."""

from __future__ import annotations

from generation.models import Dataset, DatasetRole
from synthlab.accounts.models import User
from synthlab.core.exceptions import NotAllowed
from synthlab.core.models import Job


def is_owner(user: User, dataset: Dataset) -> bool:
    """Whether the data set is this person's own."""
    return dataset.owner_id == user.pk


def may_use(user: User, dataset: Dataset) -> bool:
    """Whether a person may train on the data set and sample from its generators."""
    if is_owner(user, dataset):
        return True
    return dataset.members.filter(user=user, role=DatasetRole.MEMBER).exists()


def may_view_real(user: User, dataset: Dataset) -> bool:
    """Whether a person holds the `view_real` grant; owning the data set is not enough by itself."""
    return dataset.members.filter(user=user, view_real=True).exists()


def require_owner(user: User, dataset: Dataset) -> None:
    """Refuse anyone but the owner.

    Raises:
        NotAllowed: code `owner_only`.
    """
    if not is_owner(user, dataset):
        raise NotAllowed("owner_only", "Only the owner of the data set may do this.")


def require_use_again(job: Job, dataset: Dataset) -> None:
    """Refuse to queue a failed job again whose person has left the data set since.

    Raises:
        NotAllowed: code `members_only`.
    """
    if job.requested_by is not None:
        require_use(job.requested_by, dataset)


def require_use(user: User, dataset: Dataset) -> None:
    """Refuse anyone who is neither owner nor member.

    Raises:
        NotAllowed: code `members_only`.
    """
    if not may_use(user, dataset):
        raise NotAllowed("members_only", "Only the owner and members of the data set may do this.")
