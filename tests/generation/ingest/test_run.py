"""The ingest as a whole: forms, classes, groups, MedMNIST, refusal of bad specs."""

import hashlib
import io
import json
import subprocess
import sys
import threading
from collections import Counter
from typing import Any

import numpy as np
import pytest
from PIL import Image

from generation.child import BadInput, Reporter
from generation.ingest.rejection import DETAILS
from generation.ingest.run import ingest
from tests.generation.ingest.builders import (
    REPOSITORY,
    codes,
    dicom,
    encoded,
    ingest_here,
    ingest_in_child,
    read,
    stage,
    texture,
    zipped,
)  # fmt: skip


def test_the_child_speaks_the_protocol(tmp_path):
    outcome = ingest_in_child(tmp_path, [encoded(texture(n)) for n in range(4)])
    messages = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert outcome.status == 0
    assert messages[-1]["type"] == "result"
    assert {message["type"] for message in messages} <= {"progress", "warning", "result"}
    assert messages[-1]["counts"] == {"files": 4, "pictures": 4, "accepted": 4, "rejected": 0}
    assert sum(messages[-1]["splits"].values()) == 4


def test_a_row_names_files_by_their_digest(tmp_path):
    outcome = ingest_here(tmp_path, [encoded(texture(1, (200, 300)))])
    (row,) = outcome.accepted
    stored = (outcome.work / row["file"]).read_bytes()
    assert row["file"] == f"images/{row['digest']}.png"
    assert hashlib.sha256(stored).hexdigest() == row["digest"]
    assert len(stored) == row["size"]
    raw = b"(200, 300)|uint8|" + texture(1, (200, 300)).tobytes()
    assert hashlib.sha256(raw).hexdigest() == row["pixel_digest"]
    with Image.open(outcome.work / row["thumb"]) as thumb:
        assert max(thumb.size) == 128
        assert thumb.format == "PNG"
    assert sorted(path.name for path in outcome.work.iterdir()) == [
        "accepted.jsonl",
        "alike.jsonl",
        "images",
        "rejected.jsonl",
        "thumbs",
    ]


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({"image_size": 32}, (32, 32, 3)),
        ({"image_size": 32, "channels": "grey"}, (32, 32)),
        ({"image_size": 100, "fit": "pad"}, (100, 100, 3)),
        ({"image_size": 48, "fit": "stretch"}, (48, 48, 3)),
        ({}, (64, 96, 3)),
    ],
)
def test_forms(tmp_path, options, shape):
    outcome = ingest_here(tmp_path, [encoded(texture(1, (64, 96, 3)))], options)
    assert outcome.pixels(outcome.accepted[0]).shape == shape


def test_resizing_is_antialiased(tmp_path):
    stripes = np.zeros((128, 128), np.uint8)
    stripes[:, ::2] = 255  # finer than the result can show: must become grey, not stripes
    stripes[:64] //= 2
    outcome = ingest_here(tmp_path, [encoded(stripes)], {"image_size": 32})
    small = outcome.pixels(outcome.accepted[0])
    assert small[20:, 4:-4].std() < 3


def test_grey_and_sixteen_bits(tmp_path):
    deep = texture(1).astype(np.uint16) * 16  # 12 bits, as cameras give them
    kept = ingest_here(tmp_path / "kept", [encoded(deep), dicom(deep + 1)], {"bits": 16})
    assert [row["bits"] for row in kept.accepted] == [16]
    assert kept.codes == {"2": "near_duplicate"}
    stored = kept.pixels(kept.accepted[0])
    assert np.abs(stored / 65535 - deep / 4095).max() < 1e-4
    eight = ingest_here(tmp_path / "eight", [encoded(deep)])
    assert np.abs(eight.pixels(eight.accepted[0]) / 255 - deep / 4095).max() < 3e-3
    rgb = ingest_here(tmp_path / "rgb", [encoded(deep)], {"channels": "rgb"})
    assert rgb.pixels(rgb.accepted[0]).shape == (64, 64, 3)


def test_mixed_channels_need_a_choice(tmp_path):
    uploads = [encoded(texture(n, (64, 64, 3))) for n in range(3)] + [encoded(texture(9))]
    assert ingest_here(tmp_path / "keep", uploads).codes == {"4": "mixed_channels"}
    assert not ingest_here(tmp_path / "rgb", uploads, {"channels": "rgb"}).rejected
    grey_as_colour = np.repeat(texture(5)[..., None], 3, axis=2)
    assert not ingest_here(tmp_path / "same", [encoded(grey_as_colour), encoded(texture(6))]).rejected


