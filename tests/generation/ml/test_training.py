from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from generation.child import BadInput
from generation.ml.data import load_training_data
from generation.ml.loop import Outcome, train
from generation.ml.monitor import PixelMonitor, kernel_distance
from generation.ml.players import Players
from generation.ml.png import read_marks
from generation.ml.sampling import ImageRequest, Sampler
from generation.ml.weights import load_generator
from tests.generation.ml.conftest import CPU
from tests.generation.ml.runs import Recorder, run


@pytest.mark.parametrize(
    "wishes",
    [{}, {"architecture": "dcgan", "g_filters": 4, "d_filters": 4}, {"conditional": True}],
    ids=["dcgan-s", "dcgan", "conditional"],
)
def test_killed_and_resumed_run_gives_the_same_weights_as_one_left_alone(
    tiny, make_manifest, tmp_path, wishes
):
    config, manifest = tiny(**wishes), make_manifest(24, monitor=20)
    whole = run(config, manifest, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(config, manifest, tmp_path / "killed", Recorder(kill_at=3))
    resumed = run(
        config, manifest, tmp_path / "again", resume_from=tmp_path / "killed/checkpoints/step-00000003"
    )
    assert whole.step == resumed.step == 6
    assert whole.best == resumed.best
    assert hashlib.sha256(whole.generator).hexdigest() == hashlib.sha256(resumed.generator).hexdigest()


def test_every_tensor_of_a_resumed_run_is_the_same(tiny, make_manifest, tmp_path):
    # The chosen generator may be an early one; what would come next must be equal too.
    manifest = make_manifest()
    run(tiny(), manifest, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tiny(), manifest, tmp_path / "killed", Recorder(kill_at=3))
    run(tiny(), manifest, tmp_path / "again", resume_from=tmp_path / "killed/checkpoints/step-00000003")
    states = [
        (tmp_path / name / "checkpoints/step-00000006/state.safetensors").read_bytes()
        for name in ("whole", "again")
    ]
    assert states[0] == states[1]


def test_budget_decides_only_where_a_run_ends(tiny, make_manifest, tmp_path):
    manifest = make_manifest()
    short = run(tiny(steps=3), manifest, tmp_path / "short")
    longer = run(
        tiny(steps=6), manifest, tmp_path / "longer", resume_from=tmp_path / "short/checkpoints/step-00000003"
    )
    assert longer.generator == run(tiny(steps=6), manifest, tmp_path / "whole").generator
    assert longer.generator != short.generator
    in_time = tiny(steps=None, seconds=3600)
    stopped = run(in_time, manifest, tmp_path / "time", Recorder(stop_at=2))
    assert stopped.step == 2


def test_another_seed_gives_other_weights(tiny, make_manifest, tmp_path):
    manifest = make_manifest()
    assert (
        run(tiny(), manifest, tmp_path / "a").generator
        != run(tiny(seed=1), manifest, tmp_path / "b").generator
    )


def test_stop_is_obeyed_and_leaves_a_checkpoint_to_resume_from(tiny, make_manifest, tmp_path):
    report = Recorder(stop_at=4)
    manifest = make_manifest()
    outcome = run(tiny(), manifest, tmp_path / "first", report)
    assert (outcome.stopped, outcome.step) == (True, 4)
    cursor = report.of("cursor")[-1]["cursor"]
    assert cursor["step"] == 4
    resumed = run(tiny(), manifest, tmp_path / "second", resume_from=Path(cursor["checkpoint"]))
    assert (resumed.stopped, resumed.step) == (False, 6)
    assert resumed.generator == run(tiny(), manifest, tmp_path / "whole").generator


def test_run_reports_curves_samples_and_checkpoints(tiny, make_manifest, tmp_path):
    report = Recorder()
    run(tiny(), make_manifest(24, monitor=20), tmp_path, report)
    assert set(report.curve("g_loss")) == set(report.curve("d_loss")) == set(report.curve("images_per_s"))
    for name in ("monitor_kid_pixels", "d_overfit_gap", "diversity_ratio", "peak_memory_mib"):
        assert set(report.curve(name)) == {3, 6}
    assert [line["step"] for line in report.of("artifact") if line["kind"] == "checkpoint"] == [3, 6]
    samples = [Path(line["path"]) for line in report.of("artifact") if line["kind"] == "samples"]
    with Image.open(samples[0]) as grid:
        assert grid.size == (32, 32)  # four tiles of 16 px
    assert "trainedAlgorithmicMedia" in str(read_marks(samples[0].read_bytes()))
    last = report.of("progress")[-1]
    assert (last["done"], last["total"]) == (6, 6)


def test_best_generator_by_the_monitor_is_kept(tiny, make_manifest, tmp_path, monkeypatch):
    distances = iter([0.5, 0.1, 0.9])
    monkeypatch.setattr(PixelMonitor, "distance", lambda self, images: next(distances))
    outcome = run(tiny(steps=9), make_manifest(24, monitor=20), tmp_path)
    assert outcome.best == {"step": 6, "monitor_kid_pixels": 0.1}
    path = tmp_path / "g.safetensors"
    path.write_bytes(outcome.generator)
    assert load_generator(path, device=torch.device("cpu")).record.step == 6


@pytest.mark.parametrize(("groups", "chosen"), [(4, {}), (5, {"step": 3, "monitor_kid_pixels": 0.1})])
def test_few_blocks_watch_but_do_not_choose(tiny, make_manifest, tmp_path, monkeypatch, groups, chosen):
    distances = iter([0.1, 0.5])
    monkeypatch.setattr(PixelMonitor, "distance", lambda self, images: next(distances))
    report = Recorder()
    outcome = run(tiny(), make_manifest(24, monitor=20, monitor_groups=groups), tmp_path, report)
    assert outcome.best == chosen
    assert set(report.curve("monitor_kid_pixels")) == {3, 6}
    path = tmp_path / "g.safetensors"
    path.write_bytes(outcome.generator)
    assert load_generator(path, device=torch.device("cpu")).record.step == (3 if chosen else 6)


def test_too_small_a_monitor_slice_chooses_nothing(tiny, make_manifest, tmp_path):
    report = Recorder()
    assert run(tiny(), make_manifest(24, monitor=19), tmp_path, report).best == {}
    assert report.curve("monitor_kid_pixels") == {}


def test_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_checkpoint(
    tiny, make_manifest, tmp_path, monkeypatch
):
    real_step = Players.step

    def failing_step(self, number, real, labels):
        facts = real_step(self, number, real, labels)
        return facts if number < 4 else {**facts, "g_loss": torch.tensor(float("nan"))}

    monkeypatch.setattr(Players, "step", failing_step)
    report = Recorder()
    with pytest.raises(BadInput) as refusal:
        run(tiny(), make_manifest(), tmp_path, report)
    assert refusal.value.code == "diverged"
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000003"]
    assert report.of("cursor")[-1]["cursor"]["step"] == 3


def test_no_new_best_in_so_many_checks_ends_the_run_where_that_is_wished(
    tiny, make_manifest, tmp_path, monkeypatch
):
    distances = [0.5, 0.1, 0.3, 0.4, 0.2, 0.05]
    manifest = make_manifest(24, monitor=20)

    def outcome(name: str, **wishes) -> Outcome:
        left = iter(distances)
        monkeypatch.setattr(PixelMonitor, "distance", lambda self, images: next(left))
        return run(tiny(steps=18, **wishes), manifest, tmp_path / name)

    patient = outcome("patient")
    assert (patient.step, patient.ended_by, patient.best["step"]) == (18, "budget", 18)
    stopped = outcome("stopped", early_stop_checks=2)
    assert (stopped.step, stopped.ended_by, stopped.stopped) == (12, "early_stop", False)
    assert stopped.best == {"step": 6, "monitor_kid_pixels": 0.1}
    # A run that was interrupted in between ends at the same step.
    distances = distances[3:]
    left = iter(distances)
    monkeypatch.setattr(PixelMonitor, "distance", lambda self, images: next(left))
    again = run(
        tiny(steps=18, early_stop_checks=2), manifest, tmp_path / "again",
        resume_from=tmp_path / "stopped/checkpoints/step-00000009",
    )  # fmt: skip
    assert (again.step, again.ended_by) == (12, "early_stop")


def test_early_stop_needs_a_monitor_that_may_choose(tiny, make_manifest, tmp_path, monkeypatch):
    monkeypatch.setattr(PixelMonitor, "distance", lambda self, images: 0.5)
    config = tiny(steps=12, early_stop_checks=1)
    assert run(config, make_manifest(24, monitor=20, monitor_groups=4), tmp_path).ended_by == "budget"


@pytest.mark.parametrize(
    ("monitor", "groups", "words"), [(0, 0, "No whole groups"), (20, 4, "from 4 groups"), (20, 0, "")]
)
def test_a_monitor_too_small_to_choose_is_said_at_the_start(
    tiny, make_manifest, tmp_path, monitor, groups, words
):
    report = Recorder()
    run(tiny(), make_manifest(24, monitor=monitor, monitor_groups=groups), tmp_path, report)
    said = [line["detail"] for line in report.of("warning") if line["code"] == "monitor_small"]
    assert bool(said) == bool(words)
    assert words in " ".join(said)


def test_lack_of_memory_has_a_name_on_the_cpu_too(tiny, make_manifest, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:119] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(Players, "step", full)
    with pytest.raises(BadInput) as refusal:
        run(tiny(), make_manifest(), tmp_path)
    assert refusal.value.code == "out_of_memory"

    def broken(*args, **kwargs):
        raise RuntimeError("a bug")

    monkeypatch.setattr(Players, "step", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        run(tiny(), make_manifest(), tmp_path)


@pytest.mark.parametrize("size", [32, 64, 128])
@pytest.mark.parametrize("channels", [1, 3], ids=["grey", "rgb"])
def test_every_size_and_mode_trains_and_samples(tiny, make_manifest, tmp_path, size, channels):
    config = tiny(image_size=size, channels=channels, steps=2, sample_every=2, checkpoint_every=2)
    manifest = make_manifest(12, size=size, channels=channels)
    outcome = run(config, manifest, tmp_path)
    path = tmp_path / "g.safetensors"
    path.write_bytes(outcome.generator)
    generator = load_generator(path, device=torch.device("cpu"))
    [image] = Sampler(generator, CPU).sample([ImageRequest(batch_seed=1, index=0)])
    assert image.pixels.shape == (size, size, channels)


def test_budget_in_seconds_ends_the_run(tiny, make_manifest, tmp_path):
    ticks = iter(range(10_000))
    config = tiny(steps=None, seconds=40)
    outcome = train(
        config,
        load_training_data(make_manifest(), config),
        device=CPU,
        work=tmp_path,
        report=Recorder(),
        code_version="test",
        clock=lambda: float(next(ticks)),
    )
    assert not outcome.stopped
    assert 1 < outcome.step < 40


def test_collapse_is_said(tiny, make_manifest, tmp_path, monkeypatch):
    monkeypatch.setattr("generation.ml.watch.COLLAPSED_BELOW", 1e9)
    monkeypatch.setattr("generation.ml.watch.COLLAPSE_GRACE_STEPS", 0)
    report = Recorder()
    run(tiny(), make_manifest(), tmp_path, report)
    assert {line["code"] for line in report.of("warning")} == {"collapse", "monitor_small"}


def test_training_beats_its_own_start(tiny, make_manifest, tmp_path):
    report = Recorder()
    longer = {"steps": 160, "sample_every": 20, "checkpoint_every": 160, "batch_size": 16}
    config = tiny(**longer, g_filters=8, d_filters=8, g_lr=1e-3, d_lr=1e-3)
    outcome = run(config, make_manifest(48, monitor=24), tmp_path, report)
    curve = report.curve("monitor_kid_pixels")
    assert outcome.best["monitor_kid_pixels"] < 0.5 * curve[20]


class TestData:
    @pytest.mark.parametrize(
        ("change", "code"),
        [
            (lambda m: m["images"].__delitem__(slice(7, None)), "too_few_images"),
            (lambda m: m["images"][3].update(digest="0" * 64), "image_changed"),
            (lambda m: m["images"][3].update(path="/nowhere.png"), "unreadable_image"),
            (lambda m: m["images"][3].pop("path"), "bad_manifest"),
            (lambda m: m.pop("digest"), "bad_manifest"),
        ],
    )
    def test_bad_lists_are_refused(self, tiny, make_manifest, change, code):
        path = make_manifest(12)
        manifest = json.loads(path.read_text())
        change(manifest)
        path.write_text(json.dumps(manifest))
        with pytest.raises(BadInput) as refusal:
            load_training_data(path, tiny())
        assert refusal.value.code == code

    def test_identical_images_are_refused(self, tiny, make_manifest):
        with pytest.raises(BadInput, match="same picture"):
            load_training_data(make_manifest(12, constant=True), tiny())

    def test_other_size_or_mode_is_refused(self, tiny, make_manifest):
        with pytest.raises(BadInput, match="32 × 32 px"):
            load_training_data(make_manifest(12, size=32), tiny())
        with pytest.raises(BadInput, match="has 1 channels"):
            load_training_data(make_manifest(12, channels=1), tiny())

    def test_classes_are_needed_only_where_they_matter(self, tiny, make_manifest):
        path = make_manifest(12)
        data = load_training_data(path, tiny(conditional=True))
        assert data.classes == ("even", "odd")
        assert data.labels.tolist() == [0, 1] * 6
        manifest = json.loads(path.read_text())
        manifest["images"][0]["class"] = None
        path.write_text(json.dumps(manifest))
        assert load_training_data(path, tiny()).classes == ()
        with pytest.raises(BadInput, match="missing_class"):
            load_training_data(path, tiny(conditional=True))

    def test_one_class_is_refused_for_a_conditional_run(self, tiny, make_manifest):
        path = make_manifest(12)
        manifest = json.loads(path.read_text())
        for entry in manifest["images"]:
            entry["class"] = "only"
        path.write_text(json.dumps(manifest))
        with pytest.raises(BadInput, match="one_class"):
            load_training_data(path, tiny(conditional=True))


class TestMonitor:
    def test_kernel_distance_of_samples_of_one_distribution_is_about_zero(self):
        rng = np.random.default_rng(0)
        values = [
            kernel_distance(*(torch.from_numpy(rng.normal(size=(60, 16))) for _ in range(2)))
            for _ in range(40)
        ]
        assert abs(np.mean(values)) < 3 * np.std(values) / 40**0.5

    def test_kernel_distance_equals_the_sum_written_out(self):
        rng = np.random.default_rng(1)
        x, y = rng.normal(size=(4, 3)), rng.normal(size=(5, 3)) + 1

        def k(a, b):
            return (a @ b / 3 + 1) ** 3

        xx = np.mean([k(x[i], x[j]) for i in range(4) for j in range(4) if i != j])
        yy = np.mean([k(y[i], y[j]) for i in range(5) for j in range(5) if i != j])
        xy = np.mean([k(a, b) for a in x for b in y])
        expected = xx + yy - 2 * xy
        assert kernel_distance(torch.from_numpy(x), torch.from_numpy(y)) == pytest.approx(expected)

    def test_noise_is_farther_than_other_tiles(self, tiny, make_manifest):
        data = load_training_data(make_manifest(60), tiny())
        images = data.images.float() / 127.5 - 1
        monitor = PixelMonitor(images[:30])
        assert monitor.distance(images[30:]) < 0.1 * monitor.distance(torch.randn(30, 3, 16, 16).clamp(-1, 1))
