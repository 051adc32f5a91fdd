"""Training and sampling as real processes."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from generation.child import BadInput, Reporter
from generation.ml.png import decode_png
from generation.ml.sample_verb import sample_verb
from generation.ml.train_verb import train_verb
from generation.ml.weights import read_record
from generation.pixels import pixel_digest
from tests.generation.ml.conftest import TINY

ROOT = Path(__file__).resolve().parents[3]


def start(verb: str, spec: dict[str, Any], folder: Path) -> subprocess.Popen[bytes]:
    path = folder / f"{verb}.json"
    path.write_text(json.dumps({"work": str(folder), "threads": 1, **spec}))
    return subprocess.Popen(
        [sys.executable, "-m", "generation.ml", verb, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def run(verb: str, spec: dict[str, Any], folder: Path) -> tuple[int, list[dict[str, Any]], str]:
    with start(verb, spec, folder) as process:
        assert process.stdout
        assert process.stderr
        out, log = process.stdout.read(), process.stderr.read().decode()
        return process.wait(), [json.loads(line) for line in out.splitlines()], log


def test_train_and_sample_as_processes(make_manifest, tmp_path):
    spec = {"manifest": str(make_manifest()), "config": TINY, "resume_from": None, "code_version": "v1"}
    status, lines, log = run("train", spec, tmp_path)
    assert status == 0, log
    result = lines[-1]
    weights = Path(result["weights"])
    assert result["digest"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert (result["stopped"], result["step"]) == (False, 6)
    assert result["card"]["is_repeatable"]
    assert result["card"]["data"] == {
        "manifest_digest": "m" * 64, "images": 24, "monitor_images": 0, "classes": {}, "scaled_from_16_bits": 0
    }  # fmt: skip

    images = [{"index": index, "class": None} for index in (0, 1, 5)]
    wish = {"weights": str(weights), "generator_digest": result["digest"], "seed": 3, "images": images}
    status, lines, log = run("sample", {**wish, "truncation": 1.0, "dtype": "float32"}, tmp_path)
    assert status == 0, log
    rows = [json.loads(line) for line in Path(lines[-1]["manifest"]).read_text().splitlines()]
    assert [row["index"] for row in rows] == [0, 1, 5]
    assert lines[-1]["recipe"]["generator"] == result["digest"]
    for row in rows:
        content = (tmp_path / row["file"]).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (row["digest"], row["size"])
        assert (row["width"], row["height"]) == (16, 16)
        assert row["pixel_digest"] == pixel_digest(decode_png(content))


@pytest.mark.faults
@pytest.mark.slow  # three processes; that a run goes on to the same digest is tested without them as well
def test_killed_training_process_resumes_to_the_same_digest(make_manifest, tmp_path):
    manifest = str(make_manifest())
    config = {**TINY, "steps": 60, "sample_every": 20, "checkpoint_every": 20}
    folders = [tmp_path / name for name in ("whole", "killed", "again")]
    for folder in folders:
        folder.mkdir()
    spec = {"manifest": manifest, "config": config, "resume_from": None, "code_version": "v1"}
    whole = run("train", spec, folders[0])[1][-1]
    with start("train", spec, folders[1]) as process:
        assert process.stdout
        cursor = next(line for line in map(json.loads, process.stdout) if line["type"] == "cursor")["cursor"]
        process.send_signal(signal.SIGKILL)
    again = run("train", {**spec, "resume_from": cursor["checkpoint"]}, folders[2])[1][-1]
    assert again["step"] == 60
    assert again["digest"] == whole["digest"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"config": {**TINY, "image_size": 32}}, "wrong_size"),
        ({"config": {"steps": -1}}, "bad_config"),
        ({"manifest": "/nowhere.json"}, "bad_manifest"),
        ({"resume_from": "/nowhere"}, "bad_checkpoint"),
    ],
)
def test_bad_training_request_is_refused(make_manifest, tmp_path, change, code):
    spec = {"manifest": str(make_manifest()), "config": TINY, "resume_from": None, "code_version": "v1"}
    with pytest.raises(BadInput) as refusal:
        train_verb({"work": str(tmp_path), **spec, **change}, Reporter(print))
    assert refusal.value.code == code


def test_generator_file_names_the_precision_that_auto_became(make_manifest, tmp_path):
    spec = {
        "work": str(tmp_path),
        "manifest": str(make_manifest()),
        "config": {**TINY, "dtype": "auto", "steps": 1},
    }
    result = train_verb(spec, Reporter(print))
    assert read_record(Path(result["weights"])).config["dtype"] in {"float32", "bfloat16"}
    assert result["card"]["machine"]["dtype"] == read_record(Path(result["weights"])).config["dtype"]


def test_refusal_leaves_the_process_as_an_error_line(tmp_path):
    status, lines, _ = run("train", {"config": {"steps": -1}}, tmp_path)
    assert (status, lines[-1]["type"], lines[-1]["code"]) == (3, "error", "bad_config")


def test_a_pack_holds_the_same_files_in_the_order_of_its_list(make_generator, tmp_path):
    path, _ = make_generator()
    spec = {"weights": str(path), "seed": 1, "images": [{"index": index} for index in (4, 0, 9)]}
    contents = []
    for packed in (False, True):
        work = tmp_path / str(packed)
        work.mkdir()
        result = sample_verb({"work": str(work), **spec, "packed": packed}, Reporter(lambda line: None))
        rows = [json.loads(line) for line in Path(result["manifest"]).read_text().splitlines()]
        names = dict.fromkeys(row["file"] for row in rows)
        assert len(names) == (1 if packed else 3)
        contents.append(b"".join((work / name).read_bytes() for name in names))
        assert sum(row["size"] for row in rows) == len(contents[-1])
    assert contents[0] == contents[1]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"images": []}, "no_images"),
        ({"images": [{"index": 0}, {"index": 0}]}, "bad_index"),
        ({"images": [{"index": 0, "class": 0}]}, "unknown_class"),
        ({"images": "all"}, "bad_request"),
        ({"generator_digest": "0" * 64}, "wrong_digest"),
    ],
)
def test_bad_sampling_request_is_refused(make_generator, tmp_path, change, code):
    path, generator = make_generator()
    spec = {"weights": str(path), "generator_digest": generator.digest, "seed": 1, "images": [{"index": 0}]}
    with pytest.raises(BadInput) as refusal:
        sample_verb({"work": str(tmp_path), **spec, **change}, Reporter(print))
    assert refusal.value.code == code