def test_blank_small_and_blurred(tmp_path):
    smooth = np.asarray(
        Image.fromarray(texture(50)).resize((4, 4)).resize((64, 64), Image.Resampling.BICUBIC)
    )
    uploads = [
        encoded(np.full((64, 64), 250, np.uint8)), encoded(texture(1, (15, 64))), encoded(smooth),
        *(encoded(texture(n)) for n in range(2, 12)),
    ]  # fmt: skip
    outcome = ingest_here(tmp_path, uploads)
    assert outcome.codes == {"1": "blank", "2": "too_small"}
    # Without a size that all are brought to, nothing can be made of a picture that is too small.
    assert {row["ordinal"]: row["overrulable"] for row in outcome.rejected} == {"1": True, "2": False}
    assert [row["ordinal"] for row in outcome.accepted if "blurred" in row["flags"]] == ["3"]


def test_enlarging_has_a_limit(tmp_path):
    outcome = ingest_here(
        tmp_path, [encoded(texture(1, (40, 40))), encoded(texture(2, (31, 31)))], {"image_size": 64}
    )
    assert outcome.codes == {"2": "too_small"}
    assert outcome.accepted[0]["flags"] == ["enlarged"]


def test_classes_and_groups_by_place(tmp_path):
    uploads = [encoded(texture(1)), zipped([(f"{n}.png", encoded(texture(n))) for n in range(2, 6)])]
    options = {
        "classes": {"1": "gland", "2": "stroma", "2/3": "normal"},
        "groups": {"1": "anna", "2/1": "anna", "2": "bert"},
    }
    outcome = ingest_here(tmp_path, uploads, options)
    rows = {row["ordinal"]: row for row in outcome.accepted}
    assert {place: row["class"] for place, row in rows.items()} == {
        "1": "gland", "2/1": "stroma", "2/2": "stroma", "2/3": "normal", "2/4": "stroma",
    }  # fmt: skip
    assert rows["1"]["group_key"] == rows["2/1"]["group_key"] != rows["2/2"]["group_key"]
    assert len({row["group_key"] for row in rows.values()}) == 2
    assert rows["1"]["split"] == rows["2/1"]["split"]


def test_folders_become_classes_only_when_asked(tmp_path):
    members = [(f"set/{name}/{n}.png", encoded(texture(n))) for n, name in enumerate(["normal", "tumour"])]
    data = zipped([*members, ("top.png", encoded(texture(9)))])
    assert {row["class"] for row in ingest_here(tmp_path / "no", [data]).accepted} == {None}
    asked = ingest_here(tmp_path / "yes", [data], {"folder_classes": True})
    assert [row["class"] for row in asked.accepted] == ["normal", "tumour", None]
    assert asked.result["datasheet"]["warnings"][-1]["code"] == "unlabelled"


def test_patients_of_dicom_files_stay_together(tmp_path):
    uploads = [dicom(texture(n).astype(np.uint16), PatientID=f"P{n % 4}") for n in range(12)]
    outcome = ingest_here(tmp_path, uploads)
    groups: dict[str, set[str]] = {}
    for row in outcome.accepted:
        groups.setdefault(row["group_key"], set()).add(row["split"])
    assert len(groups) == 4
    assert all(len(splits) == 1 for splits in groups.values())
    assert outcome.result["datasheet"]["holders_known"] == 4


def test_the_split_is_seeded_and_as_asked(tmp_path):
    uploads = [encoded(texture(n)) for n in range(40)]
    asked = {"seed": 1, "train": 0.5, "val": 0.25, "held_out": 0.25}
    sides = [
        {
            row["ordinal"]: row["split"]
            for row in ingest_here(tmp_path / name, uploads, {"split": {**asked, "seed": seed}}).accepted
        }
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert sides[0] == sides[1] != sides[2]
    assert Counter(sides[0].values()) == {"train": 20, "val": 10, "held_out": 10}


# --- MedMNIST -------------------------------------------------------------------------------------


def medmnist(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def test_medmnist_keeps_its_own_split_and_labels(tmp_path):
    def part(first: int, count: int) -> np.ndarray:
        return np.stack([texture(first + n, (28, 28)) for n in range(count)])

    data = medmnist(
        train_images=part(0, 6), train_labels=np.arange(6).reshape(-1, 1) % 2,
        val_images=part(10, 3), val_labels=np.ones((3, 1), np.uint8),
        test_images=part(20, 2), test_labels=np.zeros((2, 1), np.uint8),
    )  # fmt: skip
    outcome = ingest_here(tmp_path, [data])
    assert [(row["ordinal"], row["split"], row["class"]) for row in outcome.accepted] == [
        *((f"1/{n + 1}", "train", str(n % 2)) for n in range(6)),
        *((f"1/{n}", "val", "1") for n in range(7, 10)),
        *((f"1/{n}", "held_out", "0") for n in range(10, 12)),
    ]
    assert (outcome.pixels(outcome.accepted[0]) == texture(0, (28, 28))).all()
    assert outcome.result["datasheet"]["split"]["method"] == "as given by the file"
    asked = ingest_here(tmp_path / "asked", [data], {"split": {"train": 0.5, "val": 0.5}})
    assert (
        asked.result["splits"] == {"train": 6, "val": 5, "held_out": 0} or asked.result["splits"]["val"] == 6
    )


def test_medmnist_in_colour_and_with_several_labels(tmp_path):
    images = np.stack([texture(n, (28, 28, 3)) for n in range(3)])
    entries = read(tmp_path, medmnist(train_images=images, train_labels=np.ones((3, 14), np.uint8)))
    assert codes(entries) == ["ok"] * 3
    assert [entry.flags for entry in entries] == [("several_labels",)] * 3
    assert (entries[2].pixels == images[2]).all()


@pytest.mark.parametrize(
    "arrays",
    [
        {"x": np.zeros(3)},
        {"train_images": np.zeros((3, 28, 28))},
        {"train_images": np.zeros((3, 28, 28, 28), np.uint8)},
        {"train_images": np.zeros((28, 28), np.uint8)},
        {"train_images": np.array([{"a": 1}], dtype=object)},
        {"train_images": np.zeros((3, 28, 28), np.uint8), "train_labels": np.array([{"a": 1}], dtype=object)},
        {"train_images": np.asfortranarray(np.ones((3, 28, 28), np.uint8))},
    ],
    ids=["other", "float", "volumes", "flat", "objects", "object labels", "fortran"],
)
def test_other_arrays_are_refused(tmp_path, arrays):
    assert codes(read(tmp_path, medmnist(**arrays))) == ["npz_layout"]


def test_an_array_that_claims_more_than_it_holds(tmp_path):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "|u1", "fortran_order": False, "shape": (10**12, 28, 28)}
    )
    data = zipped([("train_images.npy", buffer.getvalue() + bytes(1000))])
    assert codes(read(tmp_path, data)) == ["damaged"]


