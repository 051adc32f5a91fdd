"""What generation puts on the menu and the home page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.urls import reverse

from generation.models import Dataset, Generator, GeneratorState, Training, TrainingState
from synthlab.core.navigation import HomeCard, register_home_section, register_nav

if TYPE_CHECKING:
    from synthlab.accounts.models import User


def register() -> None:
    register_nav("Data sets", "dataset-pages", shown=has_datasets, order=20)
    register_nav("Generators", "generator-pages", shown=has_datasets, order=30)
    register_home_section(cards)


def has_datasets(user: User) -> bool:
    """Scientists always see the pages; others once somebody shared a data set with them."""
    return user.is_scientist or Dataset.objects.visible_to(user).exists()


def cards(user: User) -> Iterator[HomeCard]:
    if not has_datasets(user):
        return
    datasets = Dataset.objects.visible_to(user)
    if not datasets.exists():
        yield HomeCard(
            title="Bring a data set",
            text="Upload a folder of real images: they are cleaned, de-identified and split before anything is trained.",
            url=reverse("dataset-pages"),
            action="Make a data set",
            order=10,
        )
    running = (
        Training.objects.visible_to(user).filter(state=TrainingState.RUNNING).order_by("created_at").first()
    )
    if running:
        yield HomeCard(
            title="Training",
            text=f"{running.dataset.name}: step {running.step}",
            url=reverse("training-page", args=[running.pk]),
            action="Watch it",
            order=15,
        )
    candidates = Generator.objects.visible_to(user).filter(state=GeneratorState.CANDIDATE)
    if count := candidates.count():
        yield HomeCard(
            title="Generators to judge",
            text="Candidates may make a few images so that they can be evaluated and approved.",
            url=reverse("generator-pages"),
            action="Look at them",
            count=count,
            order=20,
        )
