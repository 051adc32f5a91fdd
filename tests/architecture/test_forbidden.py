"""Names and calls that may not stand in the tree."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source_tree import CODE, named, parsed, project_files, python_files

VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}
# In two halves, so that this file does not name them.
REGISTRY_HOSTS = [
    "py" + "pi.org",
    "python" + "hosted.org",
    "registry." + "npmjs",
    "registry." + "yarnpkg",
    "download." + "pytorch.org",
    "deb." + "debian.org",
]
TEXT_SUFFIXES = {
    ".py",
    ".toml",
    ".txt",
    ".md",
    ".json",
    ".yml",
    ".yaml",
    ".sh",
    ".js",
    ".html",
    ".css",
    ".cfg",
    ".ini",
    "",
}


def calls(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Dotted name and line of each call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


def torch_aliases(tree: ast.AST) -> set[str]:
    """Every name under which `torch.load` can be called in this file."""
    aliases: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            aliases |= {f"{one.asname or one.name}.load" for one in node.names if one.name == "torch"}
        elif isinstance(node, ast.ImportFrom) and node.module in {"torch", "torch.serialization"}:
            aliases |= {one.asname or one.name for one in node.names if one.name == "load"}
    return aliases


def torch_loads(path: Path) -> list[ast.Call]:
    tree = parsed(path)
    aliases = torch_aliases(tree)
    return [n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) in aliases]


def text_files() -> Iterator[tuple[Path, str]]:
    for path in project_files():
        if path.suffix in TEXT_SUFFIXES:
            yield path, path.read_text(encoding="utf-8", errors="replace")


def test_no_file_has_a_name_that_says_nothing():
    vague = [
        named(path) for path in python_files(*CODE, "tests", "bench", "tools") if path.stem in VAGUE_NAMES
    ]
    assert not vague, "name these by what they are about"


def test_unguarded_torch_load_stands_nowhere():
    holders = {path: found for path in python_files(*CODE, "bench", "tools") if (found := torch_loads(path))}
    assert len(holders) <= 1, f"one guarded module reads foreign weights: {[named(p) for p in holders]}"
    for path, found in holders.items():
        for call in found:
            guards = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            assert guards.get("weights_only") == "True", f"{named(path)}:{call.lineno} can run foreign code"


@pytest.mark.parametrize("source", ["import torch as t\nt.load(x)", "from torch import load as l\nl(x)"])
def test_torch_load_is_found_under_another_name(source):
    tree = ast.parse(source)
    assert {name for name, _ in calls(tree)} & torch_aliases(tree)


def test_no_pickle_is_read_or_written():
    doors = {"pickle.load", "pickle.loads", "pickle.dump", "pickle.dumps", "joblib.load", "shelve.open"}
    found = [
        f"{named(p)}:{line}"
        for p in python_files(*CODE, "bench", "tools")
        for name, line in calls(parsed(p))
        if name in doors
    ]
    assert not found


def test_a_locked_row_can_be_named_by_other_rows_meanwhile():
    """A full row lock makes whoever holds an audit chain and names the row wait at commit: a deadlock."""
    found = [
        f"{named(path)}:{node.lineno}"
        for path in python_files(*CODE)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith(".select_for_update")
        and not any(word.arg == "no_key" and ast.unparse(word.value) == "True" for word in node.keywords)
    ]
    assert not found, "say select_for_update(no_key=True)"


def test_arrays_are_never_read_with_objects_allowed():
    found = [
        named(path)
        for path in python_files(*CODE, "bench", "tools")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False"
    ]
    assert not found


def test_no_file_names_a_package_registry():
    found = [named(path) for path, text in text_files() for host in REGISTRY_HOSTS if host in text]
    assert not found, "packages come from wherever the user's own client is set to"


def test_package_lock_names_no_download_address(repository):
    assert '"resolved"' not in (repository / "package-lock.json").read_text(encoding="utf-8")


def test_no_file_holds_a_path_of_somebodys_machine():
    places = ["/" + "root/", "/" + "work/", "/" + "Users/"]
    found = [
        f"{named(path)}: {place}"
        for path, text in text_files()
        for place in places
        if f" {place}" in text or f'"{place}' in text
    ]
    assert not found


def test_constraints_pin_versions_and_nothing_else(repository):
    lines = (repository / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert "torch==2.14.1" in pins
    assert "torchvision==0.29.1" in pins
    assert all("==" in pin and "@" not in pin and "/" not in pin and "+" not in pin for pin in pins)
