"""Which classes a conditional run knows, and what it may be asked of them. No torch: the web asks before it queues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from generation.child import BadInput


def class_names(names: Sequence[str | None]) -> tuple[str, ...]:
    """The classes of the training images, in the order that the networks count them.

    Args:
        names: the class of each training image; None or empty where it has none.

    Raises:
        BadInput: ``missing_class``, ``one_class``.
    """
    if without := sum(1 for name in names if not name):
        raise BadInput("missing_class", f"{without} of {len(names)} training images have no class")
    classes = tuple(sorted({str(name) for name in names}))
    if len(classes) < 2:
        raise BadInput("one_class", "all training images are of one class; train without classes instead")
    return classes


def require_targets_for(classes: Sequence[str], targets: Mapping[str, float]) -> None:
    """Refuse shares that do not name exactly the classes there are.

    Raises:
        BadInput: ``bad_class_targets``.
    """
    if not targets:
        return
    if unknown := sorted(set(targets) - set(classes)):
        raise BadInput(
            "bad_class_targets",
            f"class_targets: no training image is of the class {unknown[0]!r}; there are {', '.join(classes)}",
        )
    if missing := sorted(set(classes) - set(targets)):
        raise BadInput(
            "bad_class_targets",
            f"class_targets: no share is given for {', '.join(missing)}; without images of it, it would not be learnt",
        )
