"""The licence gate lets in what it should and nothing else."""

import json

import pytest

from tools import licences


@pytest.mark.parametrize(
    "expression",
    [
        "MIT",
        "MIT License",
        "BSD-3-Clause",
        "Apache-2.0 OR BSD-3-Clause",
        "MIT AND PSF-2.0",
        "Apache Software License; MIT License",
        "MPL-2.0",
        "Mozilla Public License 2.0 (MPL 2.0)",
        "ISC License (ISCL)",
        "GPL-2.0-only OR MIT",
    ],
)
def test_free_licences_are_allowed(expression):
    assert licences.is_allowed(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "GPL-3.0-or-later",
        "AGPL-3.0",
        "LGPL-3.0-only",
        "UNKNOWN",
        "",
        "MIT AND GPL-3.0-only",
        "MIT License; Other/Proprietary License",
    ],
)
def test_other_licences_are_refused(expression):
    assert not licences.is_allowed(expression)


def test_a_refused_package_is_named_and_an_exception_is_not():
    found = licences.refused({"left-pad": "WTFPL", "nvidia-cudnn-cu13": "UNKNOWN", "django": "BSD-3-Clause"})
    assert found == ["left-pad: WTFPL"]


def test_run_time_packages_hold_what_is_shipped_and_no_tool():
    names = licences.runtime_packages()
    assert {"django", "torch", "psycopg", "asgiref"} <= names
    assert not names & {"djlint", "pytest", "mypy"}


def test_browser_packages_leave_the_tools_out(tmp_path):
    lock = tmp_path / "lock.json"
    packages = {
        "": {"license": "Apache-2.0"},
        "node_modules/a": {"license": "GPL-3.0"},
        "node_modules/b": {"license": "GPL-3.0", "dev": True},
        "node_modules/c": {},
    }
    lock.write_text(json.dumps({"packages": packages}), encoding="utf-8")
    assert licences.browser_licences(lock) == {"a": "GPL-3.0", "c": "UNKNOWN"}
