"""The manager holds up images as examples of a class, beside the guideline.

An image that somebody will still read is never an exemplar: its class would be given away, and a blinded reader would know
it for a synthetic one.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from annotation.models import ItemState, Read, ReadState, Study, StudyExemplar
from annotation.services.access import require_manager
from annotation.services.filling import released_batches
from evaluation.services.copies import uncleared_among
from generation.models import SyntheticImage
from synthlab.accounts.models import User
from synthlab.core.audit import record_event, study_chain
from synthlab.core.exceptions import Conflict, InvalidInput

MOST_EXEMPLARS = 24
MAX_CAPTION = 200


def exemplar_candidates(study: Study, user: User) -> QuerySet[SyntheticImage]:
    """Images that a manager who may see them can hold up, accepted ones of the study first."""
    batches = released_batches(study, user)
    accepted = study.items.filter(state=ItemState.ACCEPTED, synthetic_image=OuterRef("pk"))
    rows = _not_to_be_read(study).filter(batch__in=batches, pk__in=SyntheticImage.objects.visible_to(user))
    fresh = rows.exclude(pk__in=study.exemplars.values("image"))
    return fresh.alias(is_accepted=Exists(accepted)).order_by("-is_accepted", "-batch__created_at", "index")


@transaction.atomic
def add_exemplar(
    *, actor: User, study: Study, image: SyntheticImage, label_class: str, caption: str
) -> StudyExemplar:
    """Show an image beside the guideline.

    Args:
        actor: A manager of the study.
        study: Its readers see the exemplar from now on; filling it later leaves the image out.
        image: Kept, of a released batch of the study's data set; accepted in this study or not in it at all.
        label_class: Key of the schema's class that it shows.
        caption: What to look at, in at most 200 characters.

    Raises:
        NotAllowed: The actor does not manage the study.
        InvalidInput: `exemplar_caption`, `exemplar_class`, or `exemplar_image`: not of a released batch of this data set.
        Conflict: `exemplar_is_read`: somebody will read it still; `exemplar_known`; `exemplars_full`; or
            `copy_not_cleared`.
    """
    require_manager(actor, study)
    # Filling takes the same lock: an image does not become an item and an exemplar at once.
    locked = Study.objects.select_for_update(no_key=True).get(pk=study.pk)
    if not caption.strip() or len(caption) > MAX_CAPTION:
        raise InvalidInput(
            "exemplar_caption", f"caption: Say what to look at, in at most {MAX_CAPTION} characters."
        )
    row = locked.schema.classes.filter(key=label_class).first()
    if row is None:
        raise InvalidInput("exemplar_class", "label_class: This class is not in the study's schema.")
    _check_image(locked, image, actor)
    exemplar = StudyExemplar.objects.create(
        study=locked, image=image, label_class=row, caption=caption.strip(), chosen_by=actor
    )
    record_event(
        chain=study_chain(study),
        actor=actor,
        action="study.exemplar_added",
        target=exemplar,
        facts={"image": str(image.pk), "class": row.key},
    )
    return exemplar


@transaction.atomic
def remove_exemplar(*, actor: User, exemplar: StudyExemplar) -> None:
    """Show it no more.

    Raises:
        NotAllowed: The actor does not manage the study.
    """
    require_manager(actor, exemplar.study)
    record_event(
        chain=study_chain(exemplar.study),
        actor=actor,
        action="study.exemplar_removed",
        target=exemplar,
        facts={"image": str(exemplar.image_id)},
    )
    exemplar.delete()


def _check_image(study: Study, image: SyntheticImage, actor: User) -> None:
    if image.discard_id or not released_batches(study, actor).filter(pk=image.batch_id).exists():
        raise InvalidInput(
            "exemplar_image", "image: Take a kept image of a released batch of this study's data set."
        )
    if study.exemplars.filter(image=image).exists():
        raise Conflict("exemplar_known", "This image is an exemplar already.")
    if study.exemplars.count() >= MOST_EXEMPLARS:
        raise Conflict("exemplars_full", f"At most {MOST_EXEMPLARS} exemplars; take one away first.")
    if uncleared_among([image.pk]):
        raise Conflict(
            "copy_not_cleared",
            "This image is flagged as a possible copy of a real one and nobody has cleared it.",
        )
    if not _not_to_be_read(study).filter(pk=image.pk).exists():
        raise Conflict(
            "exemplar_is_read",
            "Somebody reads this image still: take one that is accepted, or that is not in the study.",
        )


def _not_to_be_read(study: Study) -> QuerySet[SyntheticImage]:
    pending = Read.objects.filter(item=OuterRef("pk"), state__in=(ReadState.OPEN, ReadState.LEASED))
    hidden = study.items.synthetic().filter(~Q(state=ItemState.ACCEPTED) | Exists(pending))
    # By pixels: of two equal images only one is in a study.
    return SyntheticImage.objects.kept().exclude(
        pixel_digest__in=hidden.values("synthetic_image__pixel_digest")
    )
