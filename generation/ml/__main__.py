"""``python -m generation.ml train|sample|serve SPEC.json``."""

from __future__ import annotations

from typing import Any

from generation.child import Reporter, child_main


def _train(spec: dict[str, Any], report: Reporter) -> dict[str, Any]:
    from generation.ml.verbs import train_verb

    return train_verb(spec, report)


def _sample(spec: dict[str, Any], report: Reporter) -> dict[str, Any]:
    from generation.ml.verbs import sample_verb

    return sample_verb(spec, report)


def _serve(spec: dict[str, Any], report: Reporter) -> dict[str, Any]:
    from generation.ml.serve import serve_verb

    return serve_verb(spec, report)


# The import of torch takes seconds: each verb pays for it only once its spec was found to be readable.
if __name__ == "__main__":  # LitServe's worker imports this module again, under another name
    child_main({"train": _train, "sample": _sample, "serve": _serve})
