"""The whole hostile corpus as one upload: what each file is told, what it costs, and what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from generation.ingest.rejection import DETAILS
from tests.generation.ingest.builders import (
    REPOSITORY,
    Outcome,
    encoded,
    ingest_in_child,
    stage,
    texture,
    zipped,
)
from tests.generation.ingest.hostile import disguises
from tests.generation.ingest.hostile.corpus import OK, whole_corpus

FILES = whole_corpus()
HONEST = {OK, "blank"}
DECODED = [file for file in FILES if HONEST & set(file.codes)]
REFUSED = [file for file in FILES if not HONEST & set(file.codes)]
OPTIONS = {"channels": "rgb", "drop_duplicates": False, "folder_classes": True}
CPU_SECONDS = 120

# Everything that is opened for writing, made or renamed goes through an audit hook, as do sockets and programs.
_WATCHED = """
import atexit, json, os, runpy, sys
report, seen = sys.argv.pop(1), {"written": [], "forbidden": []}
def hook(event, args):
    if event == "open" and isinstance(args[0], (str, bytes)) and (args[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        seen["written"].append(os.path.realpath(os.fsdecode(args[0])))
    elif event in ("os.mkdir", "os.rename", "os.link", "os.symlink", "os.truncate"):
        seen["written"].append(os.path.realpath(os.fsdecode(args[0])))
    elif event.startswith(("socket.bind", "socket.connect", "socket.send", "socket.getaddrinfo", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "pickle.find_class")):
        seen["forbidden"].append(event)
def finish():
    seen["status"] = open("/proc/self/status").read()
    open(report, "w").write(json.dumps(seen))
atexit.register(finish)
sys.addaudithook(hook)
runpy.run_module("generation.ingest", run_name="__main__", alter_sys=True)
"""


class Watched:
    """One ingest in its child, with what it wrote, asked for and cost."""

    def __init__(self, folder: Path, uploads: list[bytes]) -> None:
        work = folder / "work"
        spec = {
            "work": str(work), "files": stage(folder / "up", uploads), "options": OPTIONS,
            "limits": {"cpu_seconds": CPU_SECONDS},
        }  # fmt: skip
        (folder / "spec.json").write_text(json.dumps(spec))
        ran = subprocess.run(
            [sys.executable, "-c", _WATCHED, str(folder / "report"), "ingest", str(folder / "spec.json")],
            cwd=REPOSITORY, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TMPDIR": str(folder / "tmp")},
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        self.report: dict[str, Any] = json.loads((folder / "report").read_text())
        self.outcome = Outcome(work, json.loads(ran.stdout.splitlines()[-1]), ran.stdout, ran.stderr)
        peak = re.search(r"VmHWM:\s*(\d+) kB", self.report["status"])
        assert peak
        self.peak_mib = int(peak[1]) / 1024

    def codes_of(self, ordinal: int) -> tuple[str, ...]:
        """What became of one upload's places, in their order."""
        rows = [(row["ordinal"], row["code"]) for row in self.outcome.rejected]
        rows += [(row["ordinal"], OK) for row in self.outcome.accepted]
        own = [(_numbers(place), code) for place, code in rows if _numbers(place)[0] == ordinal]
        return tuple(code for _, code in sorted(own))


def _numbers(place: str) -> list[int]:
    return [int(part) for part in re.split(r"[/#]", place)]


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> float:
    """What the child takes for one honest picture, MiB."""
    folder = tmp_path_factory.mktemp("honest")
    return ingest_in_child(folder, [encoded(texture(1, (64, 64, 3)))], OPTIONS).peak_mib


@pytest.fixture(scope="module", params=["refused", "decoded"])
def watched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Watched]:
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "tmp").mkdir()
    disguises.MARKER.unlink(missing_ok=True)
    uploads = [file.build() for file in (REFUSED if request.param == "refused" else DECODED)]
    return request.param, Watched(folder, uploads)


def test_every_file_says_why_it_is_here() -> None:
    assert len(FILES) >= 120
    assert len({file.name for file in FILES}) == len(FILES)
    for file in FILES:
        assert len(file.why) > 4, file.name
        assert file.mirrors, file.name
        assert set(file.codes) <= {*DETAILS, OK}, file.name


