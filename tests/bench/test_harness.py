"""What a benchmark says must follow from what it measured."""

import json
import os
import subprocess
import sys

import pytest

from bench import __main__ as command
from bench import harness
from bench.harness import Aim, Bench, Result, Run, alternate, execute, run_alone, summarise
from bench.report import table, update_document


def bench_of(ratios, *aims, measure=None):
    result = Result(
        ratios=ratios, columns=["contender", "s"], rows=[["ours", 0.5], ["theirs", 10.0]], notes=["n = 3"]
    )
    return Bench(
        name="pretend", title="A title", minutes=1, aims=aims, measure=measure or (lambda run: result)
    )


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(harness, "STORE", tmp_path / "store")
    monkeypatch.setattr(command, "STORE", tmp_path / "store")
    monkeypatch.setattr(command, "DOCUMENT", tmp_path / "benchmarks.md")
    return tmp_path


def test_benchmarks_are_found_where_nobody_set_django_up(repository):
    kept = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    code = "from bench.__main__ import discover; print(*(one.name for one in discover()))"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, env=kept, capture_output=True, text=True
    )
    assert {"claims", "export", "peers", "sampling", "training"} <= set(told.stdout.split()), told.stderr


def test_alternate_runs_contenders_in_turns_and_turns_the_order_round():
    order = []
    seconds = alternate({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=2, warm_up=1)
    assert order == ["a", "b", "a", "b", "b", "a"]
    assert {name: len(times) for name, times in seconds.items()} == {"a": 2, "b": 2}


@pytest.mark.parametrize(
    ("value", "aim", "held"),
    [
        (20.0, Aim(ratio="speed", at_least=20), True),
        (19.9, Aim(ratio="speed", at_least=20), False),
        (1.3, Aim(ratio="speed", at_most=1.3), True),
        (1.31, Aim(ratio="speed", at_most=1.3), False),
    ],
)
def test_summary_says_whether_the_aim_is_held(value, aim, held):
    assert summarise(bench_of({}, aim), {"speed": value})["held"] is held


def test_summary_leaves_aims_that_were_not_measured_out_of_the_verdict():
    summary = summarise(bench_of({}, Aim(ratio="a", at_least=1), Aim(ratio="b", at_least=1)), {"a": 2.0})
    assert summary["aims"] == {"a": {"at_least": 1}}
    assert summary["unmeasured"] == ["b"]
    assert summary["held"] is True


def test_summary_holds_nothing_when_nothing_was_measured():
    assert summarise(bench_of({}, Aim(ratio="a", at_least=1)), {})["held"] is False


def test_run_alone_ends_with_one_json_line_and_its_status_tells(capsys):
    assert run_alone(bench_of({"speed": 20.0}, Aim(ratio="speed", at_least=10))) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(last) == ["bench", "machine", "ratios", "aims", "unmeasured", "held"]
    assert run_alone(bench_of({"speed": 9.0}, Aim(ratio="speed", at_least=10))) == 1


def test_a_run_that_was_interrupted_goes_on_with_its_finished_cells():
    done = []

    def measured(cell, value):
        done.append(cell)
        return value()

    def measure(run: Run) -> Result:
        first = run.cell("first", lambda: measured("first", lambda: 2.0))
        second = run.cell("second", lambda: measured("second", lambda: 1 / (len(done) - 2)))
        return Result(ratios={"speed": first / second}, columns=["x"], rows=[[1]])

    bench = bench_of({}, Aim(ratio="speed", at_least=1), measure=measure)
    with pytest.raises(ZeroDivisionError):
        execute(bench, quick=False)
    record = execute(bench, quick=False)
    assert done == ["first", "second", "second"]
    assert record["summary"]["ratios"] == {"speed": 2.0}


def test_the_document_replaces_a_section_and_keeps_the_others(store):
    path = store / "benchmarks.md"
    aim = Aim(ratio="speed", at_least=10)
    first = execute(bench_of({"speed": 5.0}, aim), quick=False)
    other = json.loads(json.dumps(first))
    other["summary"]["bench"] = "another"
    for record in (first, other, execute(bench_of({"speed": 50.0}, aim), quick=False)):
        update_document(path, record)
    text = path.read_text(encoding="utf-8")
    assert text.count("<!-- bench:pretend -->") == 1
    assert text.count("<!-- bench:another -->") == 1
    assert "| NO " in text.split("<!-- bench:another -->")[1]
    assert "| yes " in text.split("<!-- bench:another -->")[0]


def test_table_lines_up():
    lines = table(["contender", "s"], [["ours", 0.123456], ["the other one", 12]]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert "0.1235" in lines[2]


def test_full_run_skips_what_is_done_for_the_same_code_and_says_when_one_breaks(store, monkeypatch, capsys):
    runs = []
    result = Result(ratios={"speed": 2.0}, columns=["x"], rows=[[1]])

    def measure(run):
        runs.append(run)
        return result

    def break_down(run):
        raise ValueError("no such luck")

    good = bench_of({}, Aim(ratio="speed", at_least=1), measure=measure)
    broken = Bench(name="broken", title="breaks", minutes=60, aims=[], measure=break_down)
    monkeypatch.setattr(command, "discover", lambda: [broken, good])
    monkeypatch.delenv("QUICK", raising=False)
    assert command.main(["--full"]) == 1
    assert command.main(["--full"]) == 1
    assert len(runs) == 1
    assert "not: broken (broke)" in capsys.readouterr().out
    assert command.main([]) == 0, "a benchmark of an hour is not in the short set"
    assert len(runs) == 2, "the short set measures anew"


def test_every_module_of_bench_that_measures_is_found_and_promises_something():
    found = command.discover()
    assert found
    assert all(one.aims for one in found)
    assert all(one.name.isidentifier() for one in found)
