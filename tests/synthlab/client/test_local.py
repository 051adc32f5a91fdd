"""What lies on this side of an upload: which files, their names, and what a place in it means here."""

import zipfile

import pytest

from synthlab.client import LocalFiles


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "scans"
    for name in ("b/2.png", "a/1.png", "top.png", ".DS_Store", "__MACOSX/._1.png", "a/Thumbs.db"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return root


def test_a_folder_is_walked_in_one_order_without_the_systems_own_files(folder):
    local = LocalFiles.of(folder)
    assert local.names == ("a/1.png", "b/2.png", "top.png")
    assert local.skipped == 3
    assert local.size == sum(len(name) for name in local.names)
    assert local.folders() == {"0": "a", "1": "b"}


def test_a_single_file_and_one_that_is_not_there(folder):
    assert LocalFiles.of(folder / "top.png").names == ("top.png",)
    with pytest.raises(FileNotFoundError):
        LocalFiles.of(folder / "gone")
    with pytest.raises(FileNotFoundError):
        LocalFiles.of(folder, [folder / "gone.csv"])


def test_names_are_told_only_where_something_speaks_of_them(folder, tmp_path):
    assert LocalFiles.of(folder).names_to_tell == {}
    table = tmp_path / "list.csv"
    table.write_text("file,class\n")
    told = LocalFiles.of(folder, [table]).names_to_tell
    assert told == {"0": "a/1.png", "1": "b/2.png", "2": "top.png", "3": "list.csv"}
    (folder / "a" / "list.csv").write_text("file,class\n")
    assert LocalFiles.of(folder, [folder / "a" / "list.csv"]).names.count("a/list.csv") == 1


def test_places_in_words(folder):
    with zipfile.ZipFile(folder / "a" / "many.zip", "w") as archive:
        archive.writestr("x/", b"")
        archive.writestr("x/one.dcm", b"1")
    (folder / "a" / "set.npz").write_bytes((folder / "a" / "many.zip").read_bytes())
    local = LocalFiles.of(folder)
    assert local.names[:3] == ("a/1.png", "a/many.zip", "a/set.npz")
    assert local.in_words("0") == "a/1.png"
    assert local.in_words("0!12") == "a/1.png, box 12"
    assert local.in_words("1/2#3@0,16") == "a/many.zip › x/one.dcm, frame 3, tile at 0, 16"
    assert local.in_words("1/9") == "a/many.zip, entry 9"
    assert local.in_words("2/2:7") == "a/set.npz, entry 2, line 7"
    assert local.in_words("77") == "place 77"
    assert (
        local.explain("The same came from place 1/2. Twice.")
        == "The same came from “a/many.zip › x/one.dcm”. Twice."
    )
    assert local.folders_in_zips() == {"x": 1}


def test_names_in_a_zip_give_a_terminal_no_orders(tmp_path):
    with zipfile.ZipFile(tmp_path / "scans.zip", "w") as archive:
        archive.writestr("\x1b]0;owned\x07/\x1b[2Ja.png", b"x")
        archive.writestr("tumour/b\u202egnp.png", b"x")
    local = LocalFiles.of(tmp_path)
    told = [local.in_words("0/1"), local.in_words("0/2"), local.explain("Taken from place 0/1.")]
    assert all(text.isprintable() for text in told)
    assert local.in_words("0/2").startswith("scans.zip › tumour/b")
    assert dict(local.folders_in_zips()) == {"tumour": 1}
