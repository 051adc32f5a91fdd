"""The outline of a report: what a manager reads in five seconds is what the judge decided."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from evaluation.ml.judge import Policy, judge
from evaluation.ml.outline import TOPICS, Part, classes, headline, outline
from synthlab.core.docs import read_page
from tests.architecture.source_tree import ROOT
from tests.evaluation.ml.pictures import run, small_spec
from tests.evaluation.ml.test_judge import report as judged_report

FLOORS = {"fd": 10.0, "kid": 0.01, "coverage": 0.9, "rke": 20.0, "ms_ssim": 0.1, "copies": 0.01}


def whole(status: str = "ok", **changes: Any) -> dict[str, Any]:
    """A report of the judge's tests with what else a result has."""
    found: dict[str, Any] = json.loads(json.dumps(judged_report(status, **changes)))
    for row in found["results"]:
        row.setdefault("floor", FLOORS.get(row["metric"], 0.0))
        row.setdefault(
            "value", row["floor"] * row.get("ratio", 1.0) + row.get("details", {}).get("excess", 0.0)
        )
        row.setdefault("ratio", None)
    return found


def told(report: dict[str, Any]) -> tuple[dict[str, Part], Any]:
    parts = outline(report, Policy())
    return {part.topic.key: part for part in parts}, headline(judge(report, Policy()).decision, report, parts)


def test_what_passes_is_said_in_one_line() -> None:
    parts, head = told(whole())
    assert (head.title, head.tone) == ("Good enough to release", "ok")
    assert {key: part.tone for key, part in parts.items()} == {
        "fidelity": "ok", "diversity": "ok", "copying": "ok", "privacy": "none", "utility": "none",
    }  # fmt: skip


def test_what_fails_is_named_and_nothing_else() -> None:
    parts, head = told(whole(copies={"value": 0.3, "ci_low": 0.2}))
    assert (head.tone, head.because) == ("bad", ("Too many look like copies of real images.",))
    assert [part.tone for part in parts.values()][:3] == ["ok", "ok", "bad"]


def test_at_small_n_a_failure_is_indicative_and_a_copy_still_counts() -> None:
    parts, head = told(whole("insufficient", coverage={"ratio": 0.2}))
    assert (head.title, head.tone) == ("Too little real data to say", "warn")
    assert "Indicative only: not varied enough." in head.because
    assert {parts[key].tone for key in ("fidelity", "diversity")} == {"warn"}
    _, head = told(whole("insufficient", identical={"value": 0.1}))
    assert head.tone == "bad"


@pytest.mark.parametrize("changes", [{}, {"fd": {"ratio": 5.0}}, {"rke": {"ratio": 0.1}}, {"fd": None}])
@pytest.mark.parametrize("status", ["ok", "insufficient", "contaminated"])
def test_the_colour_is_that_of_the_verdict(status: str, changes: dict[str, Any]) -> None:
    report = whole(status, **changes)
    verdict = judge(report, Policy()).decision
    parts = outline(report, Policy())
    assert (
        headline(verdict, report, parts).tone
        == {"release": "ok", "withhold": "bad", "insufficient": "warn"}[verdict]
    )
    assert ("bad" in {part.tone for part in parts}) == (verdict == "withhold")


def test_a_number_lies_inside_what_is_allowed_exactly_when_it_passes() -> None:
    report = whole("ok", fd={"ratio": 3.0}, rke={"ratio": 0.5})
    for part in outline(report, Policy()):
        for line in part.lines:
            if line.outcome is None or line.strip is None or line.metric in {"copies", "duplicates"}:
                continue
            low, high = line.strip.allowed or (0.0, 100.0)
            assert (low <= line.strip.number <= high) != line.outcome.failed, line.metric
            assert 0 <= line.strip.number <= 100


def test_every_topic_is_explained_where_its_link_leads() -> None:
    page = read_page("reference/metrics")
    assert page is not None
    for topic in TOPICS:
        assert f'id="{topic.anchor}"' in page.body, topic.key
    documented = {name for topic in TOPICS for name in topic.metrics}
    assert not [name for name in documented if page.body.count(f'<code id="{name}">{name}</code>') != 1]


def test_a_real_report_keeps_to_its_schema_and_every_number_has_its_place(tmp_path: Any) -> None:
    spec = small_spec(tmp_path)
    for name in ("synthetic", "reference", "training"):
        spec[name] = [{**row, "class": "ab"[at % 2]} for at, row in enumerate(spec[name])]
    report, _ = run(spec)
    schema = json.loads((ROOT / "evaluation" / "report.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(report)
    parts = outline(report, Policy())
    assert "other" not in {part.topic.key for part in parts}, "a metric without a question that it answers"
    overall = [row for row in report["results"] if not row["class_key"]]
    assert sum(len(part.lines) for part in parts) == len(overall)
    histogram = next(row for row in overall if row["metric"] == "nearest_real")["details"]["histogram"]
    assert sum(histogram["synthetic"]) == report["counts"]["n_synth"]
    assert sum(histogram["unseen"]) == report["counts"]["n_real"]
    assert len(histogram["edges"]) == len(histogram["unseen"]) + 1
    assert set(classes(report)) == {row["class_key"] for row in report["results"]} - {""}
    broken = {**report, "results": [{**report["results"][0], "value": "much"}]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(broken)
