"""When a data set may still take images: until something was built on it, and one upload at a time."""

from __future__ import annotations

from typing import Any

from generation.models import Dataset, Ingest
from synthlab.core.exceptions import Conflict, InvalidInput
from synthlab.core.models import Job

# What decides how the stored images look. All uploads of a data set agree in it.
FORM = ("tile", "image_size", "fit", "channels", "bits", "crop")
_SAME_AS_NONE = {"fit": "crop", "channels": "keep", "bits": 8}


def lock_dataset(dataset: Dataset) -> Dataset:
    """The data set as it is, under the lock that uploads, decisions, withdrawals and trainings take."""
    return Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)


def require_growable(dataset: Dataset) -> None:
    """Refuse new images where something stands on the old ones, or where an upload is being read.

    Raises:
        Conflict: `dataset_in_use` or `ingest_running`.
    """
    require_unused(dataset)
    require_settled(dataset)


def is_in_use(dataset: Dataset) -> bool:
    """Whether a generator was begun on the data set."""
    return dataset.trainings.exists() or dataset.generators.exists()


def require_unused(dataset: Dataset) -> None:
    """Refuse new images where something stands on the old ones.

    Raises:
        Conflict: `dataset_in_use`.
    """
    if is_in_use(dataset):
        raise Conflict(
            "dataset_in_use",
            "A generator was begun on this data set. Images that came now would shift what it is measured against. "
            "Make a new data set for them: upload the old images there again, together with the new ones.",
        )


def require_settled(dataset: Dataset) -> None:
    """Refuse while an upload is being read.

    Raises:
        Conflict: `ingest_running`.
    """
    if is_being_read(dataset):
        raise Conflict(
            "ingest_running",
            "An upload to this data set is being read. Wait for its end, then do this again.",
        )


def is_being_read(dataset: Dataset) -> bool:
    """Whether an upload waits for its reading, or is at it."""
    return dataset.ingests.filter(job__in=Job.objects.live()).exists()


def require_same_form(dataset: Dataset, options: dict[str, Any]) -> None:
    """Refuse an upload whose images would look different from those that are there.

    Raises:
        InvalidInput: `form_differs`, with the options that fit.
    """
    first = first_ingest(dataset)
    if first is None:
        return
    form = form_of(first.options)
    if different := [name for name, value in form_of(options).items() if value != form[name]]:
        named = ", ".join(f"{name} {form[name]}" for name in different)
        raise InvalidInput(
            "form_differs",
            f"All images of a data set have one form. Its first upload was read with: {named}. "
            "Choose the same, or make a new data set.",
            form=form,
        )


def first_ingest(dataset: Dataset) -> Ingest | None:
    """The upload that gave the data set its form."""
    return dataset.ingests.filter(images__isnull=False).order_by("completed_at").first()


def form_of(options: dict[str, Any]) -> dict[str, Any]:
    """The part of an upload's options that decides about form, defaults filled in."""
    form = {name: options.get(name, _SAME_AS_NONE.get(name)) for name in FORM}
    if form["image_size"] is None:
        form["fit"] = _SAME_AS_NONE["fit"]  # without a size there is nothing to fit
    return form
