"""`synthlab evaluate`: two plain folders, no database, no home, and no picture in what it writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from PIL import Image

from evaluation.ml.folders import COMPRESSED, NO_GROUPS, NO_TRAINING, read_folders
from generation.child import BadInput
from tests.architecture.source_tree import ROOT
from tests.evaluation.ml.pictures import blobs

SCHEMA = json.loads((ROOT / "evaluation" / "report.schema.json").read_text())


def fill(folder: Path, count: int, *, seed: int, classes: tuple[str, ...] = ("",)) -> Path:
    rng = np.random.default_rng(seed)
    for at in range(count):
        place = folder / classes[at % len(classes)]
        place.mkdir(parents=True, exist_ok=True)
        hue = np.array([120.0, 60.0, 140.0]) + rng.normal(0, 15, 3)
        Image.fromarray(blobs(rng, hue)).save(place / f"{at:03}.png")
    return folder


def run(*words: str | Path, home: Path) -> subprocess.CompletedProcess[str]:
    # A database that cannot be reached: whoever asks it fails.
    environment = {
        **os.environ, "SYNTHLAB_HOME": str(home), "DATABASE_URL": "postgres://nobody@127.0.0.1:9/none", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, "-m", "synthlab", "evaluate", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_two_folders_give_a_report_that_keeps_to_its_schema_and_holds_no_picture(tmp_path: Path) -> None:
    real = fill(tmp_path / "real", 40, seed=1, classes=("dark", "light"))
    synthetic = fill(tmp_path / "synthetic", 24, seed=2, classes=("dark", "light"))
    train = fill(tmp_path / "train", 30, seed=3, classes=("dark", "light"))
    out, page = tmp_path / "report.json", tmp_path / "report.html"
    options: list[str | Path] = [
        "--train",
        train,
        "--json",
        out,
        "--html",
        page,
        "--extractor",
        "random-conv",
    ]
    done = run(real, synthetic, *options, home=tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert "Too little real data to say (insufficient)" in done.stdout
    report = json.loads(out.read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(report)
    assert (report["verdict"], report["counts"]["n_groups"]) == ("insufficient", 40)
    assert {score["id"] for score in report["scores"]} == {
        path.relative_to(synthetic).as_posix() for path in synthetic.rglob("*.png")
    }
    assert report["summary"]["headline"] in done.stdout
    assert "FID: unavailable. FID means" in done.stdout
    assert set(report["summary"]["answers"]) == {"fidelity", "diversity", "copying", "privacy", "utility"}
    assert NO_GROUPS in report["limits"]
    assert NO_TRAINING not in report["limits"]
    html = page.read_text()
    assert "<img" not in html
    assert "data:image" not in html
    assert "base64" not in html
    assert "Too little real data to say" in html
    assert "FID means" in html
    assert NO_GROUPS[:40] in html
    assert str(tmp_path) not in html + json.dumps(report)


def test_a_bad_folder_is_refused_in_words(tmp_path: Path) -> None:
    real = fill(tmp_path / "real", 6, seed=1)
    done = run(real, tmp_path / "nowhere", home=tmp_path / "home")
    assert done.returncode == 1
    assert "does not exist (no_such_folder)" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("option", ["json", "html"])
def test_where_the_report_cannot_go_nothing_is_measured(tmp_path: Path, option: str) -> None:
    real, synthetic = fill(tmp_path / "real", 4, seed=1), fill(tmp_path / "synthetic", 4, seed=2)
    with pytest.raises(CommandError, match="there is no folder"):
        call_command("evaluate", real, synthetic, **{option: tmp_path / "nowhere" / "report"})


@pytest.mark.parametrize("text", ['["fd_ratio_max"]', '{"fd": 1}', "{", '{"fd_ratio_max": NaN}'])
def test_thresholds_that_cannot_be_used_are_refused_in_words(tmp_path: Path, text: str) -> None:
    real, synthetic = fill(tmp_path / "real", 4, seed=1), fill(tmp_path / "synthetic", 4, seed=2)
    policy = tmp_path / "policy.json"
    policy.write_text(text)
    with pytest.raises(CommandError, match=r"thresholds cannot be used.*bad_threshold"):
        call_command("evaluate", real, synthetic, policy=policy)


def test_lossy_compression_is_named_among_what_cannot_be_known(tmp_path: Path) -> None:
    real, synthetic = fill(tmp_path / "real", 4, seed=1), fill(tmp_path / "synthetic", 4, seed=2)
    assert COMPRESSED not in read_folders(real, synthetic).assumed
    with Image.open(synthetic / "000.png") as picture:
        picture.save(synthetic / "000.JPG", format="jpeg")
    assert COMPRESSED in read_folders(real, synthetic).assumed


def test_without_training_images_whole_groups_stand_in_for_them(tmp_path: Path) -> None:
    real, synthetic = fill(tmp_path / "real", 12, seed=1), fill(tmp_path / "synthetic", 4, seed=2)
    table = tmp_path / "groups.csv"
    table.write_text("file,group\n" + "".join(f"{at:03}.png,patient {at // 2}\n" for at in range(12)))
    found = read_folders(real, synthetic, groups=table)
    assert found.assumed == (NO_TRAINING,)
    sides = [{row["group"] for row in rows} for rows in (found.reference, found.training)]
    assert not sides[0] & sides[1]
    assert len(sides[0]) == len(sides[1]) == 3
    assert len(found.reference) + len(found.training) == 12


def test_the_same_file_name_in_both_real_folders_is_two_images(tmp_path: Path) -> None:
    real, train = fill(tmp_path / "real", 4, seed=1), fill(tmp_path / "train", 4, seed=3)
    synthetic = fill(tmp_path / "synthetic", 4, seed=2)
    found = read_folders(real, synthetic, training=train)
    assert not {row["group"] for row in found.reference} & {row["group"] for row in found.training}
    table = tmp_path / "groups.csv"
    lines = [f"{name}/{at:03}.png,{name} {at}" for name in ("real", "train") for at in range(4)]
    table.write_text("file,group\n" + "\n".join(lines))
    found = read_folders(real, synthetic, training=train, groups=table)
    assert [row["group"] for row in found.training] == [f"train {at}" for at in range(4)]


@pytest.mark.parametrize(
    ("table", "code"),
    [
        ("file,patient\n000.png,a\n", "bad_groups"),
        ("file,group\n000.png,a\n", "missing_group"),
        (None, "bad_groups"),
    ],
)
def test_a_table_of_groups_that_cannot_be_used_is_refused(tmp_path: Path, table: Any, code: str) -> None:
    real, synthetic = fill(tmp_path / "real", 4, seed=1), fill(tmp_path / "synthetic", 4, seed=2)
    path = tmp_path / "groups.csv"
    if table is not None:
        path.write_text(table)
    with pytest.raises(BadInput) as refusal:
        read_folders(real, synthetic, groups=path)
    assert refusal.value.code == code
