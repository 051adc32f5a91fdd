"""What this app puts on the home page."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse

from synthlab.accounts.models import LinkPurpose, OneTimeLink, User
from synthlab.core.models import Job, JobState
from synthlab.core.navigation import HomeCard


def people_cards(user: User) -> Iterator[HomeCard]:
    """For admins: who is missing, who has not come yet."""
    if not user.is_admin:
        return
    others = User.objects.filter(is_active=True).exclude(pk=user.pk).count()
    if not others:
        yield HomeCard(
            title="Invite the first people",
            text="A scientist brings images and trains; clinicians read. Each gets a one-time link from you.",
            url=reverse("people"),
            action="Invite",
            tone="warn",
            order=5,
        )
        return
    pending = OneTimeLink.objects.usable().filter(purpose=LinkPurpose.INVITE).count()
    yield HomeCard(
        title="People",
        text=f"{pending} invited who have not come yet."
        if pending
        else "Everybody who was invited has come.",
        url=reverse("people"),
        action="Look after people",
        count=others + 1,
        order=70,
    )


def job_cards(user: User) -> Iterator[HomeCard]:
    """Long work that runs, and work that needs a look."""
    jobs = Job.objects.visible_to(user).filter(parent__isnull=True)
    dead = jobs.filter(state=JobState.DEAD).count()
    if dead:
        yield HomeCard(
            title="Work that gave up",
            text="These jobs crashed again and again. Their logs say why; each can be started again.",
            url=f"{reverse('jobs')}?state=dead",
            action="Look at the logs",
            count=dead,
            tone="bad",
            order=10,
        )
    live = jobs.live().count()
    if live:
        yield HomeCard(
            title="Work in progress",
            text="Training, sampling, evaluation and other long work.",
            url=reverse("jobs"),
            action="Follow the progress",
            count=live,
            order=60,
        )
