"""An image as raw samples over HTTP: the same for every image, whatever it is and wherever it is shown."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.request import Request

from annotation.models import Study
from annotation.services.images import image_tag, read_pixels
from generation.models import SourceImage, SyntheticImage


def answer_pixels(request: Request, study: Study, image: SyntheticImage | SourceImage) -> HttpResponse:
    """Samples row by row: uint8, or uint16 with the low byte first; the shape stands in the headers."""
    tag = f'"{image_tag(study, image)}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}
    if tag in [part.strip() for part in request.headers.get("If-None-Match", "").split(",")]:
        return HttpResponse(status=304, headers=headers)
    raw = read_pixels(image)
    headers |= {
        "X-Image-Width": str(raw.width),
        "X-Image-Height": str(raw.height),
        "X-Image-Channels": str(raw.channels),
        "X-Image-Bits": str(raw.bits),
    }
    return HttpResponse(raw.samples, content_type="application/octet-stream", headers=headers)
