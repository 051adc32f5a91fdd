"""Small by median, and no outliers: the sizes that keep a file readable in one sitting."""

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from tests.architecture.source_tree import CODE, named, parsed, python_files

FILE_LINES = 400
MEDIAN_FILE_LINES = 250
FUNCTION_LINES = 40
MEDIAN_FUNCTION_LINES = 16
EVERYTHING = (*CODE, "tests", "bench", "tools")


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and lines of the body of each function.

    Signature and docstring are free: keyword-only, typed arguments and explanations are wanted.
    """
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            has_text = ast.get_docstring(node, clean=False) is not None
            body = node.body[1:] if has_text else node.body
            lines = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
            yield f"{named(path)}:{node.lineno} {node.name}", lines


def line_count(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("folder", EVERYTHING)
def test_no_file_is_longer_than_the_budget(folder):
    too_long = {named(p): n for p in python_files(folder) if (n := line_count(p)) > FILE_LINES}
    assert not too_long, f"split these along their ideas (at most {FILE_LINES} lines): {too_long}"


@pytest.mark.parametrize("folder", EVERYTHING)
def test_no_function_is_longer_than_the_budget(folder):
    too_long = {name: n for p in python_files(folder) for name, n in functions(p) if n > FUNCTION_LINES}
    assert not too_long, f"name the steps of these (at most {FUNCTION_LINES} lines): {too_long}"


@pytest.mark.parametrize("folder", EVERYTHING)
def test_files_and_functions_are_small_by_median(folder):
    files = [n for p in python_files(folder) if (n := line_count(p)) >= 5]
    lengths = [n for p in python_files(folder) for _, n in functions(p)]
    assert files, f"{folder} holds no code: has it moved?"
    assert median(files) <= MEDIAN_FILE_LINES
    assert median(lengths or [0]) <= MEDIAN_FUNCTION_LINES


def test_scripts_of_the_pages_keep_the_file_budget_too(repository):
    scripts = sorted((repository / "static" / "js").rglob("*.js"))
    too_long = {named(p): n for p in scripts if (n := line_count(p)) > FILE_LINES}
    assert not too_long
