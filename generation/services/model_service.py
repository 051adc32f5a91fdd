"""The door to the model service: a few images at once, nothing stored.

The only module of the web process that opens a connection, and only to the address in the settings.
"""

from __future__ import annotations

import base64
import io
import zipfile
from typing import Any

import httpx
from django.conf import settings

from generation.models import Generator, GeneratorState
from generation.services.access import require_use
from synthlab.accounts.models import User
from synthlab.core.exceptions import Conflict, InvalidInput, Unavailable

SECRET_HEADER = "X-Model-Service-Secret"  # noqa: S105 (a header's name)
TIMEOUT_SECONDS = 35.0  # the service itself gives up after 30

# The same request gives the same bytes.
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def sample_zip(
    *,
    actor: User,
    generator: Generator,
    count: int,
    seed: int,
    truncation: float = 1.0,
    class_key: str | None = None,
) -> bytes:
    """Sample an approved generator now.

    Returns:
        A zip of PNG files, the same bytes for the same recipe and encoder.

    Raises:
        NotAllowed: The actor may not use the data set.
        Conflict: The generator is not approved.
        InvalidInput: An unknown class, or what the service refuses.
        Unavailable: The service is down or busy; batches go on.
    """
    require_use(actor, generator.dataset)
    if generator.state != GeneratorState.APPROVED:
        raise Conflict(
            "generator_not_approved", "Only approved generators are served at once; ask for a batch instead."
        )
    request: dict[str, Any] = {
        "digest": generator.digest,
        "seed": seed,
        "count": count,
        "truncation": truncation,
    }
    if class_key is not None:
        request["classes"] = [_class_index(generator, class_key)] * count
    return _zip(_ask(request)["images"])


def _class_index(generator: Generator, class_key: str) -> int:
    try:
        return int(generator.classes.index(class_key))
    except ValueError as error:
        known = ", ".join(generator.classes) or "no classes"
        raise InvalidInput("unknown_class", f"class_key: this generator knows {known}.") from error


def _ask(request: dict[str, Any]) -> dict[str, Any]:
    try:
        # trust_env off: a proxy of the environment must never see images.
        with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            answer = client.post(
                f"{settings.MODEL_SERVICE_URL}/sample",
                json=request,
                headers={SECRET_HEADER: settings.MODEL_SERVICE_SECRET},
            )
    except httpx.HTTPError as error:
        raise Unavailable(
            "model_service_down",
            "The model service does not answer. Batches are not affected; try again shortly.",
        ) from error
    if answer.status_code == 422:
        problem = answer.json()
        raise InvalidInput(
            problem.get("code", "bad_request"), problem.get("detail", "The service refused it.")
        )
    if answer.status_code != 200:
        raise Unavailable(
            "model_service_busy",
            "The model service is busy or starting. Batches are not affected; try again shortly.",
        )
    body: dict[str, Any] = answer.json()
    return body


def _zip(images: list[dict[str, Any]]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for image in images:
            entry = zipfile.ZipInfo(f"{image['index']:06d}.png", date_time=_ZIP_EPOCH)
            archive.writestr(entry, base64.b64decode(image["png"]))
    return stream.getvalue()
