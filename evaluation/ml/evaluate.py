"""The verbs: measure a synthetic set against a real split, or only store features (a shard of a larger evaluation)."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.ml.earlier import Earlier, measure
from evaluation.ml.extractors import INCEPTION, LITE0, Extractor, make_extractor
from evaluation.ml.features import FeatureStore, Stopped, feature_rows, store_features
from evaluation.ml.images import ImageSet, parse_refs, read_set, refuse_mismatch
from evaluation.ml.inception_row import fid_part, fid_row, fid_unavailable
from evaluation.ml.limits import limits
from evaluation.ml.panel import Panel
from evaluation.ml.report import FORMAT, MetricResult, shortages, to_json, write_text
from evaluation.ml.subject import Subject, refuse_collapsed
from evaluation.ml.symmetry import CHOICES, symmetry_names
from generation.child import BadInput, Reporter


@dataclass(frozen=True)
class Spec:
    """A checked request."""

    work: Path
    extractor: str
    features: Path
    seed: int
    threads: int
    symmetries: str
    weights: Path | None  # the folder of imported weights

    @classmethod
    def parse(cls, spec: dict[str, Any]) -> Spec:
        """Check the plain fields.

        Raises:
            BadInput: a field is missing or of the wrong kind.
        """
        try:
            parsed = cls(
                work=Path(spec["work"]),
                extractor=str(spec.get("extractor", LITE0)),
                features=Path(spec["features"]),
                seed=int(spec.get("seed", 0)),
                threads=max(1, int(spec.get("threads") or 1)),
                symmetries=str(spec.get("symmetries", "dihedral")),
                weights=Path(spec["weights"]) if spec.get("weights") else None,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput("bad_spec", f"the evaluation's description lacks or misspells {error}") from error
        if parsed.symmetries not in CHOICES:
            raise BadInput("bad_spec", f"symmetries must be one of {', '.join(CHOICES)}")
        return parsed


def evaluate(spec: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Measure ``synthetic`` against ``reference`` with ``training`` as the twin; see the package's docstring.

    Args:
        spec: ``{"work", "features", "extractor"?, "synthetic", "reference", "training", "seed"?, "threads"?,
            "symmetries"?, "weights"?}``; images are ``{"id", "path", "digest"?, "group", "class"?}``.
        reporter: told of progress.

    Returns:
        ``{"report": path, "scores": path, "status", "computed"}``, or ``{"stopped": true}`` after a clean stop.

    Raises:
        BadInput: nothing meaningful can be measured; the code says why.
    """
    request = Spec.parse(spec)
    begun = time.perf_counter()
    sets = read_sets(spec, request, reporter)
    refuse_mismatch(sets["synthetic"], sets["reference"], sets["training"])
    extractor = make_extractor(request.extractor, threads=request.threads, weights=request.weights)
    try:
        subject = make_subject(sets, extractor, request, reporter)
        measured = _measure(subject, request, reporter)
        fid, fid_results = _fid(sets, request, reporter)
        measured = replace(measured, results=(*measured.results, *fid_results))
    except Stopped:
        return {"stopped": True}
    report = build_report(subject, measured, fid, time.perf_counter() - begun)
    request.work.mkdir(parents=True, exist_ok=True)
    report_path, scores_path = request.work / "report.json", request.work / "scores.jsonl"
    write_text(scores_path, "".join(f"{to_json(score)}\n" for score in measured.scores))
    write_text(report_path, to_json(report))
    return {
        "stopped": False,
        "report": str(report_path),
        "scores": str(scores_path),
        "status": subject.status,
    }


