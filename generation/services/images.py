"""Handing out the pixels of real images: every look is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.core.signing import BadSignature, TimestampSigner
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase

from generation.models import Dataset, SourceImage
from synthlab.accounts.models import User
from synthlab.core.audit import dataset_chain, record_event
from synthlab.core.files import serve_file

# A pass is good for as long as a page of thumbnails may take to load, and a look back at it.
PASS_SECONDS = 600
_signer = TimestampSigner(salt="generation.thumbnail")


def record_looks(*, actor: User, dataset: Dataset, images: Sequence[SourceImage]) -> dict[UUID, str]:
    """Write down that a page of thumbnails was shown, one event for all of them, and let the page fetch them.

    An event for each picture would queue them all up for the one head of the audit chain. So the page is recorded as a
    whole, with every id, before it is answered; each thumbnail is then fetched with a pass that is good for this person,
    this image and ten minutes.

    Returns:
        The pass of each image, by its id.
    """
    if images:
        record_event(
            chain=dataset_chain(dataset),
            actor=actor,
            action="real_images.viewed",
            target=dataset,
            facts={"images": [str(image.pk) for image in images], "size": "thumbnail"},
        )
    return {image.pk: _pass_of(actor, image) for image in images}


def _pass_of(actor: User, image: SourceImage) -> str:
    named = _named(actor, image)
    return _signer.sign(named).removeprefix(f"{named}:")


def _named(actor: User, image: SourceImage) -> str:
    return f"{actor.pk}.{image.pk}"


def _is_recorded(actor: User, image: SourceImage, token: str) -> bool:
    """Whether a page that was recorded gave out this pass, lately, to this person and for this image."""
    try:
        _signer.unsign(f"{_named(actor, image)}:{token}", max_age=PASS_SECONDS)
    except BadSignature:
        return False
    return True


def serve_thumbnail(
    request: HttpRequest, *, actor: User, image: SourceImage, token: str = ""
) -> HttpResponseBase:
    """Serve a real image, small, to someone with `view_real`: with a pass as part of a recorded page, else recorded."""
    if not _is_recorded(actor, image, token):
        return serve_real_image(request, actor=actor, image=image, thumbnail=True)
    return serve_private(request, image.thumbnail_digest or image.digest)


@transaction.atomic
def serve_real_image(
    request: HttpRequest, *, actor: User, image: SourceImage, thumbnail: bool = False
) -> HttpResponseBase:
    """Serve a real image to someone with `view_real`; each look is audited, none is cached."""
    record_event(chain=dataset_chain(image.dataset), actor=actor, action="real_image.viewed", target=image)
    digest = image.thumbnail_digest if thumbnail and image.thumbnail_digest else image.digest
    return serve_private(request, digest)


def serve_private(request: HttpRequest, digest: str) -> HttpResponseBase:
    """Serve a stored picture of a patient so that nothing on the way keeps it. Whoever calls this has recorded the look."""
    response = serve_file(request, digest, content_type="image/png", immutable=False)
    response.headers["Cache-Control"] = "private, no-store"
    return response
