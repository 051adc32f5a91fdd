"""A table that gives files their class and their patient: how it is written, how names are found, what is refused."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from tests.generation.ingest.builders import encoded, ingest_here, ingest_in_child, texture, zipped

SALT = {"group_salt": "of the data set"}


def pictures(*names):
    return [(name, encoded(texture(seed))) for seed, name in enumerate(names, start=1)]


def rows(outcome):
    """Place → class, and places by their group."""
    groups: dict[str, set[str]] = {}
    for row in outcome.accepted:
        groups.setdefault(row["group_key"], set()).add(row["ordinal"])
    return {row["ordinal"]: row["class"] for row in outcome.accepted}, sorted(map(sorted, groups.values()))


TABLES = {
    "comma": b"file,class,group\na.png,gland,p1\nb.png,stroma,p1\nc.png,gland,p2\n",
    "semicolon, windows": b"File;Class;Group\r\na.png;gland;p1\r\nb.png;stroma;p1\r\nc.png;gland;p2\r\n",
    "tab": b"file\tclass\tgroup\na.png\tgland\tp1\nb.png\tstroma\tp1\nc.png\tgland\tp2\n",
    "byte order mark": b"\xef\xbb\xbffile,class,patient\na.png,gland,p1\nb.png,stroma,p1\nc.png,gland,p2\n",
    "other words, more columns": (
        b"slide,age,FILENAME , label\np1,70,a.png,gland\np1,70,b.png,stroma\np2,71,c.png, gland\n"
    ),
    "quotes": b'"file","class","patient"\n"a.png","gland","p1"\n"b.png","stroma","p1"\n\n"c.png","gland","p2"\n',
    "without endings": b"file,class,patient,slide\na,gland,p1,s1\nb,stroma,p1,s2\nc,gland,p2,s3",
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
@pytest.mark.parametrize("loose", [True, False])
def test_class_and_patient_come_from_the_table(tmp_path, table, loose):
    members = [*pictures("a.png", "b.png", "c.png"), ("list.csv", table)]
    if loose:
        names = {str(n): f"upload/{name}" for n, (name, _) in enumerate(members, start=1)}
        outcome = ingest_here(tmp_path, [data for _, data in members], {"names": names, **SALT})
        a, b, c = "123"
    else:
        outcome = ingest_here(tmp_path, [zipped(members)], SALT)
        a, b, c = ("1/1", "1/2", "1/3")
    assert not outcome.rejected
    assert rows(outcome) == ({a: "gland", b: "stroma", c: "gland"}, [[a, b], [c]])
    assert outcome.result["datasheet"]["holders_known"] == 2


def test_the_same_patient_has_one_key_whichever_way_it_is_told(tmp_path):
    table = b"file,group\na.png,Musterfrau\n"
    by_table = ingest_here(tmp_path / "t", [zipped([*pictures("a.png"), ("t.csv", table)])], SALT)
    by_option = ingest_here(tmp_path / "o", [encoded(texture(1))], {"groups": {"1": "Musterfrau"}, **SALT})
    (one,), (other,) = by_table.accepted, by_option.accepted
    assert one["group_key"] == other["group_key"]


def test_what_the_person_says_goes_before_the_table(tmp_path):
    members = [*pictures("a.png"), ("t.csv", b"file,class\na.png,gland\n")]
    outcome = ingest_here(tmp_path, [zipped(members)], {"classes": {"1/1": "stroma"}})
    assert rows(outcome)[0] == {"1/1": "stroma"}


def test_a_table_beside_a_zip_speaks_of_what_is_in_it(tmp_path):
    archive = zipped(pictures("x/a.png", "y/b.png"))
    outcome = ingest_here(tmp_path, [archive, b"file,class\nx/a.png,gland\nb.png,stroma\n"])
    assert rows(outcome)[0] == {"1/1": "gland", "1/2": "stroma"}


def test_frames_and_arrays_take_the_line_of_their_file(tmp_path):
    stack = io.BytesIO()
    pages = [Image.fromarray(texture(n)) for n in (1, 2)]
    pages[0].save(stack, "TIFF", save_all=True, append_images=pages[1:])
    npz = io.BytesIO()
    np.savez(npz, train_images=np.stack([texture(n, (28, 28)) for n in (3, 4)]))
    names = {"1": "stack.tif", "2": "set.npz", "3": "list.csv"}
    table = b"file,class,patient\nstack.tif,gland,p1\nset.npz,stroma,p2\n"
    outcome = ingest_here(tmp_path, [stack.getvalue(), npz.getvalue(), table], {"names": names})
    classes, groups = rows(outcome)
    assert classes == {"1#1": "gland", "1#2": "gland", "2/1": "stroma", "2/2": "stroma"}
    assert groups == [["1#1", "1#2"], ["2/1", "2/2"]]


PATHS = ("case 1/a.png", "case 2/a.png", "Case 2/Ä.png", "deep/case 3/c.png")


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("case 1/a.png", "1/1"),
        ("./case 2\\A.PNG", "1/2"),
        ("case 2/a", "1/2"),
        ("A\u0308.png", "1/3"),
        ("case 3/c.png", "1/4"),
        ("/somewhere/else/deep/case 3/c.png", "1/4"),
        ("case 9/c.png", None),
        ("c.jpg", None),
        ("a.png", "ambiguous"),
        ("../case 1/a.png", "1/1"),
    ],
)
def test_how_a_name_finds_its_file(tmp_path, written, found):
    members = [*pictures(*PATHS), ("t.csv", f"file,class\n{written},gland\n".encode())]
    outcome = ingest_here(tmp_path, [zipped(members)])
    named = [row["ordinal"] for row in outcome.accepted if row["class"]]
    told = {place: code for place, code in outcome.codes.items() if code != "csv_no_row"}
    if found in (None, "ambiguous"):
        assert (named, told) == ([], {"1/5:2": "name_ambiguous" if found else "csv_no_file"})
    else:
        assert (named, told) == ([found], {})


def test_what_is_wrong_with_a_line_is_told_at_the_line(tmp_path):
    table = (
        "file;class;patient\n"  # 1
        "a.png;gland;p1\n"  # 2
        "a.png;gland;p1\n"  # 3
        "b.png;gland;p1\n"  # 4
        "b.png;gland;p2\n"  # 5
        "gone.png;gland;p1\n"  # 6
        ";gland;p1\n"  # 7
        "c.png;gland\n"  # 8
        f"d.png;{'x' * 61};p1\n"  # 9
        "e.png;gland;\n"  # 10
    )
    members = [*pictures("a.png", "b.png", "c.png", "d.png", "e.png", "f.png"), ("t.csv", table.encode())]
    outcome = ingest_here(tmp_path, [zipped(members)])
    assert outcome.codes == {
        "1/7:3": "csv_same_row", "1/7:5": "csv_other_row", "1/7:6": "csv_no_file", "1/7:7": "csv_no_name",
        "1/7:8": "csv_columns", "1/7:9": "csv_class", "1/7:10": "csv_group",
        # Of these the patient is not known for certain, and nobody's images may stand on both sides.
        "1/2": "csv_conflict", **{f"1/{n}": "csv_no_row" for n in (3, 4, 5, 6)},
    }  # fmt: skip
    assert rows(outcome)[0] == {"1/1": "gland"}
    detail = {row["ordinal"]: row["detail"] for row in outcome.rejected}
    assert detail["1/7:5"] == "Line 5 says of a file something else than place 1/7:4. The file was not taken."


BROKEN = {
    "no such columns": (b"name,diagnosis\na.png,gland\n", "csv_header"),
    "no header": (b"a.png,gland\n", "csv_header"),
    "file alone": (b"file\na.png\n", "csv_header"),
    "a column twice": (b"file,class,class\na.png,x,y\n", "csv_header"),
    "not utf-8": ("file,class\na.png,Drüse\n".encode("cp1252"), "csv_encoding"),
    "utf-16": ("file,class\na.png,gland\n".encode("utf-16"), "csv_encoding"),
    "open quote": (b'file,class\n"a.png,gland\n', "csv_damaged"),
    "a huge cell": (b"file,class\na.png," + b"x" * 200_000 + b"\n", "csv_damaged"),
    "empty": (b"\n", "csv_header"),
}


@pytest.mark.parametrize(("table", "code"), BROKEN.values(), ids=BROKEN.keys())
def test_a_table_that_cannot_be_read_stops_the_upload(tmp_path, table, code):
    """Without it, patients would be torn apart by the split, or classes be lost, and only one line would tell."""
    outcome = ingest_here(tmp_path, [zipped([*pictures("a.png"), ("list.csv", table)])])
    assert (outcome.codes, outcome.accepted) == ({"1/2": code}, [])


def test_names_are_asked_for_where_they_are_needed(tmp_path):
    outcome = ingest_here(tmp_path, [encoded(texture(1)), b"file,class\na.png,gland\n"])
    assert (outcome.codes, outcome.accepted) == ({"2": "names_needed"}, [])


def test_too_many_lines(tmp_path):
    table = b"file,class\n" + b"a.png,gland\n" * 11
    outcome = ingest_here(tmp_path, [zipped([*pictures("a.png"), ("t.csv", table)])], limits={"images": 10})
    assert outcome.codes == {"1/2": "csv_too_long"}


def test_other_texts_are_refused_as_before_and_change_nothing(tmp_path):
    members = [*pictures("a.png"), ("README.txt", b"file these, please"), ("__MACOSX/._a.png", b"\0\5\x16\7")]
    outcome = ingest_here(tmp_path, [zipped(members)])
    assert outcome.codes == {"1/2": "unsupported_type", "1/3": "system_file"}
    assert rows(outcome)[0] == {"1/1": None}


def test_neither_names_nor_patients_leave_the_child(tmp_path):
    names = {"1": "Musterfrau Erika/a.png", "2": "Geheim.csv"}
    table = b"file,class,patient\nMusterfrau Erika/a.png,gland,Mustermann-1964\n"
    outcome = ingest_in_child(tmp_path, [encoded(texture(1)), table], {"names": names, **SALT})
    assert rows(outcome)[0] == {"1": "gland"}
    left = b"".join(path.read_bytes() for path in outcome.work.rglob("*") if path.is_file()).decode("latin-1")
    for secret in ("Musterfrau", "Erika", "Geheim", "Mustermann", "1964", "a.png"):
        assert secret not in outcome.stdout + outcome.stderr
        assert secret not in left
    assert json.loads(outcome.stdout.splitlines()[-1])["deidentification"]["names"] == "never kept"
