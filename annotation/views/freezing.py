"""The form in which people choose what a snapshot takes, and the same choice in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django import forms

from annotation.models import Study
from annotation.services.choosing import WAYS
from annotation.splits import NAMES
from generation.models import Generator

_SHARES = {"train": 70, "val": 15, "test": 15}
_LISTS = ("classes", "generators", "agreement")


class FreezeForm(forms.Form):
    """What to take (nothing chosen in a list: everything), and whether to split it."""

    classes = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, label="Only with one of these findings"
    )
    generators = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, label="Only of these generators"
    )
    agreement = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=list(WAYS.items()),
        label="Only decided in this way",
    )
    decided_from = forms.DateField(
        required=False, widget=forms.DateInput(attrs={"type": "date"}), label="Decided from"
    )
    decided_until = forms.DateField(
        required=False, widget=forms.DateInput(attrs={"type": "date"}), label="Decided until", help_text="UTC"
    )
    min_confidence = forms.TypedChoiceField(
        required=False,
        coerce=int,
        empty_value=None,
        choices=[("", "any"), *((str(n), f"{n} or more") for n in range(2, 6)), ("1", "any, but given")],
        label="Confidence",
    )
    exclude_cleared = forms.BooleanField(
        required=False, label="Leave out what was once flagged as a possible copy, though cleared"
    )
    split = forms.BooleanField(required=False, label="Split into train, val and test")
    seed = forms.IntegerField(
        required=False, min_value=0, max_value=2**53 - 1, initial=0, label="Seed",
        help_text="The same seed and images give the same splits.",
    )  # fmt: skip

    def __init__(self, *args: Any, study: Study, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._choices("classes", [(row.key, row.title) for row in study.schema.classes.order_by("order")])
        used = Generator.objects.filter(batches__images__items__study=study).distinct()
        self._choices(
            "generators", [(str(row.pk), f"{row.name} ({row.digest[:8]})") for row in used.order_by("name")]
        )
        for name, share in _SHARES.items():
            self.fields[name] = forms.IntegerField(
                required=False, min_value=0, max_value=100, initial=share, label=f"{name.title()}, %"
            )

    def _choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        if isinstance(field, forms.MultipleChoiceField):
            field.choices = choices

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("split") and sum(cleaned.get(name) or 0 for name in NAMES) != 100:
            self.add_error("train", "The three shares add up to 100 %.")
        first, last = cleaned.get("decided_from"), cleaned.get("decided_until")
        if first and last and last < first:
            self.add_error("decided_until", "This day is before the first one.")
        return cleaned

    def filters(self) -> dict[str, Any]:
        """As the services and REST take them: what was not chosen is left out."""
        cleaned = self.cleaned_data
        filters: dict[str, Any] = {name: cleaned[name] for name in _LISTS if cleaned[name]}
        for name in ("decided_from", "decided_until"):
            if cleaned[name]:
                filters[name] = cleaned[name].isoformat()
        if cleaned["min_confidence"] is not None:
            filters["min_confidence"] = cleaned["min_confidence"]
        return {**filters, "exclude_cleared": True} if cleaned["exclude_cleared"] else filters

    def splits(self) -> dict[str, Any] | None:
        """The splits that were asked for, or nothing."""
        cleaned = self.cleaned_data
        if not cleaned["split"]:
            return None
        shares = {name: cleaned[name] / 100 for name in NAMES if cleaned[name]}
        return {"seed": cleaned["seed"] or 0, "shares": shares}


def filter_words(study: Study, filters: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The filters of a snapshot as people read them: what it is about, and the choice."""
    titles = dict(study.schema.classes.values_list("key", "title"))
    names = {str(row.pk): row.name for row in Generator.objects.filter(pk__in=filters.get("generators", ()))}
    said: dict[str, tuple[str, Callable[[Any], str]]] = {
        "classes": ("Findings", lambda keys: ", ".join(titles.get(key, key) for key in keys)),
        "generators": ("Generators", lambda keys: ", ".join(names.get(key, key) for key in keys)),
        "agreement": ("Decided by", lambda ways: ", ".join(WAYS[way] for way in ways)),
        "decided_from": ("Decided from", str),
        "decided_until": ("Decided until", str),
        "min_confidence": ("Confidence", lambda least: f"{least} or more"),
        "exclude_cleared": ("Flagged and cleared", lambda _: "left out"),
    }
    return [(said[name][0], said[name][1](value)) for name, value in filters.items()]
