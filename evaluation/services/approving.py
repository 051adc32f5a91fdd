"""Approving a generator on the evidence of an evaluation, or for a stated reason."""

from __future__ import annotations

from django.db import transaction

from evaluation.models import Evaluation, EvaluationState
from generation.models import Generator
from generation.services import generators
from synthlab.accounts.models import User
from synthlab.core.exceptions import InvalidInput


@transaction.atomic
def approve_generator(*, actor: User, generator: Generator, reason: str = "") -> Generator:
    """Candidate → approved, if one of its batches was evaluated or a reason is given.

    Raises:
        NotAllowed: The actor is not the owner.
        InvalidInput: Neither an evaluation nor a reason.
        Conflict: Not a candidate.
    """
    evaluation = (
        Evaluation.objects.filter(image_set__batch__generator=generator, state=EvaluationState.SUCCEEDED)
        .order_by("-completed_at")
        .first()
    )
    if evaluation is None and not reason.strip():
        raise InvalidInput(
            "evidence_needed",
            "No batch of this generator was evaluated yet: evaluate one first, or give a reason.",
        )
    evidence = f"evaluation {evaluation.pk}: {evaluation.verdict}" if evaluation else ""
    text = ". ".join(part for part in (reason.strip(), evidence) if part)
    return generators.approve_generator(actor=actor, generator=generator, reason=text)
