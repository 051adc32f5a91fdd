"""The keys of the reading page and which of them a person may change. Pure.

The page has the same table with words beside it (`static/js/view/shortcuts.js`); a test holds the two equal.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from typing import Final

READING: Final = ("reading",)
ALWAYS: Final = ("reading", "discard", "skip")

# What the keys must always be able to do: get out, find the list, place and move marks, and say how sure one is.
FIXED: Final[dict[str, tuple[str, ...]]] = {
    **{f"confidence:{n}": (f"Shift+{n}",) for n in range(1, 6)},
    "cancel": ("Escape",),
    **{name.lower(): (f"Arrow{name}", f"Ctrl+Arrow{name}") for name in ("Left", "Right", "Up", "Down")},
    "narrower": ("Shift+ArrowLeft", "Ctrl+Shift+ArrowLeft"),
    "wider": ("Shift+ArrowRight", "Ctrl+Shift+ArrowRight"),
    "lower": ("Shift+ArrowUp", "Ctrl+Shift+ArrowUp"),
    "taller": ("Shift+ArrowDown", "Ctrl+Shift+ArrowDown"),
    "help": ("?",),
}  # fmt: skip

# Action: its keys, and where it answers to them.
CHANGEABLE: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "submit": (("Enter",), READING),
    "discard": (("X",), ALWAYS),
    "skip": (("S",), ALWAYS),
    "flag": (("F",), READING),
    "comment": (("C",), READING),
    "undo": (("Z", "Ctrl+Z"), ALWAYS),
    "redo": (("Shift+Z", "Ctrl+Shift+Z", "Ctrl+Y"), READING),
    "history": (("H",), ALWAYS),
    "extend": (("L",), ALWAYS),
    "tool:select": (("V",), READING),
    "tool:box": (("B",), READING),
    "tool:extreme": (("Shift+B",), READING),
    "tool:polygon": (("O",), READING),
    "tool:point": (("P",), READING),
    "next-shape": ((".", "J"), READING),
    "previous-shape": ((",", "K"), READING),
    "delete": (("Delete", "Backspace"), READING),
    "hide": (("Space",), ALWAYS),
    "zoom-in": (("+", "="), ALWAYS),
    "zoom-out": (("-",), ALWAYS),
    "fit": (("E",), ALWAYS),
    "actual": (("Shift+E",), ALWAYS),
    "smooth": (("N",), ALWAYS),
    "invert": (("I",), ALWAYS),
    "tool:window": (("W",), READING),
    "window-reset": (("Q",), ALWAYS),
    "preset-previous": (("[",), ALWAYS),
    "preset-next": (("]",), ALWAYS),
    "guideline": (("G",), ALWAYS),
}

_NAMED = {"Enter", "Space", "Delete", "Backspace", "Insert", "Home", "End", "PageUp", "PageDown"}
_SIGNS = set(string.punctuation) - {"?"}
_LETTER = re.compile(r"(Shift\+)?[A-Z]\Z")


def may_be_bound(key: str) -> bool:
    """Whether an action may be put on a key: a letter, with Shift or without, a sign, or an editing key.

    Digits belong to the findings, `?` to the list of keys, Esc and Tab to everybody, Ctrl to the browser.
    """
    return key in _NAMED or key in _SIGNS or bool(_LETTER.match(key))


def faults_in(bindings: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with a person's own keys, by action; nothing: they can be used.

    Args:
        bindings: Action → the one key that stands in place of its usual ones. Those with Ctrl stay beside it.
    """
    faults: dict[str, str] = {}
    for action, key in bindings.items():
        if action in FIXED:
            faults[action] = "The key of this action cannot be changed."
        elif action not in CHANGEABLE:
            faults[action] = "There is no such action."
        elif not may_be_bound(key):
            faults[action] = "This key is taken by the page or the browser; use a letter or a sign."
    return faults or _collisions(bindings)


def _collisions(bindings: Mapping[str, str]) -> dict[str, str]:
    owners: dict[tuple[str, str], str] = {}
    faults: dict[str, str] = {}
    # Own keys last: the fault is then told at the key that the person has just chosen.
    for action in sorted(CHANGEABLE, key=lambda name: name in bindings):
        keys, places = CHANGEABLE[action]
        own = (bindings[action],) if action in bindings else keys
        for place in places:
            for key in own:
                owner = owners.setdefault((place, key), action)
                if owner != action:
                    faults[action] = f"{key} is already the key of “{owner}”."
    return faults
