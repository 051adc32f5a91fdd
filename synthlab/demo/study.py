"""What the demo study asks its readers."""

from __future__ import annotations

from typing import Any

SCHEMA: dict[str, Any] = {
    "name": "Colon glands, DAB",
    "mode": "one",
    "classes": [
        {
            "key": "dab_positive_gland",
            "title": "DAB-positive gland",
            "colour": "#d98a3d",
            "box": "required",
            "polygon": "optional",
        },
        {
            "key": "dab_negative_gland",
            "title": "DAB-negative gland",
            "colour": "#4f9dde",
            "box": "required",
            "polygon": "optional",
        },
        {"key": "stroma", "title": "Stroma", "colour": "#6fbf73", "box": "optional"},
        {"key": "normal", "title": "Normal", "kind": "normal", "colour": "#b0bec5"},
        {"key": "cannot_assess", "title": "Cannot assess", "kind": "cannot_assess", "colour": "#9aa4b2"},
    ],
    "sites": [{"key": "colon", "title": "Colon"}],
    "discard_reasons": [
        {"key": "checkerboard", "title": "Checkerboard or grid pattern"},
        {"key": "blur", "title": "Blurred or smeared"},
        {"key": "impossible", "title": "Anatomically impossible"},
        {"key": "colour", "title": "Stain colour cannot be real"},
        {"key": "other", "title": "Other"},
    ],
}

GUIDELINE = (
    "Name what fills most of the tile. Where it is a gland, draw a box around it: brown rim means DAB-positive, "
    "blue only means DAB-negative. Discard what could not come from a microscope, and say why."
)
