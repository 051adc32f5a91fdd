"""Late answers: kept when a read had gone to someone else, and offered to the manager."""

from __future__ import annotations

from django.db import transaction

from annotation.models import LIVE_READ_STATES, Annotation, Read, ReadKind, ReadState
from annotation.services.access import require_manager
from annotation.services.answers import check_answer
from annotation.services.images import image_of
from annotation.services.reading import take_answer
from synthlab.accounts.models import User
from synthlab.core.audit import record_event, study_chain
from synthlab.core.exceptions import Conflict


@transaction.atomic
def use_late_answer(*, actor: User, annotation: Annotation) -> Annotation:
    """Make a late answer the answer of its read, as long as that one has no other.

    The read goes back to the person who answered late; whoever holds it now is told so when they save, and what they
    have done is kept as a late answer in its turn.

    Raises:
        NotAllowed: The actor does not manage the study.
        Conflict: The read is answered meanwhile, its reader has read the image otherwise, or this is no late answer.
        InvalidInput: The answer is not complete.
    """
    require_manager(actor, annotation.read.study)
    rows = Read.objects.select_related("study__schema", "item__synthetic_image", "item__source_image")
    read = rows.select_for_update(of=("self",), no_key=True).get(pk=annotation.read_id)
    if annotation.is_final or not annotation.is_late or read.state not in (ReadState.OPEN, ReadState.LEASED):
        raise Conflict(
            "late_answer_unusable", "The read has its answer already; the late one stays kept beside it."
        )
    author = annotation.author
    if _has_read(read, author):
        raise Conflict("already_theirs", "This person has read the image in another read of theirs.")
    image = image_of(read.item)
    checked = check_answer(annotation.draft, read.study.schema, width=image.width, height=image.height)
    record_event(
        chain=study_chain(read.study),
        actor=actor,
        action="read.late_answer_used",
        target=read,
        facts={"author": str(author.pk), "instead_of": str(read.reader_id) if read.reader_id else None},
    )
    annotation.delete()  # it becomes the final one
    return take_answer(actor=author, read=read, checked=checked)


def _has_read(read: Read, author: User) -> bool:
    others = Read.objects.filter(item=read.item_id, reader=author, kind=ReadKind.PRIMARY)
    return others.filter(state__in=LIVE_READ_STATES).exclude(pk=read.pk).exists()
