"""Study roles, which come from Membership and from nothing else."""

from __future__ import annotations

from annotation.models import ReadKind, Study, StudyRole
from synthlab.accounts.models import User
from synthlab.core.exceptions import NotAllowed


def roles_in(user: User, study: Study) -> frozenset[str]:
    """The roles a person holds in a study."""
    return frozenset(study.memberships.filter(user=user).values_list("role", flat=True))


def require_role(user: User, study: Study, *roles: StudyRole) -> None:
    """Refuse anyone who holds none of the roles in this study.

    Raises:
        NotAllowed: code `study_role_needed`.
    """
    if not roles_in(user, study) & set(roles):
        wanted = " or ".join(roles)
        raise NotAllowed(
            "study_role_needed", f"Only a {wanted} of this study may do this.", roles=list(roles)
        )


def require_manager(user: User, study: Study) -> None:
    """Refuse anyone who does not manage the study.

    Raises:
        NotAllowed: code `study_role_needed`.
    """
    require_role(user, study, StudyRole.MANAGER)


def role_for(kind: str) -> StudyRole:
    """Who does reads of a kind: reviewers adjudicate, readers read."""
    return StudyRole.REVIEWER if kind == ReadKind.ADJUDICATION else StudyRole.READER