PLACES_IN_CODE = "".join(
    path.read_text()
    for path in (REPOSITORY / "generation" / "ingest").rglob("*.py")
    if path.name != "rejection.py"
)

# --- specs and limits -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"nonsense": 1},
        {"image_size": 5},
        {"image_size": 10**9},
        {"image_size": True},
        {"channels": "cmyk"},
        {"bits": 12},
        {"bits": 16, "channels": "rgb"},
        {"fit": "squeeze"},
        {"tile": {}},
        {"tile": {"size": 64, "stride": 0}},
        {"tile": {"size": 64, "stride": 65}},
        {"tile": {"size": 64, "block": 10}},
        {"tile": {"size": 64, "guard": -1}},
        {"split": {"train": 0.5}},
        {"split": {"train": 0, "val": 1}},
        {"split": {"train": 2, "val": -1}},
        {"split": {"seed": "x", "train": 1}},
        {"drop_duplicates": "yes"},
        {"classes": {"1": "x" * 100}},
        {"classes": ["a"]},
    ],
)
def test_bad_options_are_named_before_anything_is_read(tmp_path, options):
    with pytest.raises(BadInput) as refusal:
        ingest_here(tmp_path, [encoded(texture(1))], options)
    assert refusal.value.code == "bad_options"
    assert not (tmp_path / "work").exists()


def test_bad_specs_end_the_child_with_status_3(tmp_path):
    outcome = ingest_in_child(tmp_path, [encoded(texture(1))], limits={"pixels": -1})
    assert outcome.status == 3
    assert outcome.result["type"] == "error"


def test_nothing_usable_is_a_result_with_reasons(tmp_path):
    outcome = ingest_here(tmp_path, [b"text", zipped([])])
    assert outcome.result["counts"]["accepted"] == 0
    assert outcome.codes == {"1": "unsupported_type", "2": "archive_empty"}
    assert outcome.result["datasheet"]["warnings"][0]["code"] == "nothing_accepted"


def test_a_missing_file_is_a_refusal(tmp_path):
    spec = {"work": str(tmp_path / "work"), "files": [{"ordinal": 1, "path": str(tmp_path / "gone")}]}
    assert ingest(spec, Reporter(lambda line: None))["rejections"] == {"missing": 1}


def test_more_images_than_one_upload_may_bring(tmp_path):
    outcome = ingest_here(tmp_path, [encoded(texture(n)) for n in range(4)], limits={"images": 2})
    assert len(outcome.accepted) == 2
    assert set(outcome.codes.values()) == {"too_many_images"}


def test_stopping_is_clean(tmp_path):
    stop = threading.Event()
    stop.set()
    spec = {"work": str(tmp_path / "work"), "files": stage(tmp_path / "up", [encoded(texture(1))])}
    assert ingest(spec, Reporter(lambda line: None, stop)) == {"stopped": True}
    assert not (tmp_path / "work" / "scratch").exists()


def test_every_sentence_can_be_acted_on_and_names_its_facts():
    for code, detail in DETAILS.items():
        assert detail.endswith("."), code
        assert detail[0].isupper(), code
        assert len(detail.split()) >= 4, code
        assert code in PLACES_IN_CODE, f"{code} is never used"


def test_the_package_needs_neither_django_nor_torch():
    program = "import sys, generation.ingest.__main__, generation.ingest.run; print([m for m in ('django', 'torch', 'torchvision') if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
