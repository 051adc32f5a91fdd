"""``python -m evaluation.ml evaluate|extract|import-weights SPEC.json``."""

from __future__ import annotations

from typing import Any

from generation.child import Reporter, child_main


def _evaluate(spec: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    from evaluation.ml.evaluate import evaluate

    return evaluate(spec, reporter)


def _extract(spec: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    from evaluation.ml.evaluate import extract

    return extract(spec, reporter)


def _import_weights(spec: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    from evaluation.ml.inception_import import import_weights

    return import_weights(spec, reporter)


# Imported inside the verbs: until `child_main` has tied this process to its parent, it would outlive it.
if __name__ == "__main__":
    child_main({"evaluate": _evaluate, "extract": _extract, "import-weights": _import_weights})
