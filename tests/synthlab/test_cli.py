"""The console script: our commands under the names that people type."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from synthlab.cli import command_name


def run(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    env = {**kept, "DJANGO_SETTINGS_MODULE": "synthlab.settings", "SYNTHLAB_HOME": str(home)}
    command = [sys.executable, "-m", "synthlab", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=120)


@pytest.mark.parametrize(
    ("typed", "command"), [("check", "check_data"), ("create-admin", "create_admin"), ("up", "up")]
)
def test_names(typed: str, command: str) -> None:
    assert command_name(typed) == command


def test_without_a_command_it_tells_what_there_is(tmp_path: Path) -> None:
    done = run(home=tmp_path)
    assert done.returncode == 0
    for name in ("up", "check", "doctor", "create-admin", "migrate", "sweep-jobs"):
        assert f"\n  {name} " in done.stdout
    assert "runserver" not in done.stdout


def test_an_unknown_command_is_refused(tmp_path: Path) -> None:
    done = run("nonsense", home=tmp_path)
    assert done.returncode == 2
    assert "there is no command 'nonsense'" in done.stderr


def test_a_bad_configuration_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTHLAB_BIND", "0.0.0.0:8000")
    done = run("doctor", home=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("synthlab: refusing to start: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_home_without_a_database_is_one_line(tmp_path: Path) -> None:
    done = run("create-admin", "first", home=tmp_path)
    assert done.returncode == 1
    assert "synthlab migrate" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_who_leaves_is_no_fault_of_the_program(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "synthlab.settings", "SYNTHLAB_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "synthlab", "weights"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, env=env, timeout=120)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")
