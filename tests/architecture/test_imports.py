"""The import contracts of pyproject.toml, and proof that they bite."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONTRACT_FILES = ("pyproject.toml", "synthlab", "generation", "evaluation", "annotation")
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(LINT_IMPORTS), "--no-cache"]
    return subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True
    )


@pytest.fixture
def copied_tree(repository, tmp_path) -> Path:
    """The packages in a folder of their own, where a fault can be planted."""
    for name in CONTRACT_FILES:
        source = repository / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    return tmp_path


def test_the_tree_keeps_its_contracts(repository):
    outcome = lint_imports(repository)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


FAULTS = {
    "an app imports upward": ("generation/models/planted.py", "import evaluation.models\n"),
    "core imports an app": ("synthlab/core/planted.py", "import generation.models\n"),
    "a module that no layer knows": ("generation/misc.py", ""),
    "pure code imports django": ("evaluation/ml/planted.py", "import django.db\n"),
    "ingest imports torch": ("generation/ingest/planted.py", "import torch\n"),
    "a service imports torch": ("generation/services/planted.py", "import torch\n"),
    "a second door to the queue": ("synthlab/core/planted.py", "import django_q.tasks\n"),
    "a model imports a service": ("generation/models/planted.py", "import generation.services\n"),
    "the client imports the server": ("synthlab/client/planted.py", "import synthlab.core.models\n"),
}
# A contract about what a process loads needs the planted file to be on a loaded path.
LOADED_FROM = {"a service imports torch": "synthlab/urls.py"}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_breaks_a_contract(copied_tree, fault):
    name, text = FAULTS[fault]
    planted = copied_tree / name
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(text, encoding="utf-8")
    if entry := LOADED_FROM.get(fault):
        with (copied_tree / entry).open("a", encoding="utf-8") as file:
            file.write(f"import {name.removesuffix('.py').replace('/', '.')}\n")
    outcome = lint_imports(copied_tree)
    assert outcome.returncode != 0, f"no contract noticed: {fault}\n{outcome.stdout}"
    assert "broken" in outcome.stdout.lower() or "exhaustive" in outcome.stdout.lower()
