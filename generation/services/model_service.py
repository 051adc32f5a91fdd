"""The door to the model service: a few images at once, nothing stored.

The only module of the web process that opens a connection, and only to the address in the settings.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
from django.conf import settings

from generation.models import Generator, GeneratorState
from generation.services.access import require_use
from generation.services.batches import check_truncation
from generation.services.generators import publish_weights
from synthlab.accounts.models import User
from synthlab.core.exceptions import Conflict, InvalidInput, Unavailable

SECRET_HEADER = "X-Model-Service-Secret"  # noqa: S105 (a header's name)
RECIPE_HEADER = "X-Synthlab-Recipe"
FORMATS = ("zip", "grid", "npz")
TIMEOUT = httpx.Timeout(35.0, connect=2.0)  # seconds; the service itself gives up after 30
# What is wrong with the service's copy of the weights, not with the request.
_COPY_CODES = ("unknown_generator", "wrong_digest", "bad_weights", "unknown_architecture")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What the service made.

    Attributes:
        content: a zip of PNG files, one PNG grid, or an npz: the same bytes for the same recipe and encoder.
        content_type: of it.
        recipe: JSON; what all images have in common.
    """

    content: bytes
    content_type: str
    recipe: str


def sample_generator(
    *,
    actor: User,
    generator: Generator,
    count: int | None = None,
    seed: int | None = None,
    latents: Sequence[Sequence[float]] | None = None,
    truncation: float = 1.0,
    class_key: str | None = None,
    format: str = "zip",
) -> Sample:
    """Sample an approved generator now, by a seed or at the caller's own latent vectors.

    Raises:
        NotAllowed: The actor may not use the data set.
        Conflict: The generator is not approved, or its weights are damaged.
        InvalidInput: An unknown class, no class where one is needed, a number out of range, or what the service refuses.
        Unavailable: The service is down or busy; batches go on.
    """
    require_use(actor, generator.dataset)
    _require_approved(generator)
    request: dict[str, Any] = {"digest": generator.digest, "format": format}
    if latents is None:
        check_truncation(truncation)
        request |= {"seed": seed, "count": count, "truncation": truncation}
    else:
        request["latents"] = latents
    if class_key is None and generator.classes:
        known = ", ".join(generator.classes)
        raise InvalidInput("class_needed", f"class_key: this generator makes images of {known}; name one.")
    if class_key is not None:
        number = len(latents) if latents is not None else count or 0
        request["classes"] = [_class_index(generator, class_key)] * number
    return _ask(generator, request)


def _require_approved(generator: Generator) -> None:
    if generator.state == GeneratorState.RETIRED:
        raise Conflict("generator_retired", "This generator is retired and makes no new images.")
    if generator.state != GeneratorState.APPROVED:
        raise Conflict(
            "generator_not_approved", "Only approved generators are served at once; ask for a batch instead."
        )


def _class_index(generator: Generator, class_key: str) -> int:
    try:
        return int(generator.classes.index(class_key))
    except ValueError as error:
        known = ", ".join(generator.classes) or "no classes"
        raise InvalidInput("unknown_class", f"class_key: this generator knows {known}.") from error


def _ask(generator: Generator, request: dict[str, Any]) -> Sample:
    answer = _post(request)
    if (
        _code(answer) in _COPY_CODES
    ):  # the service's folder was emptied, or its copy cut short: give it another
        with contextlib.suppress(FileNotFoundError):  # then the second answer is the first
            publish_weights(generator)
        answer = _post(request)
    if answer.status_code == 200:
        return Sample(
            content=answer.content,
            content_type=answer.headers["Content-Type"],
            recipe=answer.headers.get(RECIPE_HEADER, "{}"),
        )
    raise _problem(answer)


def _post(request: dict[str, Any]) -> httpx.Response:
    try:
        return _client().post(
            f"{settings.MODEL_SERVICE_URL}/sample",
            json=request,
            headers={SECRET_HEADER: settings.MODEL_SERVICE_SECRET},
        )
    except httpx.HTTPError as error:
        raise Unavailable(
            "model_service_down",
            "The model service does not answer. Batches are not affected; try again shortly.",
        ) from error


@cache
def _client() -> httpx.Client:
    """One for the process: making one reads certificates, which takes longer than a small sample.

    Connections are not kept, so that none of them outlives a service that was started again. `trust_env` is off: a proxy
    of the environment must never see images.
    """
    return httpx.Client(timeout=TIMEOUT, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


def _code(answer: httpx.Response) -> str:
    """The code of a refusal; empty where there is none."""
    if answer.status_code == 200 or answer.headers.get("Content-Type") != "application/json":
        return ""
    body = answer.json()
    return str(body.get("code", "")) if isinstance(body, dict) else ""


def _problem(answer: httpx.Response) -> Conflict | InvalidInput | Unavailable:
    code = _code(answer)
    if code in _COPY_CODES:
        return Conflict(
            "weights_damaged",
            "The stored weights of this generator are damaged, so it makes no images. Bring the file back from a backup; "
            "other generators are not affected.",
        )
    if answer.status_code == 422:
        return InvalidInput(code or "bad_request", f"{answer.json().get('detail', 'It was refused')}.")
    if answer.status_code == 503:
        wait = int(answer.headers.get("Retry-After", 5))
        if code == "worker_lost":
            return Unavailable(
                "model_service_restarting",
                "The model service was interrupted while it made these images, and is starting again. Nothing was lost "
                "but this request; send it once more.",
                retry_after=wait,
            )
        return Unavailable(
            "model_service_busy",
            "The model service is busy or starting. Batches are not affected; try again shortly.",
            retry_after=wait,
        )
    if answer.status_code == 401:
        return Unavailable(
            "model_service_secret",
            "The model service does not know this server: the two hold different secrets. Tell an admin; batches are "
            "not affected.",
            retry_after=60,
        )
    return Unavailable(
        "model_service_failed",
        "The model service failed on this request; its log says why. Batches are not affected.",
    )
