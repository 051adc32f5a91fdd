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
def copied_tree(repository: Path, tmp_path: Path) -> Path:
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


HOUSE, LAYERS = "The house points one way", "Layers inside an app"
PURE, SEAM, WEB = (
    "Pure code knows no Django",
    "The child seam needs no torch",
    "The web process never loads torch",
)
QUEUE, CLIENT = "One door to the queue", "The client stands alone"
# What is planted where, and the contract that must notice.
FAULTS = {
    "an app imports upward": ("generation/models/planted.py", "import evaluation.models\n", HOUSE),
    "core imports an app": ("synthlab/core/planted.py", "import generation.models\n", HOUSE),
    "an app imports the demo": ("annotation/models/planted.py", "import synthlab.demo\n", HOUSE),
    "a module that no layer knows": ("generation/misc.py", "", LAYERS),
    "a model imports a service": ("generation/models/planted.py", "import generation.services\n", LAYERS),
    "a service imports a task": ("generation/services/planted.py", "import generation.tasks\n", LAYERS),
    "pure code imports django": ("evaluation/ml/planted.py", "import django.db\n", PURE),
    "pure code imports an app's rows": ("evaluation/ml/planted.py", "import generation.models\n", PURE),
    "ingest imports torch": ("generation/ingest/planted.py", "import torch\n", SEAM),
    "a page imports torch": ("synthlab/urls.py", "import generation.ml.planted\n", WEB),
    "a second door to the queue": ("synthlab/core/planted.py", "import django_q.tasks\n", QUEUE),
    "the client imports the server": ("synthlab/client/planted.py", "import synthlab.core.models\n", CLIENT),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_breaks_its_contract(copied_tree, fault):
    name, text, contract = FAULTS[fault]
    (copied_tree / "generation" / "ml" / "planted.py").write_text("import torch\n", encoding="utf-8")
    with (copied_tree / name).open("a", encoding="utf-8") as file:
        file.write(f"\n{text}")
    outcome = lint_imports(copied_tree)
    assert f"{contract} BROKEN" in outcome.stdout, outcome.stdout + outcome.stderr
