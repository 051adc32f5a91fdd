"""Real images, for those who hold `view_real`."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from generation.models import Dataset, SourceImage, Split
from generation.services import access, images
from generation.views.datasets import SPLIT_TITLES
from synthlab.core.people import person_of

GALLERY_PAGE = 60


@login_required
@require_safe
def dataset_gallery(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The real images, for those who hold `view_real`."""
    dataset = get_object_or_404(Dataset.objects.visible_to(person_of(request)), pk=pk)
    rows = dataset.images.viewable_by(person_of(request)).present().select_related("group")
    split = request.GET.get("split", "")
    if split in Split.values:
        rows = rows.in_split(split)
    page = Paginator(rows, GALLERY_PAGE).get_page(request.GET.get("page"))
    context = {
        "dataset": dataset,
        "page": page,
        "split": split,
        "splits": [(split.value, title) for split, title in SPLIT_TITLES.items()],
        "may_view_real": access.may_view_real(person_of(request), dataset),
    }
    return render(request, "generation/dataset_gallery.html", context)


@login_required
@require_safe
def real_thumbnail(request: HttpRequest, pk: UUID, image: UUID) -> HttpResponseBase:
    """One real image, small; audited like every look at a real image."""
    rows = SourceImage.objects.viewable_by(person_of(request)).present().filter(dataset=pk)
    row = get_object_or_404(rows.select_related("dataset"), pk=image)
    return images.serve_real_image(request, actor=person_of(request), image=row, thumbnail=True)
