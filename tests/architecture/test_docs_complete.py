"""What the code can do and say, the documents name: kinds of jobs, codes, commands, roles, metrics, links."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse

from annotation.models import StudyRole
from evaluation.ml.attack import RATES
from evaluation.ml.judge import Policy
from evaluation.ml.utility import LABELS
from generation.ingest.rejection import DETAILS
from generation.ml.config import AUGMENTATIONS, PRESETS, TrainConfig
from generation.models import DatasetRole
from synthlab.accounts.models import Role
from synthlab.cli import command_name
from synthlab.core.docs import read_page
from synthlab.core.models import JobState
from tests.architecture.source_tree import CODE, ROOT, parsed, project_files, python_files

DOCS = ROOT / "docs"
REFUSALS = {
    "BadInput", "Conflict", "DomainError", "InvalidInput", "NotAllowed", "NotFound", "PreconditionFailed",
    "PreconditionRequired", "TooLarge", "TooMany", "Unavailable",
}  # fmt: skip
CODED = {
    "AuthenticationFailed",
    "InvalidQuery",
    "ValidationError",
    "crash",
    "finish",
    "problem_body",
    "problem_response",
}
# REST framework's own, and those that the error pages are given by place.
FRAMEWORK = {
    "authentication_failed", "bad_request", "method_not_allowed", "not_acceptable", "not_authenticated",
    "parse_error", "permission_denied", "server_error", "throttled", "unsupported_media_type",
}  # fmt: skip
LINK = re.compile(r"\]\((?!https?:|#|/)([^)#\s]+)")


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def calls(*folders: str) -> Iterator[tuple[str, ast.Call]]:
    for path in python_files(*folders):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call):
                yield getattr(node.func, "id", getattr(node.func, "attr", "")), node


def text_of(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def codes_used() -> set[str]:
    """Every code that the code refuses with."""
    found = set()
    for name, call in calls(*CODE):
        if name in REFUSALS and call.args:
            found.add(text_of(call.args[0]))
        if name in CODED:
            found |= {text_of(word.value) for word in call.keywords if word.arg == "code"}
    return found - {""}


def job_kinds() -> set[str]:
    registered = [call for name, call in calls(*CODE) if name == "register" and len(call.args) == 2]
    return {text_of(call.args[0]) for call in registered} - {""}


def test_every_kind_of_job_stands_on_the_page_of_jobs():
    kinds = job_kinds()
    assert len(kinds) >= 5
    assert not sorted(kind for kind in kinds if f"| `{kind}` |" not in page("reference/jobs"))


def test_every_state_of_a_job_stands_there_too():
    assert not [state for state in JobState.values if f"| `{state}` |" not in page("reference/jobs")]


def test_every_error_code_has_its_heading():
    used = codes_used() | FRAMEWORK
    assert len(used) > 100
    headings = set(re.findall(r"^#### (\w+)$", page("reference/errors"), re.MULTILINE))
    assert sorted(used - headings) == []


def test_no_error_code_is_explained_that_nothing_uses():
    headings = re.findall(r"^#### (\w+)$", page("reference/errors"), re.MULTILINE)
    constants = {
        node.value
        for path in python_files(*CODE)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert sorted(set(headings) - constants - FRAMEWORK) == []
    assert len(headings) == len(set(headings))


def test_the_address_in_a_problem_leads_to_its_code():
    shown = read_page("reference/errors")
    assert shown is not None
    assert 'id="lease_lost"' in shown.body
    assert reverse("docs-page", args=["reference/errors"]) == "/docs/reference/errors"


def test_every_reason_for_a_refused_place_stands_on_the_page():
    text = page("reference/errors")
    assert not [code for code, sentence in DETAILS.items() if f"| `{code}` | {sentence} |" not in text]


def command_files() -> list[Path]:
    return [
        path for path in python_files(*CODE) if path.parent.name == "commands" and path.stem != "__init__"
    ]


@pytest.mark.parametrize("path", command_files(), ids=lambda path: path.stem)
def test_every_command_stands_on_the_page_of_commands(path: Path):
    typed = "check" if command_name("check") == path.stem else path.stem.replace("_", "-")
    assert f"`synthlab {typed}" in page("reference/commands")


@pytest.mark.parametrize("roles", [Role, DatasetRole, StudyRole], ids=lambda roles: roles.__name__)
def test_every_role_stands_on_the_page_of_roles(roles):
    assert not [role for role in roles.values if f"`{role}`" not in page("reference/roles")]


def test_every_threshold_and_metric_stands_on_the_page_of_metrics():
    text = page("reference/metrics")
    metrics = {
        next(
            filter(None, map(text_of, call.args[:2])), ""
        )  # the first word, behind the subject if there is one
        for name, call in calls("evaluation")
        if name in {"row", "matched_row", "share"}
    }
    metrics |= set(RATES) | set(LABELS)
    assert {"fd", "kid", "copies", "ms_ssim"} <= metrics
    assert not sorted(name for name in metrics - {""} if f"`{name}`" not in text)
    assert not [name for name in Policy().to_mapping() if f"`{name}`" not in text]


def test_every_setting_curve_and_warning_of_a_training_stands_on_its_page():
    text = page("reference/training")
    named = [*TrainConfig().to_dict(), *PRESETS, *AUGMENTATIONS]
    source = (ROOT / "generation/ml/watch.py").read_text() + (
        ROOT / "generation/services/preflight.py"
    ).read_text()
    named += re.findall(r'(?:yield|return) \(\s*"(\w+)"', source) + re.findall(
        r'Caution\(\s*code="(\w+)"', source
    )
    named += ["g_loss", "d_loss", "d_real", "d_fake", "images_per_s", "peak_memory_mib"]
    named += re.findall(
        r'metrics\["(\w+)"\] =|metrics = \{"(\w+)"', (ROOT / "generation/ml/look.py").read_text()
    )[0]
    assert {"overfitting", "few_of_a_class", "no_validation", "stalled"} <= set(named)
    assert not sorted(name for name in set(named) - {""} if f"`{name}`" not in text)


def test_the_list_of_decisions_names_each():
    names = [path.name for path in (DOCS / "decisions").glob("[0-9]*.md")]
    assert not [name for name in names if f"({name})" not in page("decisions/index")]


def documents() -> list[Path]:
    return [path for path in project_files() if path.suffix == ".md" and DOCS in path.parents]


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.stem)
def test_links_between_documents_lead_somewhere(path: Path):
    targets = LINK.findall(path.read_text(encoding="utf-8"))
    assert not [target for target in targets if not (path.parent / target).is_file()]


def test_every_document_is_rendered_and_can_be_reached():
    index = page("index")
    assert Path(settings.DOCS_ROOT) == DOCS
    for path in documents():
        name = path.relative_to(DOCS).with_suffix("").as_posix()
        assert read_page(name) is not None, name
        if name.split("/")[0] in {"how-to", "tutorial", "reference"}:
            assert f"({name}.md)" in index, name


def test_the_container_files_name_targets_commands_and_settings_that_exist():
    compose = (ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8")
    built = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^FROM \S+ AS (\w+)$", built, re.MULTILINE))
    assert set(re.findall(r"target: (\w+)", compose)) == {"web", "worker", "model"} <= targets
    known = page("reference/settings")
    settings_given = set(re.findall(r"^\s+(SYNTHLAB_\w+|DATABASE_URL):", compose, re.MULTILINE))
    assert settings_given
    assert not sorted(name for name in settings_given if f"`{name}`" not in known)
    stems = {path.stem for path in command_files()} | {"migrate", "createcachetable", "collectstatic"}
    typed = set(re.findall(r"\bsynthlab(?:\"?, \"?| )([a-z][a-z-]+)", compose + built))
    assert {"migrate", "sweep-jobs"} <= typed
    assert not sorted(name for name in typed if command_name(name) not in stems | {"nologin"})