def test_each_file_is_refused_or_read_as_expected(watched: tuple[str, Watched]) -> None:
    which, ran = watched
    files = REFUSED if which == "refused" else DECODED
    found = {file.name: ran.codes_of(ordinal) for ordinal, file in enumerate(files, start=1)}
    assert found == {file.name: file.codes for file in files}


def test_each_refusal_has_a_place_and_a_sentence(watched: tuple[str, Watched]) -> None:
    _, ran = watched
    for row in ran.outcome.rejected:
        assert re.fullmatch(r"\d+(/\d+)?(#\d+)?", row["ordinal"])
        assert row["detail"].endswith(".")
        assert "{" not in row["detail"]


def test_memory_is_bounded(watched: tuple[str, Watched], baseline: float) -> None:
    """What is refused costs next to nothing; what is decoded costs what pictures within the caps cost."""
    which, ran = watched
    assert ran.peak_mib - baseline < (100 if which == "refused" else 500)


def test_nothing_is_written_outside_the_work_folder_and_nothing_else_is_started(
    watched: tuple[str, Watched],
) -> None:
    _, ran = watched
    root = os.path.realpath(ran.outcome.work)
    outside = {
        path
        for path in ran.report["written"]
        if path not in {root, os.devnull} and not path.startswith(root + os.sep)
    }
    own = {path for path in outside if path.endswith(".pyc") or "__pycache__" in path}
    assert outside - own - {os.path.realpath(ran.outcome.work.parent / "report")} == set()
    assert len(ran.report["written"]) > 5
    assert ran.report["forbidden"] == []
    assert list((ran.outcome.work.parent / "tmp").iterdir()) == []
    assert not (ran.outcome.work / "scratch").exists()


def test_logs_tell_of_no_fault(watched: tuple[str, Watched]) -> None:
    _, ran = watched
    for word in ("Error", "Traceback", "Warning", "RecursionError"):
        assert word not in ran.outcome.stderr


def test_nothing_of_a_disguise_is_stored(watched: tuple[str, Watched]) -> None:
    _, ran = watched
    for path in ran.outcome.work.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert b"<script" not in data
            assert b"PK\x03\x04" not in data
            assert path.suffix != ".png" or data.startswith(b"\x89PNG")


def test_no_program_in_a_file_was_run(watched: tuple[str, Watched]) -> None:
    assert not disguises.MARKER.exists()


def test_the_programs_would_run_if_they_were_loaded() -> None:
    """The other half of the test before: the marker does appear where somebody unpickles."""
    load = "import pickle, sys; pickle.load(sys.stdin.buffer)"
    subprocess.run([sys.executable, "-c", load], input=disguises.program(), check=True)
    assert disguises.MARKER.exists()
    disguises.MARKER.unlink()


_TRIES = """
import os, socket, subprocess, sys, threading
from generation.ingest.confine import deny_network_and_programs
early = threading.Event()
def late():
    early.wait()
    tries()
def tries():
    for wish in (socket.socket, lambda: subprocess.run(["true"])):
        try:
            wish()
        except PermissionError:
            print("refused")
        else:
            print("done")
thread = threading.Thread(target=late)
thread.start()
tries()
print(deny_network_and_programs())
tries()
early.set()
thread.join()
"""


def test_readers_have_no_network_and_start_no_program() -> None:
    """Also in threads that ran before."""
    ran = subprocess.run(
        [sys.executable, "-c", _TRIES], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    lines = ran.stdout.split()
    assert lines[:2] == ["done"] * 2
    if lines[2] == "False":
        pytest.skip("this kernel has no filter of system calls")
    assert lines[3:] == ["refused"] * 4


def test_an_upload_of_nothing_but_refusals_is_not_followed_to_its_end(tmp_path: Path) -> None:
    """Thousands of small zips with thousands of empty members each would otherwise fill memory with reasons."""
    crowd = zipped([(str(number), b"") for number in range(40)])
    outcome = ingest_in_child(tmp_path, [crowd, crowd, encoded(texture(1))], limits={"refusals": 50})
    assert outcome.status == 0
    assert len(outcome.rejected) == 51
    assert outcome.rejected[-1]["ordinal"] == "2/11"
    assert outcome.rejected[-1]["code"] == "too_many_refusals"
