"""What a batch's gallery may know of its images in studies: that they are in one; more for those who manage it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.urls import reverse

from annotation.models import Item, Study, StudyRole
from evaluation.services.image_uses import Happening
from generation.models import Batch, SyntheticImage
from synthlab.accounts.models import User


def taken(batch: Batch) -> Iterable[int]:
    """Indexes of a batch's images that stand in a study."""
    rows = Item.objects.filter(synthetic_image__batch=batch)
    return rows.values_list("synthetic_image__index", flat=True).iterator()


def history(asker: User, image: SyntheticImage) -> Iterator[Happening]:
    """When an image came into which study and what became of it there.

    Only managers are told which study and how it stands: who reads in it must not learn where an image comes from, and
    what is decided there is the study's to publish.
    """
    managed = Study.objects.filter(memberships__user=asker, memberships__role=StudyRole.MANAGER)
    names = dict(managed.values_list("pk", "title"))
    for item in Item.objects.filter(synthetic_image=image).order_by("created_at"):
        if item.study_id in names:
            yield Happening(
                at=item.created_at,
                title=f"Filled into the study “{names[item.study_id]}”",
                detail=f"There it is {item.get_state_display()} now.",
                url=reverse("study-page", args=[item.study_id]),
            )
        else:
            yield Happening(at=item.created_at, title="Filled into a study")
