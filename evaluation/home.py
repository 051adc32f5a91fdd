"""What evaluation puts on the menu and the home page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.urls import reverse

from evaluation.models import Decision, GateDecision
from generation.home import has_datasets
from generation.models import Batch
from synthlab.core.navigation import HomeCard, register_home_section, register_nav

if TYPE_CHECKING:
    from synthlab.accounts.models import User


def register() -> None:
    register_nav("Batches", "batch-pages", shown=has_datasets, order=40)
    register_home_section(cards)


def cards(user: User) -> Iterator[HomeCard]:
    withheld = GateDecision.objects.live().filter(
        decision=Decision.WITHHELD, batch__in=Batch.objects.visible_to(user), decided_by__isnull=True
    )
    if count := withheld.count():
        yield HomeCard(
            title="Batches held back",
            text="The rule did not release them. Read why, and decide.",
            url=reverse("batch-pages"),
            action="See the reasons",
            count=count,
            tone="warn",
            order=25,
        )
