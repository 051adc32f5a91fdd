"""``python -m generation.ml train|sample|replay|measure|probe|serve SPEC.json``."""

from __future__ import annotations

import time
from typing import Any

from generation.child import Reporter, child_main


def _train(spec: dict[str, Any], report: Reporter) -> dict[str, Any]:
    from generation.ml.train_verb import train_verb

    return train_verb(spec, report)


def _sample(spec: dict[str, Any], report: Reporter) -> dict[str, Any]:
    from generation.ml.sample_verb import sample_verb

    return sample_verb(spec, report)


def _replay(spec: dict[str, Any], report: Reporter) -> dict[str, Any]:
    from generation.ml.replay import replay_verb

    return replay_verb(spec, report)


def _measure(spec: dict[str, Any], report: Reporter) -> dict[str, Any]:
    started = time.monotonic()
    from generation.ml.cost_verbs import measure_verb

    return measure_verb(spec, report, start_seconds=time.monotonic() - started)


def _probe(spec: dict[str, Any], report: Reporter) -> dict[str, Any]:
    from generation.ml.cost_verbs import probe_verb

    return probe_verb(spec, report)


def _serve(spec: dict[str, Any], report: Reporter) -> dict[str, Any]:
    from generation.ml.serve import serve_verb

    return serve_verb(spec, report)


# The import of torch takes seconds: each verb pays for it only once its spec was found to be readable.
if __name__ == "__main__":  # LitServe's worker imports this module again, under another name
    child_main(
        {
            "train": _train,
            "sample": _sample,
            "replay": _replay,
            "measure": _measure,
            "probe": _probe,
            "serve": _serve,
        }
    )