def extract(spec: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Store the features of ``images`` and nothing else, so that workers can share a large evaluation.

    Raises:
        BadInput: as `evaluate`.
    """
    request = Spec.parse(spec)
    refs = parse_refs(spec.get("images") or [], "image", grouped=False, least=1)
    extractor = make_extractor(request.extractor, threads=request.threads, weights=request.weights)
    store = FeatureStore(request.features, extractor)
    try:
        return {
            "stopped": False,
            "rows": len(refs),
            "computed": store_features(store, extractor, refs, reporter),
        }
    except Stopped:
        return {"stopped": True}


def read_sets(spec: dict[str, Any], request: Spec, reporter: Reporter) -> dict[str, ImageSet]:
    """Read the three sets of a spec.

    Raises:
        BadInput: as `evaluation.ml.images.parse_refs` and `read_set`.
    """
    names = ("synthetic", "reference", "training")
    refs = {name: parse_refs(spec.get(name) or [], name, grouped=name != "synthetic") for name in names}
    total, done, sets = sum(map(len, refs.values())), 0, {}
    for name in names:
        reporter.progress("reading", done, total)
        sets[name] = read_set(refs[name], name, symmetries=request.symmetries, threads=request.threads)
        done += len(refs[name])
    reporter.progress("reading", done, total)
    return sets


def make_subject(
    sets: dict[str, ImageSet], extractor: Extractor, request: Spec, reporter: Reporter
) -> Subject:
    """Bring sets and stored or computed features together.

    Raises:
        BadInput: features are not finite or all the same.
        Stopped: the parent asked for a clean finish.
    """
    store = FeatureStore(request.features, extractor)
    pictures = [
        pair for images in sets.values() for pair in zip(images.pixel_digests, images.refs, strict=True)
    ]
    rows = feature_rows(store, extractor, pictures, reporter)
    stacked = {
        name: np.stack([rows[digest] for digest in images.pixel_digests]) for name, images in sets.items()
    }
    for name, matrix in stacked.items():
        refuse_collapsed(matrix, name)
    mean = stacked["training"].astype(np.float64).mean(axis=0)
    width, height = sets["synthetic"].size
    return Subject(
        extractor=extractor,
        synthetic=sets["synthetic"],
        reference=sets["reference"],
        training=sets["training"],
        synthetic_rows=stacked["synthetic"] - mean,
        reference_rows=stacked["reference"] - mean,
        training_rows=stacked["training"] - mean,
        seed=request.seed,
        symmetries=symmetry_names(request.symmetries, square=width == height),
    )


def _measure(subject: Subject, request: Spec, reporter: Reporter) -> Panel:
    def tell(name: str, done: int, total: int) -> None:
        if reporter.should_stop:
            raise Stopped
        reporter.progress("measuring", done, total, metric=name)

    return measure(request.features, subject, tell)


def _fid(
    sets: dict[str, ImageSet], request: Spec, reporter: Reporter
) -> tuple[dict[str, Any], list[MetricResult]]:
    """What is said under ``fid``, and its row: a number only with the standard weights."""
    try:
        extractor = make_extractor(INCEPTION, threads=request.threads, weights=request.weights)
    except BadInput as error:
        return fid_unavailable(error.detail), []
    subject = make_subject(sets, extractor, request, reporter)
    earlier = Earlier(request.features, subject)
    earlier.recall()
    found = fid_row(subject)
    earlier.keep()
    return fid_part(found), [found]


def build_report(subject: Subject, measured: Panel, fid: dict[str, Any], seconds: float) -> dict[str, Any]:
    """The report as JSON-ready data (results stay dataclasses; `to_json` turns them)."""
    extractor, preprocessing = subject.extractor, subject.extractor.preprocessing
    flags = sorted({flag for score in measured.scores for flag in score.flags})
    return {
        "format": FORMAT,
        "status": subject.status,
        "extractor": {
            "name": extractor.name,
            "sha256": extractor.digest,
            "dimension": extractor.dimension,
            "calibrated": extractor.calibrated,
            "preprocessing": {
                **asdict(preprocessing),
                "sha256": preprocessing.digest,
                "text": preprocessing.text,
            },
        },
        "fid": fid,
        "counts": subject.counts,
        "sets": dict(_set_facts(subject)),
        "symmetries": list(subject.symmetries),
        "seed": subject.seed,
        "contamination": list(subject.contamination),
        "shortages": list(shortages(subject.counts)),
        "limits": limits(
            subject.counts,
            measured.results,
            calibrated=extractor.calibrated,
            contamination=subject.contamination,
        ),
        "results": list(measured.results),
        "flags": {flag: sum(flag in score.flags for score in measured.scores) for flag in flags},
        "seconds": round(seconds, 3),
    }


def _set_facts(subject: Subject) -> Iterator[tuple[str, dict[str, Any]]]:
    for images in (subject.synthetic, subject.reference, subject.training):
        listed = hashlib.sha256("\n".join(images.pixel_digests).encode()).hexdigest()
        yield (
            images.name,
            {
                "n_images": images.n_images,
                "n_groups": images.n_groups,
                "digest": listed,
                "width": images.size[0],
                "height": images.size[1],
                "mode": images.mode,
            },
        )
