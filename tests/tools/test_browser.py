"""Finding a browser, and being loud without one."""

import pytest

from tests.environment import missing
from tools import browser


@pytest.fixture
def no_browser(monkeypatch):
    monkeypatch.setattr(browser, "find_chromium", lambda: None)
    monkeypatch.setattr(browser, "install_chromium", lambda: None)


def test_the_browser_that_is_named_wins(monkeypatch, tmp_path):
    named = tmp_path / "my-browser"
    named.touch()
    monkeypatch.setenv("SYNTHLAB_CHROMIUM", str(named))
    assert browser.find_chromium() == named


def test_a_named_browser_that_is_not_there_is_not_replaced_in_silence(monkeypatch, tmp_path):
    monkeypatch.setenv("SYNTHLAB_CHROMIUM", str(tmp_path / "gone"))
    assert browser.find_chromium() is None


@pytest.mark.parametrize(("required", "status"), [("", 0), ("postgres", 0), ("postgres, chromium", 1)])
def test_without_a_browser_it_is_loud_and_fails_only_where_one_is_required(
    no_browser, monkeypatch, capsys, required, status
):
    monkeypatch.setenv("SYNTHLAB_REQUIRE", required)
    assert browser.main() == status
    assert "NO BROWSER" in capsys.readouterr().err


def test_what_is_missing_skips_here_and_fails_where_it_is_required(monkeypatch):
    monkeypatch.setenv("SYNTHLAB_REQUIRE", "exiftool")
    with pytest.raises(pytest.skip.Exception, match="dicom3tools"):
        missing("dicom3tools", "not there")
    with pytest.raises(pytest.fail.Exception, match="exiftool"):
        missing("exiftool", "not there")
