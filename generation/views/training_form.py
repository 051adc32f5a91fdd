"""The page that starts a training, from the defaults or from another run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from generation.ingest.advice import FEW_OF_A_CLASS
from generation.ml.config import ARCHITECTURE_DEFAULTS, DTYPES, PRESETS
from generation.models import Dataset, Split, Training
from generation.services import access
from generation.services.composition import composition_of
from generation.services.preflight import check_start, checked_config
from synthlab.core.exceptions import InvalidInput
from synthlab.core.people import person_of

ARCHITECTURES = {
    "dcgan-s": "dcgan-s: made for a few hundred images",
    "dcgan": "dcgan: the textbook baseline",
}
PRESET_WORDS = {
    "quick": "To see that everything works. The images will be coarse.",
    "standard": "What most data sets need.",
    "best": "Three times as long. Worth it where the curve of the standard length still falls at its end.",
}
AUGMENTATIONS = {
    "symmetry": "flips and quarter turns: only where the data set allows them",
    "translation": "shifts by up to an eighth, so that no motif is tied to its place",
    "cutout": "hides a square, so that no single spot decides",
    "colour": "brightness, saturation and contrast: stains and exposures differ",
}
DTYPE_WORDS = {
    "auto": "automatic",
    "float32": "float32",
    "bfloat16": "bfloat16",
}


@dataclass(frozen=True)
class Setting:
    """A field of the advanced settings.

    Attributes:
        name: of `TrainConfig`.
        label, help: for people.
        lowest, step: of the number field.
    """

    name: str
    label: str
    help: str
    lowest: str = "0"
    step: str = "any"


ADVANCED = (
    Setting("steps", "Steps", "How long to train, in place of the preset's.", "1", "1"),
    Setting("batch_size", "Batch size", "Images a step, a multiple of 4. Less takes less memory.", "4", "4"),
    Setting(
        "g_filters",
        "Generator filters",
        "Width at the finest scale. More draw finer and take longer.",
        "4",
        "1",
    ),
    Setting("d_filters", "Discriminator filters", "Fewer learn the images by heart less easily.", "4", "1"),
    Setting("latent_size", "Latent numbers", "What an image is made from.", "1", "1"),
    Setting("g_lr", "Generator learning rate", "Lower it where a run diverges or collapses."),
    Setting("d_lr", "Discriminator learning rate", "Lower it where it tells nothing apart for long."),
    Setting("r1_gamma", "R1 penalty", "Holds the discriminator back. More against overfitting, 0 for none."),
    Setting("r1_every", "R1 every … steps", "The penalty is costly and changes slowly.", "1", "1"),
    Setting(
        "lr_decay_kimg",
        "Decay of the step sizes",
        "Thousands of images after which they have halved; 0 keeps them.",
    ),
    Setting("ema_half_life_kimg", "Averaging half-life", "In thousands of images; 0 follows each step."),
    Setting("sample_every", "Look every … steps", "Grid, distance and gap are measured so often.", "1", "1"),
    Setting(
        "checkpoint_every", "Checkpoint every … steps", "So much is lost at most when power fails.", "1", "1"
    ),
)
# What a link may suggest: the buttons below a run that diverged, collapsed or took too much memory.
SUGGESTED = tuple(setting.name for setting in ADVANCED)


@login_required
@require_safe
def training_form(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Start a training on a data set; `?from=` a run takes that run's settings over."""
    person = person_of(request)
    dataset = get_object_or_404(Dataset.objects.visible_to(person), pk=pk)
    context: dict[str, Any] = {"dataset": dataset, "may_use": access.may_use(person, dataset)}
    if dataset.is_ready and context["may_use"]:
        parent = _parent(request, dataset)
        try:
            check_start(dataset, {}, seed=None)  # what no setting mends is said before anything is filled in
            context |= _form(dataset, parent, request.GET)
        except InvalidInput as error:
            context["refusal"] = error.detail
    return render(request, "generation/training_form.html", context)


def _parent(request: HttpRequest, dataset: Dataset) -> Training | None:
    name = request.GET.get("from", "")
    try:
        return get_object_or_404(dataset.trainings, pk=UUID(name)) if name else None
    except ValueError:
        return None


def _form(dataset: Dataset, parent: Training | None, query: Mapping[str, str]) -> dict[str, Any]:
    base = checked_config(dataset, {}, 0)
    if parent is not None:
        base |= parent.config
    return {
        "parent": parent,
        "architectures": [{"value": name, "label": ARCHITECTURES[name]} for name in ARCHITECTURE_DEFAULTS],
        "presets": [
            {"value": name, "label": name, "help": PRESET_WORDS[name], "steps": PRESETS[name]["steps"]}
            for name in PRESETS
        ],
        "chosen_preset": "" if parent else "standard",
        "base": base,
        "settings": [
            {"field": one, "usual": _number(base[one.name]), "value": query.get(one.name, "")[:20]}
            for one in ADVANCED
        ],
        "is_changed": any(name in query for name in SUGGESTED),
        "augmentations": [
            {"value": name, "help": help, "is_on": name in base["augment"]}
            for name, help in AUGMENTATIONS.items()
            if dataset.channels != 1 or name != "colour"
        ],
        "dtypes": [{"value": name, "label": DTYPE_WORDS[name]} for name in DTYPES],
        "classes": _classes(dataset, base["class_targets"]),
        "few": FEW_OF_A_CLASS,
    }


def _classes(dataset: Dataset, targets: Mapping[str, float]) -> list[dict[str, Any]]:
    """The classes that the training images have."""
    parts = {part.split: part.classes for part in composition_of(dataset).splits}
    found = [one for one in parts[Split.TRAIN] if one.key and one.images]
    return [
        {
            "key": one.key,
            "title": one.title,
            "count": one.images,
            "share": round(100 * targets.get(one.key, 1 / len(found)), 1),
            "is_few": one.is_scarce,
        }
        for one in found
    ]


def _number(value: Any) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
