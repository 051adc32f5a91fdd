"""Generators: registered from a training or a file, approved, retired."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from generation.models import Dataset, Generator, GeneratorState, Training
from generation.services.access import may_view_real, require_owner
from generation.services.manifests import freeze_manifest
from synthlab.accounts.models import User
from synthlab.core.audit import dataset_chain, record_event
from synthlab.core.exceptions import Conflict, InvalidInput, NotAllowed
from synthlab.core.files import StoredFile, path_of, serve_file, store_files

MAX_HEADER_BYTES = 1024**2

_DESCRIBED = {
    "architecture": str, "image_size": int, "channels": int, "latent_size": int, "classes": list, "step": int
}  # fmt: skip


def read_header(path: Path) -> dict[str, Any]:
    """What a generator file says of itself, without loading a tensor.

    A safetensors file begins with the length of its JSON header (8 bytes, little-endian); ours keeps one JSON
    string under `__metadata__.synthlab`. Format: https://github.com/huggingface/safetensors (README, "Format").

    Raises:
        InvalidInput: Not a safetensors file, or not one of a generator.
    """
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if not 2 <= length <= MAX_HEADER_BYTES:
                raise ValueError("header length")
            header = json.loads(file.read(length))
        described: dict[str, Any] = json.loads(header["__metadata__"]["synthlab"])
        if not all(type(described[name]) is kind for name, kind in _DESCRIBED.items()):
            raise ValueError("description")
    except (ValueError, KeyError, TypeError, RecursionError, struct.error) as error:
        raise InvalidInput(
            "not_a_generator",
            "This file is not a generator: only safetensors files made by SynthLab are read.",
        ) from error
    return described


@transaction.atomic
def register_generator(
    *,
    actor: User,
    dataset: Dataset,
    stored: StoredFile,
    card: dict[str, Any],
    training: Training | None = None,
    name: str = "",
) -> Generator:
    """Make a candidate Generator of a stored weights file; the same digest again is the same Generator.

    Raises:
        InvalidInput: The file is not a generator's.
        Conflict: The same weights belong to another data set.
    """
    known = Generator.objects.filter(digest=stored.digest).first()
    if known:
        if known.dataset_id != dataset.pk:
            raise Conflict("generator_of_other_dataset", "These weights belong to another data set.")
        return known
    header = read_header(path_of(stored.digest))
    generator = Generator.objects.create(
        dataset=dataset,
        training=training,
        name=name or f"{header['architecture']} {header['image_size']} px, step {header['step']}",
        digest=stored.digest,
        size=stored.size,
        architecture=header["architecture"],
        image_size=header["image_size"],
        channels=header["channels"],
        latent_size=header["latent_size"],
        classes=header["classes"],
        card=card,
    )
    record_event(
        chain=dataset_chain(dataset),
        actor=actor,
        action="generator.registered",
        target=generator,
        facts={"digest": generator.digest, "training": str(training.pk) if training else None},
    )
    return generator


@transaction.atomic
def import_generator(
    *, actor: User, dataset: Dataset, path: Path, name: str, card: dict[str, Any]
) -> Generator:
    """Bring a generator file in; only safetensors are read, and only their header until it is sampled.

    Raises:
        NotAllowed: The actor is not the owner of the data set.
        InvalidInput: The file is not a generator's.
    """
    require_owner(actor, dataset)
    read_header(path)
    freeze_manifest(dataset)
    [stored] = store_files([path])
    return register_generator(actor=actor, dataset=dataset, stored=stored, card=card, name=name)


@transaction.atomic
def serve_weights(request: HttpRequest, *, actor: User, generator: Generator) -> HttpResponseBase:
    """Serve a generator's file to someone with `view_real`; each time is audited.

    Whoever has the file can make its images again anywhere, and can also search it for what it learnt from.

    Raises:
        NotAllowed: The actor does not hold `view_real`.
        NotFound: The file is not in the store.
    """
    if not may_view_real(actor, generator.dataset):
        raise NotAllowed(
            "view_real_needed",
            "Weights are handed out to those who may see the real images they learnt from.",
        )
    record_event(
        chain=dataset_chain(generator.dataset),
        actor=actor,
        action="generator.downloaded",
        target=generator,
        facts={"digest": generator.digest},
    )
    name = f"{generator.digest}.safetensors"
    response = serve_file(
        request, generator.digest, content_type="application/octet-stream", filename=name, immutable=False
    )
    response.headers["Cache-Control"] = "private, no-store"
    return response


@transaction.atomic
def approve_generator(*, actor: User, generator: Generator, reason: str) -> Generator:
    """Candidate → approved: from now on its batches may fill studies and the model service serves it.

    Args:
        actor: The owner of the data set.
        generator: A candidate.
        reason: Why: what its evaluation showed, or why there is none.

    Raises:
        NotAllowed: The actor is not the owner.
        InvalidInput: No reason was given.
        Conflict: The generator is not a candidate.
    """
    require_owner(actor, generator.dataset)
    if not reason.strip():
        raise InvalidInput("reason_needed", "Say why this generator is approved.")
    changed = Generator.objects.filter(pk=generator.pk, state=GeneratorState.CANDIDATE).update(
        state=GeneratorState.APPROVED,
        approved_by=actor,
        approved_at=timezone.now(),
        approval_reason=reason,
    )
    if changed != 1:
        raise Conflict("generator_not_candidate", f"This generator is {generator.state} already.")
    generator.refresh_from_db()
    publish_weights(generator)
    record_event(
        chain=dataset_chain(generator.dataset),
        actor=actor,
        action="generator.approved",
        target=generator,
        facts={"digest": generator.digest},
        personal={"reason": reason},
    )
    return generator


@transaction.atomic
def retire_generator(*, actor: User, generator: Generator) -> Generator:
    """Approved or candidate → retired: no new batches; what it made stays.

    Raises:
        NotAllowed: The actor is not the owner.
        Conflict: It is retired already.
    """
    require_owner(actor, generator.dataset)
    rows = Generator.objects.filter(pk=generator.pk).exclude(state=GeneratorState.RETIRED)
    if rows.update(state=GeneratorState.RETIRED) != 1:
        raise Conflict("generator_retired", "This generator is retired already.")
    generator.refresh_from_db()
    # Not before it is sure: an approved generator must not lose its file to a transaction that failed.
    transaction.on_commit(lambda: _served_file(generator).unlink(missing_ok=True))
    record_event(
        chain=dataset_chain(generator.dataset),
        actor=actor,
        action="generator.retired",
        target=generator,
        facts={"digest": generator.digest},
    )
    return generator


def _served_file(generator: Generator) -> Path:
    return Path(settings.GENERATOR_ROOT) / f"{generator.digest}.safetensors"


def publish_weights(generator: Generator) -> None:
    """Put the weights where the model service looks; it can read nothing else of ours."""
    target = _served_file(generator)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = target.with_suffix(f".{uuid4().hex}.part")  # two requests may bring it at once
    try:
        shutil.copyfile(path_of(generator.digest), temporary)
        temporary.rename(target)
    finally:
        temporary.unlink(missing_ok=True)
