"""What annotation puts on the menu and the home page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.db.models import Count, Q, QuerySet
from django.urls import reverse

from annotation.models import (
    DECIDED_ITEM_STATES,
    Annotation,
    Item,
    ItemState,
    SnapshotHold,
    Study,
    StudyRole,
    StudyState,
)
from annotation.services.progress import reader_progress
from synthlab.core.navigation import HomeCard, register_home_section, register_nav

if TYPE_CHECKING:
    from synthlab.accounts.models import User


def register() -> None:
    register_nav("Studies", "study-pages", order=10)
    register_home_section(cards)


def cards(user: User) -> Iterator[HomeCard]:
    yield from _reading(user)
    yield from _reviewing(user)
    yield from _managing(user)


def _reading(user: User) -> Iterator[HomeCard]:
    for study in Study.objects.with_role(user, StudyRole.READER).filter(state=StudyState.OPEN)[:5]:
        progress = reader_progress(user, study)
        left = progress.total - progress.done
        if left:
            yield HomeCard(
                title=f"Read: {study.title}",
                text=f"{progress.done} of {progress.total} images done.",
                url=reverse("workbench", args=[study.pk]),
                action="Go on reading" if progress.done else "Start reading",
                count=left,
                order=1,
            )


def _reviewing(user: User) -> Iterator[HomeCard]:
    for study in Study.objects.with_role(user, StudyRole.REVIEWER)[:5]:
        waiting = Item.objects.filter(study=study, state=ItemState.REVIEW).count()
        disputed = Item.objects.filter(study=study, state=ItemState.DISPUTED).count()
        if waiting:
            yield HomeCard(
                title=f"Review: {study.title}",
                text="Readings wait for a second person.",
                url=reverse("review-page", args=[study.pk]),
                action="Review them",
                count=waiting,
                order=5,
            )
        if disputed and study.state == StudyState.OPEN:
            yield HomeCard(
                title=f"Settle: {study.title}",
                text="Readers disagree about these images; an own reading decides.",
                url=reverse("workbench", args=[study.pk]),
                action="Read them",
                count=disputed,
                order=6,
            )


def _managing(user: User) -> Iterator[HomeCard]:
    managed = Study.objects.with_role(user, StudyRole.MANAGER)
    late = Annotation.objects.usable_late().filter(read__study__in=managed)
    if count := late.count():
        study = late.values_list("read__study", flat=True)[0]
        yield HomeCard(
            title="Late answers",
            text="They came after their image had gone to someone else. They are kept; decide whether to use them.",
            url=reverse("study-page", args=[study]),
            action="Look at them",
            count=count,
            tone="warn",
            order=8,
        )
    yield from _deciding(managed)
    yield from _progressing(managed)
    if user.is_scientist and not managed.exists():
        yield HomeCard(
            title="Make a study",
            text="Let clinicians label and discard the images of a released batch.",
            url=reverse("study-new"),
            action="Make a study",
            order=40,
        )


def _deciding(managed: QuerySet[Study]) -> Iterator[HomeCard]:
    """Snapshots that a withdrawal holds until a manager has decided."""
    waiting = SnapshotHold.objects.undecided().filter(snapshot__study__in=managed)
    for hold in waiting.select_related("snapshot")[:5]:
        yield HomeCard(
            title=f"Held: {hold.snapshot.name}",
            text="Real images were withdrawn from which its generators had learnt, or may have. Nothing of it is exported until "
            "you allow or forbid it.",
            url=reverse("snapshot-page", args=[hold.snapshot_id]),
            action="Decide",
            tone="warn",
            order=7,
        )


def _progressing(managed: QuerySet[Study]) -> Iterator[HomeCard]:
    """How far the studies of a manager have come."""
    images, decided = Count("items"), Count("items", filter=Q(items__state__in=DECIDED_ITEM_STATES))
    accepted = Count("items", filter=Q(items__state=ItemState.ACCEPTED))
    rows = managed.exclude(state=StudyState.DRAFT).annotate(images=images, decided=decided, accepted=accepted)
    for study in rows.order_by("-created_at")[:5]:
        yield HomeCard(
            title=f"Study: {study.title}",
            text=f"{study.decided} of {study.images} images decided, {study.accepted} accepted; {study.state}.",
            url=reverse("study-page", args=[study.pk]),
            action="Look at it",
            order=30,
        )
