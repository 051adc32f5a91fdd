"""The documents keep up with the code."""

import ast
import re

import pytest

from tests.architecture.source_tree import CODE, ROOT, parsed, python_files

SETTING = re.compile(r"^(SYNTHLAB_[A-Z_]+|DATABASE_URL)$")
TEST_ONLY = re.compile(r"^SYNTHLAB_(TEST_|REQUIRE$|CHROMIUM$|KILL_POINT$)")
MAKE_TARGET = re.compile(r"^([a-z-]+):.*?## \S", re.MULTILINE)


def settings_read() -> set[str]:
    """Every environment variable that the code asks for by name."""
    return {
        node.value
        for path in python_files(*CODE)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and SETTING.match(node.value)
        and not TEST_ONLY.match(node.value)
    }


def test_the_settings_page_names_every_setting():
    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    missing = sorted(name for name in settings_read() if f"`{name}`" not in page)
    assert not missing


def test_the_settings_page_names_no_setting_that_is_gone():
    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    named = {name for name in re.findall(r"`(SYNTHLAB_[A-Z_]+)`", page) if not TEST_ONLY.match(name)}
    known = settings_read()
    # A secret may be given as a file; that name is built from the setting's.
    assert not {name for name in named if name not in known and name.removesuffix("_FILE") not in known}


@pytest.mark.parametrize(
    "target",
    ["demo", "up", "test", "test-all", "lint", "fmt", "types", "bench", "bench-full", "smoke", "clean"],
)
def test_make_offers_the_promised_targets_with_a_help_line(target):
    assert target in MAKE_TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8"))


def test_no_two_decisions_share_a_number():
    names = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [int(name[:4]) for name in names if name[:4].isdigit()]
    assert len(numbers) == len(set(numbers)), names


def test_every_licence_exception_is_explained():
    from tools.licences import EXCEPTIONS

    record = (ROOT / "docs" / "decisions" / "0003-licences.md").read_text(encoding="utf-8")
    assert not [name for name in EXCEPTIONS if f"`{name}`" not in record]
