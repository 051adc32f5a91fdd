"""A label schema as people write it: one line for each class, site and reason."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import slugify

from annotation.models import RegionRule, SchemaMode

_MARKS = ("box", "polygon", "point")
_RULES = {"": RegionRule.REQUIRED, "required": RegionRule.REQUIRED, "optional": RegionRule.OPTIONAL}


class SchemaForm(forms.Form):
    """Lines such as `DAB-positive gland | box` or `Stroma | polygon optional`."""

    name = forms.CharField(
        max_length=120, label="Name", help_text="The same name again makes the next version."
    )
    mode = forms.ChoiceField(
        choices=[(SchemaMode.ONE, "exactly one finding"), (SchemaMode.MANY, "one or more findings")],
        label="Each image has",
    )
    classes = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 6}),
        label="Findings",
        help_text="One a line; after a bar the mark it needs: “Gland | box”, “Lesion | polygon optional”. "
        "“Normal” and “Cannot assess” are added by themselves.",
    )
    sites = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        required=False,
        label="Anatomical sites",
        help_text="One a line.",
    )
    discard_reasons = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 4}),
        label="Reasons to discard",
        initial="Not realistic\nArtefact\nBlurred\nDuplicate",
        help_text="One a line; readers choose them by a digit.",
    )

    def clean_classes(self) -> list[dict[str, str]]:
        return [_class(line) for line in _lines(self.cleaned_data["classes"])]

    def clean_sites(self) -> list[dict[str, str]]:
        return [_titled(line) for line in _lines(self.cleaned_data["sites"])]

    def clean_discard_reasons(self) -> list[dict[str, str]]:
        return [_titled(line) for line in _lines(self.cleaned_data["discard_reasons"])]

    def wishes(self) -> dict[str, Any]:
        """The arguments of the service."""
        return dict(self.cleaned_data)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _titled(line: str) -> dict[str, str]:
    key = slugify(line).replace("-", "_")[:60].strip("_")
    if not key:
        raise ValidationError(f"“{line}” has no letter or digit from which a key could be made.")
    return {"key": key, "title": line}


def _class(line: str) -> dict[str, str]:
    title, *marks = [part.strip() for part in line.split("|")]
    row = _titled(title)
    for mark in marks:
        kind, _, rule = re.sub(r"\s+", " ", mark.lower()).partition(" ")
        if kind not in _MARKS or rule not in _RULES:
            raise ValidationError(
                f"“{mark}” is not a mark: write box, polygon or point, and optional where it may be left out."
            )
        row[kind] = _RULES[rule]
    return row
