"""What a run will take: the arithmetic, the measurement, and what is said when the memory does not suffice."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from generation.child import BadInput, Reporter
from generation.ml import checkpoint, loop
from generation.ml.accelerate import compile_networks
from generation.ml.config import PRESETS, TrainConfig
from generation.ml.cost import Costs, cost_digest, estimate
from generation.ml.cost_verbs import measure_verb, probe_verb
from generation.ml.data import load_training_data
from generation.ml.device import Device
from generation.ml.look import Looker
from generation.ml.measure import BLOCK_STEPS, measure, random_data
from generation.ml.memory import is_out_of_memory
from generation.ml.players import Players
from tests.generation.ml.conftest import CPU, TINY
from tests.generation.ml.runs import Recorder

ROOT = Path(__file__).resolve().parents[3]


class Clock:
    """Time that passes only in steps, looks and checkpoints."""

    def __init__(self, monkeypatch, *, plain: float, penalty: float, look: float, save: float) -> None:
        self.now = 0.0
        real_step, real_look, real_save = Players.step, Looker.look, checkpoint.save_checkpoint

        def step(players, number, images, labels):
            due = number % players.config.r1_every == 0
            self.now += plain + (penalty if due else 0.0)
            return real_step(players, number, images, labels)

        def seen(looker):
            self.now += look
            return real_look(looker)

        def saved(*args):
            self.now += save
            return real_save(*args)

        monkeypatch.setattr(Players, "step", step)
        monkeypatch.setattr(Looker, "look", seen)
        monkeypatch.setattr(loop, "save_checkpoint", saved)

    def __call__(self) -> float:
        return self.now


def test_an_estimate_from_a_few_steps_is_what_the_run_then_takes(tiny, make_manifest, tmp_path, monkeypatch):
    clock = Clock(monkeypatch, plain=2.0, penalty=3.0, look=7.0, save=5.0)
    config = tiny(steps=14, r1_every=2)
    measured = measure(config, random_data(config, images=24, monitor=20, classes=0), device=CPU, clock=clock)
    assert measured.costs.step_seconds == pytest.approx(3.5)
    clock.now = 0.0
    data = load_training_data(make_manifest(24, monitor=20), config)
    loop.train(config, data, device=CPU, work=tmp_path, report=Recorder(), code_version="", clock=clock)
    assert clock.now == 14 * 2 + 7 * 3 + 5 * 7 + 5 * 5
    told = estimate(config, measured.costs)
    assert told.seconds == pytest.approx(clock.now + measured.costs.start_seconds)
    assert told.low < clock.now < told.high


def test_a_real_run_says_what_its_parts_took(tiny, make_manifest, tmp_path, monkeypatch):
    clock = Clock(monkeypatch, plain=2.0, penalty=3.0, look=7.0, save=5.0)
    config = tiny(steps=13, r1_every=2)
    data = load_training_data(make_manifest(24, monitor=20), config)
    outcome = loop.train(
        config, data, device=CPU, work=tmp_path, report=Recorder(), code_version="", clock=clock
    )
    costs = outcome.costs
    assert costs["step_seconds"] == pytest.approx(3.5)  # twelve steps after the first, six with the penalty
    assert (costs["look_seconds"], costs["checkpoint_seconds"]) == (7.0, 5.0)
    assert costs["peak_bytes"] > 2**20


def test_a_slower_stretch_widens_the_range(tiny, monkeypatch):
    clock = Clock(monkeypatch, plain=1.0, penalty=0.0, look=1.0, save=1.0)
    config = tiny(r1_gamma=0.0)
    real, steps = Players.step, iter(range(1000))

    def step(*args):
        clock.now += 9.0 if 2 <= next(steps) < 2 + BLOCK_STEPS else 0.0
        return real(*args)

    monkeypatch.setattr(Players, "step", step)
    costs = measure(
        config, random_data(config, images=24, monitor=0, classes=0), device=CPU, clock=clock
    ).costs
    assert (costs.step_seconds_low, costs.step_seconds_high) == (1.0, 10.0)


def test_parts_add_up():
    costs = Costs(
        start_seconds=4, step_seconds=0.5, step_seconds_low=0.4, step_seconds_high=0.8, look_seconds=3,
        checkpoint_seconds=1,
    )  # fmt: skip
    config = TrainConfig.from_request({"steps": 1000, "sample_every": 300, "checkpoint_every": 500})
    told = estimate(config, costs)
    assert told.seconds == 4 + 500 + 4 * 3 + 2 * 1
    assert [told.low, told.high] == pytest.approx([418 * 0.75, 818 * 1.25])
    in_time = estimate(TrainConfig.from_request({"seconds": 600}), costs)
    assert (in_time.seconds, in_time.low) == (600, 600)


def test_what_costs_the_same_has_the_same_name():
    def name(classes: int = 0, **wishes) -> str:
        return cost_digest(TrainConfig.from_request(wishes), classes=classes)

    assert name() == name(steps=3, seed=9, g_lr=1e-3, sample_every=5, early_stop_checks=6)
    others: list[dict[str, Any]] = [
        {"batch_size": 16},
        {"g_filters": 16},
        {"image_size": 128},
        {"dtype": "float32"},
        {"augment": []},
    ]
    assert len({name(**wishes) for wishes in others} | {name()}) == len(others) + 1
    assert name(2, conditional=True) != name(3, conditional=True)
    assert len({name(preset=preset, g_filters=8, d_filters=8) for preset in PRESETS}) == 1


def test_the_cost_needs_no_torch():
    code = "import sys, generation.ml.cost, generation.ml.classes, generation.ml.watch; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_measuring_reads_no_data_and_names_what_it_measured():
    config = TrainConfig.from_request(TINY).to_dict()
    wanted = [{"key": "a", "config": config}, {"key": "b", "config": {**config, "conditional": True}}]
    lines: list[str] = []
    counts = {"images": 24, "monitor": 20, "classes": 2, "threads": 1}
    answer = measure_verb({"configs": wanted, **counts}, Reporter(lines.append))
    assert [row["key"] for row in answer["measured"]] == ["a", "b"]
    assert answer["machine"]["threads"] == 1
    for row in answer["measured"]:
        assert row["dtype"] == "float32"
        assert 0 < row["step_seconds_low"] <= row["step_seconds"] <= row["step_seconds_high"]
        assert min(row["look_seconds"], row["checkpoint_seconds"], row["peak_bytes"]) > 0
    assert json.loads(lines[-1])["done"] == 2


def test_trying_a_batch_size():
    spec = {"config": {**TINY, "batch_size": 4}, "images": 24, "monitor": 0, "classes": 0, "threads": 1}
    assert probe_verb(spec, Reporter(lambda line: None))["batch_size"] == 4


def test_a_batch_that_does_not_fit_is_told_from_a_bug(monkeypatch):
    spec = {"config": TINY, "images": 24, "monitor": 0, "classes": 0, "threads": 1}
    monkeypatch.setattr(Players, "step", lambda *args: torch.empty(2**50, dtype=torch.uint8))
    with pytest.raises(BadInput) as refusal:
        probe_verb(spec, Reporter(lambda line: None))
    assert refusal.value.code == "out_of_memory"
    assert not is_out_of_memory(RuntimeError("shapes do not match"))


@pytest.mark.faults
def test_a_child_under_a_limit_of_memory_says_so(tmp_path):
    """A real allocator that fails for real: the address space ends where a large batch needs more."""
    config = {**TINY, "image_size": 128, "batch_size": 1024, "g_filters": 32, "d_filters": 32}
    spec = {"config": config, "images": 24, "monitor": 0, "classes": 0, "threads": 1, "work": str(tmp_path)}
    path = tmp_path / "probe.json"

    def status_of(spec: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        path.write_text(json.dumps(spec))
        done = subprocess.run(
            [sys.executable, "-m", "generation.ml", "probe", str(path)],
            cwd=ROOT, capture_output=True, check=False, stdin=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30)),
        )  # fmt: skip
        lines = done.stdout.splitlines()
        return done.returncode, json.loads(lines[-1])

    status, last = status_of(spec)
    assert (status, last["code"]) == (3, "out_of_memory")
    status, last = status_of({**spec, "config": {**config, "batch_size": 4, "g_filters": 8, "d_filters": 8}})
    assert (status, last["batch_size"]) == (0, 4)


class TestCompiling:
    """No GPU is needed: the device only says that it is one."""

    cuda = Device(name="cuda", dtype="float32", model="told, not there")

    @pytest.fixture
    def network(self):
        return torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))

    def test_nothing_is_compiled_on_a_cpu(self, network, monkeypatch):
        monkeypatch.setattr(torch.nn.Module, "compile", lambda self: pytest.fail("was compiled"))
        assert not compile_networks(CPU, [network], lambda: pytest.fail("was tried"), Reporter(print))

    def test_what_cannot_be_compiled_runs_as_it_is_with_a_warning(self, network, monkeypatch):
        def compile_badly(module):
            module._compiled_call_impl = lambda *args: pytest.fail("compiled code ran")

        def fail():
            raise RuntimeError("no C compiler")

        monkeypatch.setattr(torch.nn.Module, "compile", compile_badly)
        report = Recorder()
        assert not compile_networks(self.cuda, [network], fail, report)
        assert [line["code"] for line in report.of("warning")] == ["not_compiled"]
        network(torch.ones(4, 2))

    def test_the_trial_leaves_no_trace_in_the_weights(self, network, monkeypatch):
        monkeypatch.setattr(torch.nn.Module, "compile", lambda self: None)
        before = {name: tensor.clone() for name, tensor in network.state_dict().items()}

        def trial():
            network(torch.rand(4, 2)).sum().backward()

        assert compile_networks(self.cuda, [network], trial, Recorder())
        assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
        assert all(parameter.grad is None for parameter in network.parameters())

    def test_lack_of_memory_is_not_taken_for_a_compiler_that_fails(self, network, monkeypatch):
        monkeypatch.setattr(torch.nn.Module, "compile", lambda self: None)

        def full():
            raise torch.OutOfMemoryError

        with pytest.raises(torch.OutOfMemoryError):
            compile_networks(self.cuda, [network], full, Recorder())
