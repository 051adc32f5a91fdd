"""The child protocol, tried on real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from generation.child import BadInput, Reporter
from tests.present import present

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = textwrap.dedent(
    """
    import os, sys, time
    from generation.child import BadInput, child_main

    def work(spec, reporter):
        print("a stray print")
        os.write(1, b"a stray write\\n")
        os.system("echo a stray grandchild")
        reporter.progress("counting", 1, 2, speed=3.5)
        reporter.metric(1, {"loss": 0.25, "broken": float("nan")})
        reporter.cursor({"step": 1})
        reporter.artifact("samples", spec["work"] + "/a.png", step=1)
        reporter.warning("few_images", "only 9")
        return {"echo": spec["value"]}

    def wait(spec, reporter):
        reporter.progress("waiting", 0, 1)
        while not reporter.should_stop:
            time.sleep(0.01)
        return {"stopped": True}

    def hold(spec, reporter):
        reporter.progress("holding", 0, 1)
        while True:
            time.sleep(60)

    def refuse(spec, reporter):
        raise BadInput("too_few_images", "8 are needed")

    def crash(spec, reporter):
        raise RuntimeError("a bug")

    def fill(spec, reporter):
        with open("/dev/full", "w") as full:
            full.write("x")

    child_main({"fill": fill, "work": work, "wait": wait, "hold": hold, "refuse": refuse, "crash": crash})
    """
)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    (tmp_path / "spec.json").write_text(json.dumps({"work": str(tmp_path), "value": "köln"}))
    return path


def start(program: Path, verb: str, spec: str = "spec.json", **kwargs: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(program), verb, str(program.parent / spec)],
        stdin=kwargs.pop("stdin", subprocess.PIPE),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        **kwargs,
    )


def finish(process: subprocess.Popen[bytes]) -> tuple[list[dict[str, Any]], str]:
    """Wait without closing stdin first, as a worker does."""
    assert process.stdout
    assert process.stderr
    out, err = process.stdout.read(), process.stderr.read()
    process.wait(10)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            stream.close()
    return [json.loads(line) for line in out.splitlines()], err.decode()


def first_line(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    assert process.stdout
    line: dict[str, Any] = json.loads(process.stdout.readline())
    return line


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_gone(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not is_running(pid):
            return True
        time.sleep(0.01)
    return False


def test_only_protocol_lines_reach_stdout(program: Path) -> None:
    process = start(program, "work")
    lines, log = finish(process)
    assert process.returncode == 0
    assert lines == [
        {
            "type": "progress",
            "phase": "counting",
            "done": 1,
            "total": 2,
            "facts": {"speed": 3.5},
        },
        {"type": "metric", "step": 1, "values": {"loss": 0.25}},
        {"type": "cursor", "cursor": {"step": 1}},
        {
            "type": "artifact",
            "kind": "samples",
            "path": f"{program.parent}/a.png",
            "step": 1,
        },
        {"type": "warning", "code": "few_images", "detail": "only 9"},
        {"type": "result", "echo": "köln"},
    ]
    for stray in ("a stray print", "a stray write", "a stray grandchild"):
        assert stray in log


def test_stop_is_seen(program: Path) -> None:
    process = start(program, "wait")
    first_line(process)
    assert process.poll() is None
    assert process.stdin
    process.stdin.write(b"stop\n")
    process.stdin.flush()
    lines, _ = finish(process)
    assert lines[-1] == {"type": "result", "stopped": True}
    assert process.returncode == 0


def test_end_of_stdin_kills_within_a_second(program: Path) -> None:
    process = start(program, "hold")
    first_line(process)
    assert process.stdin
    closed_at = time.monotonic()
    process.stdin.close()
    assert process.wait(1) == 129
    assert time.monotonic() - closed_at < 1
    finish(process)


def test_without_a_pipe_the_work_runs_unwatched(program: Path) -> None:
    process = start(program, "work", stdin=subprocess.DEVNULL)
    lines, _ = finish(process)
    assert lines[-1]["type"] == "result"


def test_parent_killed_ends_the_child_though_the_pipe_stays_open(program: Path) -> None:
    # A forgotten copy of the pipe's other end must not keep the child alive: the death signal has to do it.
    reader, writer = os.pipe()
    parent_code = textwrap.dedent(
        f"""
        import os, subprocess, sys, time
        child = subprocess.Popen(
            [sys.executable, {str(program)!r}, "hold", {str(program.parent / "spec.json")!r}],
            stdin={reader}, stdout=subprocess.PIPE)
        child.stdout.readline()
        print(child.pid, flush=True)
        time.sleep(60)
        """
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", parent_code],
        stdout=subprocess.PIPE,
        pass_fds=[reader],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_running(child)
        parent.send_signal(signal.SIGKILL)
        parent.wait(5)
        assert wait_gone(child, 2)
    finally:
        parent.kill()
        parent.wait()
        present(parent.stdout).close()
        os.close(reader)
        os.close(writer)


def test_interrupt_is_left_to_the_parent(program: Path) -> None:
    process = start(program, "wait")
    first_line(process)
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    assert process.stdin
    process.stdin.write(b"stop\n")
    process.stdin.flush()
    finish(process)
    assert process.returncode == 0


def test_bad_input_is_an_error_line_and_status_3(program: Path) -> None:
    process = start(program, "refuse")
    lines, log = finish(process)
    assert lines == [{"type": "error", "code": "too_few_images", "detail": "8 are needed"}]
    assert process.returncode == 3
    assert "Traceback" not in log


def test_a_full_disk_is_said_in_words(program: Path) -> None:
    process = start(program, "fill")
    lines, _ = finish(process)
    [line] = lines
    assert (line["type"], line["code"], process.returncode) == ("error", "disk_full", 3)
    assert "make room" in line["detail"]


def test_a_bug_is_a_crash_with_its_traceback_on_stderr(program: Path) -> None:
    process = start(program, "crash")
    lines, log = finish(process)
    assert lines == []
    assert process.returncode == 1
    assert "RuntimeError: a bug" in log


@pytest.mark.parametrize("content", [None, "{not json", "[1, 2]"])
def test_an_unreadable_spec_is_bad_input(program: Path, content: str | None) -> None:
    if content is not None:
        (program.parent / "other.json").write_text(content)
    process = start(program, "work", spec="other.json")
    lines, _ = finish(process)
    assert [line["code"] for line in lines] == ["bad_spec"]
    assert process.returncode == 3


def test_an_unknown_verb_is_wrong_usage(program: Path) -> None:
    process = start(program, "dance")
    lines, log = finish(process)
    assert (lines, process.returncode) == ([], 2)
    assert "usage" in log


def test_a_parent_that_stops_listening_ends_the_child(program: Path) -> None:
    process = start(program, "work")
    assert process.stdout
    process.stdout.close()
    process.stdout = None
    assert process.wait(5) == 129
    assert process.stderr
    assert process.stdin
    process.stderr.close()
    process.stdin.close()


def test_reporter_can_be_used_without_a_process() -> None:
    lines: list[str] = []
    Reporter(lines.append).progress("x", 1, 1)
    assert json.loads(lines[0])["phase"] == "x"
    assert str(BadInput("a", "b")) == "a: b"
