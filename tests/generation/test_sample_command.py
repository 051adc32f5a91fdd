"""`synthlab sample` as a person runs it: the same files as by the other paths, whole or not there."""

from __future__ import annotations

import hashlib
import io
import json
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from generation.management.children import run_verb
from generation.models import Batch, Generator, GeneratorState
from generation.services import batches
from generation.services.archives import archive_of
from synthlab.client import BatchFolder
from synthlab.core.files import path_of
from synthlab.core.jobs import execute
from synthlab.core.models import Job, JobState
from tests.faults.live import wait_for
from tests.generation import factories
from tests.generation.ml.serving import Service
from tests.generation.tiny import CLASSES, tiny_weights
from tests.present import present

pytestmark = pytest.mark.django_db(transaction=True)

COUNT = 40  # two whole passes and a part


@pytest.fixture
def generator(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Generator:
    settings.TORCH_THREADS = 1
    monkeypatch.setattr(factories, "weights_file", tiny_weights)
    return factories.make_generator(state=GeneratorState.APPROVED, classes=tuple(CLASSES))


@pytest.fixture
def service(generator: Generator, tmp_path: Path) -> Iterator[Service]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / f"{generator.digest}.safetensors").write_bytes(path_of(generator.digest).read_bytes())
    with Service(folder) as running:
        running.wait_ready()
        yield running


def sample(generator: Generator | Path | str, out: Path, **options: Any) -> str:
    told = io.StringIO()
    name = generator.pk if isinstance(generator, Generator) else generator
    wish = {"n": COUNT, "seed": 7, "out": out, **options}
    call_command("sample", str(name), stdout=told, stderr=told, **wish)
    return told.getvalue()


def batch_of(generator: Generator, **wish: Any) -> Batch:
    """A batch whose jobs have all been done."""
    wish = {"count": COUNT, "seed": 7, **wish}
    batch = batches.request_batch(actor=generator.dataset.owner, generator=generator, **wish)
    for waiting in (Job.objects.exclude(parent=None), Job.objects.filter(pk=present(batch.job_id))):
        for job in waiting.filter(state=JobState.QUEUED):
            execute(str(job.pk))
    batch.refresh_from_db()
    assert batch.images.count() == wish["count"], batch.state
    return batch


def files_of(batch: Batch) -> dict[str, bytes]:
    rows = batch.images.values_list("index", "digest")
    return {f"{index:06d}.png": path_of(digest).read_bytes() for index, digest in rows}


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "images").iterdir()}


def test_batch_service_and_command_make_the_same_files(
    generator: Generator, service: Service, settings: Any, tmp_path: Path
) -> None:
    mix = [("rare", 1.0)]
    settings.TORCH_THREADS = 2
    sample(generator, tmp_path / "out", class_mix=mix)
    made = files_in(tmp_path / "out")
    assert len(set(made.values())) == COUNT

    settings.TORCH_THREADS, settings.SHARD_IMAGES = 1, 25  # shards that end within a pass
    assert files_of(batch_of(generator, class_mix=dict(mix))) == made

    place = CLASSES.index("rare")
    answer = service.sample(generator.digest, seed=7, count=COUNT, classes=[place] * COUNT)
    with zipfile.ZipFile(io.BytesIO(answer.raise_for_status().content)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == made


def test_neighbours_change_nothing(generator: Generator, tmp_path: Path) -> None:
    sample(generator, tmp_path / "mixed", class_mix=[("common", 10), ("rare", COUNT - 10)])
    sample(generator, tmp_path / "rare", class_mix=[("rare", 1)], n=COUNT + 20)
    mixed, rare = files_in(tmp_path / "mixed"), files_in(tmp_path / "rare")
    others = {f"{index:06d}.png" for index in range(10)}
    assert {name for name, content in mixed.items() if content != rare[name]} == others


def test_an_archive_is_that_of_the_batch(generator: Generator, tmp_path: Path) -> None:
    mix = {"common": 1 / 3, "rare": 2 / 3}
    batch = batch_of(generator, class_mix=mix)
    for ending, form in (("zip", "zip"), ("tar", "webdataset")):
        told = sample(generator, tmp_path / f"out.{ending}", class_mix=list(mix.items()))
        content = archive_of(batch, form)
        expected = b"".join(content.read(0, content.size))
        assert (tmp_path / f"out.{ending}").read_bytes() == expected
        assert hashlib.sha256(expected).hexdigest() in told


@pytest.mark.parametrize("by", ["digest", "file"])
def test_the_folder_explains_itself(generator: Generator, tmp_path: Path, by: str) -> None:
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(path_of(generator.digest).read_bytes())
    told = sample(generator.digest if by == "digest" else weights, tmp_path / "out", dtype="bfloat16")
    folder = BatchFolder(tmp_path / "out")
    folder.verify()
    assert folder.facts["class_mix"] == {"common": COUNT // 2, "rare": COUNT // 2}
    assert folder.recipe["generator"] == generator.digest in told
    assert folder.recipe["dtype"] == "bfloat16"
    assert [image.class_key for image in folder.images] == ["common"] * (COUNT // 2) + ["rare"] * (COUNT // 2)
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith(".")} == set()
    out = io.StringIO()
    call_command("replay", str(tmp_path / "out" / "images"), "--weights", str(weights), "--json", stdout=out)
    assert {image["verdict"] for image in json.loads(out.getvalue())["images"]} == {"exact"}


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"n": 0}, "bad_count"),
        ({"n": -1}, "bad_count"),
        ({"n": 10**9}, "bad_count"),
        ({"seed": -1}, "bad_seed"),
        ({"truncation": 0.0}, "bad_truncation"),
        ({"truncation": float("nan")}, "bad_truncation"),
        ({"class_mix": [("rear", 1.0)]}, "unknown_class"),
        ({"class_mix": [("rare", 0.4)]}, "bad_class_mix"),
        ({"class_mix": [("rare", float("nan"))]}, "bad_class_mix"),
    ],
)
def test_a_bad_wish_is_refused_before_anything_starts(
    generator: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wish: dict[str, Any], words: str
) -> None:
    monkeypatch.setattr("generation.management.commands.sample.run_verb", None)
    with pytest.raises(CommandError, match=words):
        sample(generator, tmp_path / "out", **wish)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["rare", "rare=", "rare=a third", "rare=1/0"])
