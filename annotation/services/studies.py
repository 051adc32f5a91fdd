"""Studies: made, opened, paused, closed; who takes part in them."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from annotation.models import (
    ApprovalPolicy,
    LabelSchema,
    Membership,
    Read,
    ReadKind,
    ReadState,
    Study,
    StudyRole,
    StudyState,
)
from annotation.services.access import require_manager, role_for
from generation.models import Dataset
from generation.services.access import may_use
from synthlab.accounts.models import User
from synthlab.core.audit import record_event, study_chain
from synthlab.core.exceptions import Conflict, InvalidInput, NotAllowed

MAX_PIXEL_SIZE_UM = 100_000.0  # ten centimetres: beyond any medical image


@transaction.atomic
def create_study(
    *,
    actor: User,
    title: str,
    schema: LabelSchema,
    dataset: Dataset | None = None,
    description: str = "",
    guideline: str = "",
    reads_per_item: int = 1,
    approval_policy: str = ApprovalPolicy.EVERY,
    sample_share: float = 1.0,
    signatures_needed: int = 1,
    pixel_size_um: float | None = None,
) -> Study:
    """Make a study in draft; who makes it manages it.

    Args:
        actor: A data scientist or an admin.
        title: What readers see.
        schema: What may be said in it.
        dataset: Where its images will come from; left open, the first fill says it.
        description: What it is for.
        guideline: What readers should know.
        reads_per_item: How many people read each image, 1 to 9.
        approval_policy: Which answers a reviewer must look at: `every`, a `sample`, or none (`as_read`).
        sample_share: The share of answers that the sample takes, and of discards that are looked at, 0 to 1.
        signatures_needed: How many managers sign a snapshot before it is exported: 1 or 2.
        pixel_size_um: Side of an image pixel in micrometres, for the scale bar; None where it is not known. It is the
            study's and not each image's: a bar that differs would tell real images from synthetic ones.

    Raises:
        NotAllowed: The actor's role makes no studies, or the data set is not theirs to use.
        InvalidInput: A value is out of range.
    """
    if not (actor.is_scientist or actor.is_admin):
        raise NotAllowed("study_maker_needed", "Only data scientists and admins make studies.")
    if dataset is not None and not may_use(actor, dataset):
        raise NotAllowed(
            "members_only", "Only the owner and members of the data set may make a study from it."
        )
    _check_rules(title, reads_per_item, approval_policy, sample_share, signatures_needed)
    if pixel_size_um is not None and not 0 < pixel_size_um <= MAX_PIXEL_SIZE_UM:
        raise InvalidInput(
            "pixel_size_out_of_range",
            f"pixel_size_um: Expected more than 0 and at most {MAX_PIXEL_SIZE_UM:g}.",
        )
    study = Study.objects.create(
        title=title.strip(),
        description=description,
        guideline=guideline,
        schema=schema,
        dataset=dataset,
        created_by=actor,
        reads_per_item=reads_per_item,
        approval_policy=approval_policy,
        sample_share=sample_share,
        signatures_needed=signatures_needed,
        pixel_size_um=pixel_size_um,
    )
    Membership.objects.create(study=study, user=actor, role=StudyRole.MANAGER)
    _record(
        actor,
        study,
        "study.created",
        {
            "schema": str(schema.pk),
            "reads_per_item": reads_per_item,
            "approval_policy": approval_policy,
            "sample_share": sample_share,
            "signatures_needed": signatures_needed,
            "pixel_size_um": pixel_size_um,
        },
    )
    return study


def _check_rules(
    title: str, reads_per_item: int, approval_policy: str, sample_share: float, signatures_needed: int
) -> None:
    if not title.strip():
        raise InvalidInput("title_needed", "title: A study needs a title.")
    if not 1 <= reads_per_item <= 9:
        raise InvalidInput("reads_out_of_range", "reads_per_item: Expected 1 to 9.")
    if not 0 <= sample_share <= 1:
        raise InvalidInput("share_out_of_range", "sample_share: Expected 0 to 1.")
    if approval_policy not in ApprovalPolicy.values:
        raise InvalidInput(
            "policy_unknown", f"approval_policy: Expected one of {', '.join(ApprovalPolicy.values)}."
        )
    if signatures_needed not in (1, 2):
        raise InvalidInput("signatures_out_of_range", "signatures_needed: Expected 1 or 2.")


@transaction.atomic
def open_study(*, actor: User, study: Study) -> Study:
    """Draft, paused or closed → open: reads are handed out from now on.

    Raises:
        NotAllowed: The actor does not manage the study.
        Conflict: It is open already, holds no image, or has nobody to read.
    """
    require_manager(actor, study)
    if not study.items.exists():
        raise Conflict("study_empty", "The study holds no images yet. Fill it from a released batch first.")
    if not study.memberships.filter(role=StudyRole.READER).exists():
        raise Conflict("study_without_readers", "The study has no readers yet. Add at least one.")
    return _move(actor, study, (StudyState.DRAFT, StudyState.PAUSED, StudyState.CLOSED), StudyState.OPEN)


@transaction.atomic
def pause_study(*, actor: User, study: Study) -> Study:
    """Open → paused: nothing more is handed out; answers of reads already handed out are taken.

    Raises:
        NotAllowed: The actor does not manage the study.
        Conflict: It is not open.
    """
    require_manager(actor, study)
    return _move(actor, study, (StudyState.OPEN,), StudyState.PAUSED)


@transaction.atomic
def close_study(*, actor: User, study: Study) -> Study:
    """Open or paused → closed. It can be opened again; late answers are still taken.

    Raises:
        NotAllowed: The actor does not manage the study.
        Conflict: It is a draft, or closed already.
    """
    require_manager(actor, study)
    return _move(actor, study, (StudyState.OPEN, StudyState.PAUSED), StudyState.CLOSED)


@transaction.atomic
def add_member(*, actor: User, study: Study, user: User, role: str) -> Membership:
    """Give a person a role in a study; giving it again changes nothing.

    Raises:
        NotAllowed: The actor does not manage the study.
        InvalidInput: The role is unknown, or the person is deactivated.
    """
    require_manager(actor, study)
    if role not in StudyRole.values:
        raise InvalidInput("role_unknown", f"role: Expected one of {', '.join(StudyRole.values)}.")
    if not user.is_active:
        raise InvalidInput("person_inactive", "user: This person is deactivated.")
    membership, made = Membership.objects.get_or_create(study=study, user=user, role=role)
    if made:
        _record(actor, study, "study.member_added", {"user": str(user.pk), "role": role})
    return membership


@transaction.atomic
def remove_member(*, actor: User, study: Study, user: User, role: str) -> None:
    """Take a role from a person. Their answers stay; their unfinished reads go back to the queue.

    Raises:
        NotAllowed: The actor does not manage the study.
        InvalidInput: The person does not have the role.
        Conflict: It would leave the study without a manager.
    """
    require_manager(actor, study)
    # All managers' rows are locked: of two who remove each other at once one must stay.
    managers = list(study.memberships.select_for_update(no_key=True).filter(role=StudyRole.MANAGER))
    if role == StudyRole.MANAGER and [row.user_id for row in managers] == [user.pk]:
        raise Conflict("last_manager", "A study keeps at least one manager. Add another one first.")
    removed, _ = study.memberships.filter(user=user, role=role).delete()
    if not removed:
        raise InvalidInput("not_a_member", "This person does not have this role here.")
    kinds = [kind for kind in ReadKind.values if role_for(kind) == role]
    unfinished = Read.objects.filter(
        study=study, reader=user, kind__in=kinds, state__in=(ReadState.OPEN, ReadState.LEASED)
    )
    unfinished.update(state=ReadState.OPEN, reader=None, is_assigned=False, leased_at=None, lease_until=None)
    _record(actor, study, "study.member_removed", {"user": str(user.pk), "role": role})


def _move(actor: User, study: Study, sources: Sequence[StudyState], target: StudyState) -> Study:
    moved = Study.objects.filter(pk=study.pk, state__in=sources).update(state=target)
    study.refresh_from_db(fields=["state"])
    if moved != 1:
        raise Conflict("study_state", f"The study is {study.state}; it cannot become {target}.")
    _record(actor, study, f"study.{'opened' if target == StudyState.OPEN else target}", {})
    return study


def _record(actor: User, study: Study, action: str, facts: dict[str, object]) -> None:
    record_event(chain=study_chain(study), actor=actor, action=action, target=study, facts=facts)
