"""Independent readers in environments of their own, so that their pins and licences never meet ours.

A reader is a script of this folder that prints what it read as one JSON value; `read` runs it with the Python of an
environment that `NAME.txt` lists. Environments are made at the first call, under `var/oracles/`, and again when their
list changes. Scripts import nothing of this project.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FOLDER = ROOT / "var" / "oracles"


def read(environment: str, script: str, *arguments: object) -> Any:
    """What a script of this folder says about its arguments."""
    command = [str(python_of(environment)), str(HERE / f"{script}.py"), *map(str, arguments)]
    # No proxy, no hub: a reader that wants the network fails here.
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "NO_ALBUMENTATIONS_UPDATE": "1"}
    with_home = {**os.environ, **offline, "PYTHONPATH": ""}
    done = subprocess.run(command, env=with_home, capture_output=True, text=True, timeout=280)
    if done.returncode:
        raise AssertionError(f"{script} could not read it:\n{done.stderr[-4000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def python_of(name: str) -> Path:
    """The Python of an environment; made when it is not there as its list says."""
    folder, listed = FOLDER / name, (HERE / f"{name}.txt").read_bytes()
    python, mark = folder / "bin" / "python", folder / "complete"
    wanted = hashlib.sha256(listed).hexdigest()
    if mark.exists() and mark.read_text() == wanted:
        return python
    venv.create(folder, with_pip=True, clear=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--requirement", str(HERE / f"{name}.txt")]
    print(f"making the environment {name} of independent readers", file=sys.stderr)
    subprocess.run(command, check=True, stdout=sys.stderr)
    mark.write_text(wanted)
    return python