def test_a_share_is_a_number(text: str) -> None:
    with pytest.raises(CommandError, match="is no CLASS=NUMBER"):
        call_command("sample", "x.safetensors", "--n=1", "--seed=1", "--out=x", "--class-mix", text)


def test_generators_that_make_nothing(generator: Generator, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name, words in (
        ("0" * 64, "there is no generator"),
        ("5a2b1c3d-0000-4000-8000-000000000000", "there is no generator"),
        ("mine", "no id, no digest and no .safetensors file"),
        (tmp_path / "nowhere.safetensors", "there is no file"),
    ):
        with pytest.raises(CommandError, match=words):
            sample(name, out)
    foreign = tmp_path / "foreign.safetensors"
    foreign.write_bytes(b"no generator at all")
    with pytest.raises(CommandError, match="not_a_generator"):
        sample(foreign, out)
    Generator.objects.update(state=GeneratorState.CANDIDATE, approved_by=None, approved_at=None)
    with pytest.raises(CommandError, match="candidate_limit"):
        sample(generator, out, n=2001)
    Generator.objects.update(state=GeneratorState.RETIRED)
    with pytest.raises(CommandError, match="generator_retired"):
        sample(generator, out)
    path_of(generator.digest).unlink()
    Generator.objects.update(state=GeneratorState.CANDIDATE)
    with pytest.raises(CommandError, match="not in the store"):
        sample(generator, out)
    assert not out.exists()


def test_truncated_weights_are_said_and_leave_nothing(generator: Generator, tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(path_of(generator.digest).read_bytes()[:-100])
    with pytest.raises(CommandError, match="bad_weights"):
        sample(weights, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [weights]


def test_what_is_there_stays(generator: Generator, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out.zip").write_bytes(b"precious")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("out", "out.zip", "link"):
        with pytest.raises(CommandError, match="is there already"):
            sample(generator, tmp_path / name)
    assert (tmp_path / "out.zip").read_bytes() == b"precious"
    with pytest.raises(CommandError, match="there is no folder"):
        sample(generator, tmp_path / "nowhere" / "out")


def test_nothing_is_removed_through_a_link(generator: Generator, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis").write_text("years")
    (tmp_path / ".out.unfinished").symlink_to(tmp_path / "home")
    with pytest.raises(CommandError, match="cannot be written"):
        sample(generator, tmp_path / "out")
    assert (tmp_path / "home" / "thesis").read_text() == "years"


@pytest.mark.parametrize("where", ["child", "archive"])
def test_a_full_disk_is_said_and_leaves_nothing(
    generator: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    module = "generation.management.commands.sample"
    if where == "child":

        def on_a_full_disk(verb: str, spec: Any, *, work: Path, on_progress: Any) -> Any:
            work.mkdir()
            (work / "images.jsonl").symlink_to("/dev/full")  # the kernel's own refusal, in the real child
            return run_verb(verb, spec, work=work, on_progress=on_progress)

        monkeypatch.setattr(f"{module}.run_verb", on_a_full_disk)
    else:

        def write(path: Path, *_: Any) -> None:
            path.write_bytes(b"half")
            with open("/dev/full", "wb", buffering=0) as full:
                full.write(b"the rest")

        monkeypatch.setattr(f"{module}.write_archive", write)
    with pytest.raises(CommandError, match=r"the disk is full; nothing was left behind \(disk_full\)"):
        sample(generator, tmp_path / "out.zip")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.faults
def test_killed_half_way_there_is_no_folder_and_the_next_run_begins_anew(
    generator: Generator, tmp_path: Path
) -> None:
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(path_of(generator.digest).read_bytes())
    out, work = tmp_path / "out", tmp_path / ".out.unfinished"
    command = [sys.executable, "-m", "synthlab", "sample", str(weights), "--seed=7", "--out", str(out)]
    with subprocess.Popen([*command, "--n=100000"], stderr=subprocess.PIPE) as process:
        wait_for(lambda: (work / "made" / "images" / "50.png").exists(), 90)
        with pytest.raises(CommandError, match="another process is making"):
            sample(weights, out)
        process.send_signal(signal.SIGKILL)
    assert work.is_dir()
    assert not out.exists()
    last = max(int(path.stem) for path in (work / "made" / "images").iterdir())
    wait_for(lambda: "A run that broke off" in sample(weights, out), 1)
    assert len(files_in(out)) == COUNT < last
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "weights.safetensors"]
