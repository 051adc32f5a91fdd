"""Hidden controls: real images among the synthetic ones, which nobody who reads can tell from them by what is sent."""

from __future__ import annotations

import random
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet

from annotation.models import Item, Read, ReadKind, ReadState, Study, StudyState
from annotation.services.access import require_manager
from annotation.services.filling import random_place
from generation.models import SourceImage, Split
from generation.services.access import may_view_real
from synthlab.accounts.models import User
from synthlab.core.audit import dataset_chain, record_event, study_chain
from synthlab.core.exceptions import Conflict, InvalidInput, NotAllowed

MAX_CONTROLS = 1000
_BITS = 8  # of every synthetic image


@transaction.atomic
def add_controls(*, actor: User, study: Study, count: int) -> int:
    """Add real images of the validation part, drawn at random, as hidden controls.

    Only images of the very size, channels and depth of the study's synthetic ones are taken, and only before anything was
    handed out: what came later, or in another shape, would stand out. Each is read by as many people as the others.

    Args:
        actor: A manager of the study who may see the real images of its data set: they show them to its readers.
        study: With its synthetic images.
        count: At most so many, 1 to 1000.

    Returns:
        How many were added; fewer than `count` where there are no more.

    Raises:
        NotAllowed: The actor does not manage the study, or may not see the real images.
        InvalidInput: The count is out of range.
        Conflict: The study holds no images yet, or images of several shapes; or reads were handed out already.
    """
    require_manager(actor, study)
    if not 1 <= count <= MAX_CONTROLS:
        raise InvalidInput("count_out_of_range", f"count: Expected 1 to {MAX_CONTROLS}.")
    # The row is the lock, as it is for fills.
    rows = Study.objects.select_for_update(of=("self",), no_key=True).select_related("dataset")
    locked = rows.get(pk=study.pk)
    if locked.dataset is None or locked.state == StudyState.CLOSED:
        raise Conflict(
            "study_empty", "Fill the study from a released batch first; a closed one takes nothing."
        )
    if not may_view_real(actor, locked.dataset):
        raise NotAllowed("view_real_needed", "Only who may see the real images can show them to readers.")
    if locked.reads.exclude(state=ReadState.OPEN).exists():
        raise Conflict(
            "study_begun", "Reading has begun. Controls that come later than the others would stand out."
        )
    fitting = list(fitting_images(locked).values_list("pk", flat=True))
    chosen = random.SystemRandom().sample(fitting, min(count, len(fitting)))
    items = Item.objects.bulk_create(Item(study=locked, source_image_id=key) for key in chosen)
    Read.objects.bulk_create(
        Read(study=locked, item=item, kind=ReadKind.CONTROL, ordinal=ordinal, shuffle=random_place())
        for item in items
        for ordinal in range(locked.reads_per_item)
    )
    record_event(
        chain=study_chain(study),
        actor=actor,
        action="study.controls_added",
        target=study,
        facts={"added": len(items)},
    )
    # Whose study it is, is not the data set's to know.
    record_event(
        chain=dataset_chain(locked.dataset), actor=actor, action="real_images.shown_to_readers",
        target=locked.dataset, facts={"images": [str(key) for key in chosen]},
    )  # fmt: skip
    return len(items)


def fitting_images(study: Study) -> QuerySet[SourceImage]:
    """Real images that look like the study's synthetic ones by their shape, and are not in it yet.

    Raises:
        Conflict: It holds no synthetic image, or such of several shapes.
    """
    made = study.items.synthetic().order_by()
    shapes = made.values_list(
        "synthetic_image__width", "synthetic_image__height", "synthetic_image__batch__generator__channels"
    ).distinct()
    if len(shapes) != 1:
        raise Conflict(
            "controls_need_one_shape",
            "Controls hide only among images of one size and one number of channels; this study holds "
            f"{len(shapes)} kinds.",
        )
    width, height, channels = shapes[0]
    real = SourceImage.objects.present().in_split(Split.VAL).filter(dataset=study.dataset)
    shown = study.items.filter(source_image__isnull=False).values("source_image")
    return real.filter(width=width, height=height, channels=channels, bits=_BITS).exclude(pk__in=shown)


@dataclass(frozen=True, slots=True)
class ControlFacts:
    """What the page of a study tells its managers.

    Attributes:
        held: Controls in the study.
        fitting: How many more could be added; None where the actor may add none, by right or by time.
    """

    held: int
    fitting: int | None


def control_facts(study: Study, actor: User) -> ControlFacts:
    """Count the controls of a study, and those that its manager could add."""
    held = study.items.filter(source_image__isnull=False).count()
    dataset = study.dataset
    if dataset is None or study.state == StudyState.CLOSED or not may_view_real(actor, dataset):
        return ControlFacts(held, None)
    if study.reads.exclude(state=ReadState.OPEN).exists():
        return ControlFacts(held, None)
    try:
        return ControlFacts(held, fitting_images(study).count())
    except Conflict:
        return ControlFacts(held, None)
