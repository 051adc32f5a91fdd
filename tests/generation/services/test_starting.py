"""What is checked before a training is queued, clones, estimates, and what happens when the memory does not suffice."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from generation.ml.config import PRESETS, TrainConfig
from generation.ml.cost import estimate
from generation.models import CostMeasurement, CostSource, Dataset, Split, Training, TrainingState
from generation.services import estimating, fitting, training
from generation.services.cloning import changes_to_try, differences, own_settings
from generation.services.curves import thinned
from generation.services.manifests import dataset_digest
from generation.tasks import run_measurement, run_training
from synthlab.core.children import ChildCrashed
from synthlab.core.exceptions import InvalidInput
from synthlab.core.job_context import JobContext
from synthlab.core.job_lease import Lease
from synthlab.core.job_states import claim
from synthlab.core.job_work import make_work_folder
from synthlab.core.jobs import execute
from synthlab.core.models import AuditEvent, Job, JobState
from synthlab.version import code_version
from tests.generation.factories import make_dataset
from tests.present import present

pytestmark = pytest.mark.django_db

TINY: dict[str, Any] = {
    "g_filters": 4,
    "d_filters": 4,
    "batch_size": 8,
    "latent_size": 8,
    "standing_batches": 1,
    "steps": 6,
}


def with_classes(*counts: int, groups: int = 4, **kwargs: Any) -> Dataset:
    """A data set whose training split holds so many images of `a`, `b` …"""
    dataset = make_dataset(per_split=sum(counts), groups=groups, **kwargs)
    names = [name for name, count in zip("abcdef", counts, strict=False) for _ in range(count)]
    for split in (Split.TRAIN, Split.VAL):
        for image, name in zip(
            dataset.images.in_split(split).order_by("group__key", "pk"), names, strict=True
        ):
            image.class_key = name
            image.save(update_fields=["class_key"])
    dataset.manifest_digest = dataset_digest(dataset)
    dataset.save()
    return dataset


def start(dataset: Dataset, seed: int | None = 5, confirmed: bool = False, **config: Any) -> Training:
    return training.start_training(
        actor=dataset.owner, dataset=dataset, config=config, seed=seed, confirmed=confirmed
    )


def refusal(dataset: Dataset, **kwargs: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        start(dataset, **kwargs)
    assert not Job.objects.filter(kind="training").exists()
    return caught.value


class TestBeforeTheStart:
    def test_one_picture_many_times_is_refused(self) -> None:
        dataset = make_dataset(per_split=10)
        dataset.images.update(pixel_digest="0" * 64)
        assert refusal(dataset).code == "identical_images"

    def test_images_of_several_sizes_are_refused(self) -> None:
        dataset = make_dataset(per_split=10)
        odd = dataset.images.in_split(Split.TRAIN)[0]
        odd.width = 48
        odd.save()
        error = refusal(dataset)
        assert error.code == "mixed_sizes"
        assert "9 of 32 × 32 px" in error.detail

    def test_too_few_are_counted_after_some_are_kept_aside(self) -> None:
        # Two groups of 20 and 4: the larger one is kept aside with this seed, and four do not suffice.
        dataset = make_dataset(per_split=24, groups=1)
        train = dataset.images.in_split(Split.TRAIN)
        other = dataset.groups.create(key="train-small", split=Split.TRAIN)
        for image in train[:4]:
            image.group = other
            image.save()
        errors = []
        for seed in range(8):
            try:
                start(dataset, seed=seed)
            except InvalidInput as error:
                errors.append(error.code)
        assert set(errors) == {"too_few_images"}

    @pytest.mark.parametrize(
        ("counts", "config", "code", "field"),
        [
            ((12,), {"conditional": True}, "one_class", "config.conditional"),
            (
                (12, 12),
                {"conditional": True, "class_targets": {"a": 0.5, "z": 0.5}},
                "bad_class_targets",
                "config.class_targets",
            ),
            (
                (12, 12),
                {"conditional": True, "class_targets": {"a": 0.5, "b": 0.2}},
                "bad_config",
                "config.class_targets",
            ),
            ((12, 12), {"class_targets": {"a": 0.5, "b": 0.5}}, "bad_config", "config.class_targets"),
            ((12, 12), {"g_lr": 5.0}, "bad_config", "config.g_lr"),
        ],
    )
    def test_what_is_wrong_is_said_at_its_field(
        self, counts: tuple[int, ...], config: dict[str, Any], code: str, field: str
    ) -> None:
        error = refusal(with_classes(*counts), **config)
        assert (error.code, error.extra["errors"][0]["field"]) == (code, field)

    def test_images_without_a_class_are_refused_for_a_run_with_classes(self) -> None:
        assert refusal(make_dataset(per_split=10), conditional=True).code == "missing_class"

    def test_a_class_with_few_images_needs_a_yes(self) -> None:
        dataset = with_classes(25, 12)
        error = refusal(dataset, conditional=True)
        assert error.code == "needs_confirmation"
        assert [caution["code"] for caution in error.extra["cautions"]] == ["few_of_a_class"]
        assert "b (12)" in error.detail
        run = start(dataset, conditional=True, confirmed=True)
        assert run.classes == ["a", "b"]
        assert "few_of_a_class" in {warning["code"] for warning in run.warnings}
        told = AuditEvent.objects.get(action="training.started").facts
        assert told["confirmed"] == ["few_of_a_class"]

    def test_names_of_classes_stay_out_of_the_audit(self) -> None:
        run = start(with_classes(25, 25), conditional=True, class_targets={"a": 0.3, "b": 0.7})
        assert run.config["class_targets"] == {"a": 0.3, "b": 0.7}
        assert AuditEvent.objects.get(action="training.started").facts["config"]["class_targets"] == [
            0.3,
            0.7,
        ]

    def test_a_class_that_would_be_kept_aside_is_refused_or_avoided(self) -> None:
        # Each class stands in a group of its own, so keeping aside any group keeps aside a class.
        dataset = with_classes(25, 25, groups=2)
        assert refusal(dataset, conditional=True).code == "class_kept_aside"
        third = dataset.groups.create(key="train-2", split=Split.TRAIN)
        for name in "ab":
            for image in dataset.images.in_split(Split.TRAIN).filter(class_key=name)[:12]:
                image.group = third
                image.save()
        seeds = {start(dataset, seed=None, conditional=True, confirmed=True).seed for _ in range(6)}
        assert len(seeds) == 6  # drawn, and each of them usable

    def test_no_validation_is_said(self) -> None:
        dataset = make_dataset(per_split=10)
        dataset.groups.filter(split=Split.VAL).update(split=Split.TRAIN)
        run = start(dataset)
        assert {"no_validation", "monitor_small"} == {warning["code"] for warning in run.warnings}
        assert all(warning["step"] == 0 for warning in run.warnings)


class TestClone:
    def test_a_clone_takes_over_everything_but_its_changes(self) -> None:
        dataset = make_dataset(per_split=10)
        parent = start(dataset, batch_size=16, g_lr=3e-4, steps=77)
        clone = training.clone_training(actor=dataset.owner, training=parent, config={"g_lr": 1e-4})
        assert clone.cloned_from == parent
        assert clone.seed == parent.seed  # so the same images are kept aside
        assert list(differences(parent.config, clone.config)) == [("g_lr", 3e-4, 1e-4)]

    def test_a_preset_brings_its_length_and_another_architecture_its_numbers(self) -> None:
        dataset = make_dataset(per_split=10)
        parent = start(dataset, batch_size=16, preset="quick")
        longer = training.clone_training(actor=dataset.owner, training=parent, config={"preset": "best"})
        assert (longer.config["steps"], longer.config["batch_size"]) == (PRESETS["best"]["steps"], 16)
        plain = training.clone_training(
            actor=dataset.owner, training=parent, config={"architecture": "dcgan"}
        )
        assert (plain.config["loss"], plain.config["batch_size"]) == ("bce", 64)
        assert plain.config["steps"] == parent.config["steps"]

    def test_shares_go_with_the_classes(self) -> None:
        dataset = with_classes(25, 25)
        parent = start(dataset, conditional=True, class_targets={"a": 0.3, "b": 0.7})
        clone = training.clone_training(actor=dataset.owner, training=parent, config={"conditional": False})
        assert (clone.config["class_targets"], clone.classes) == ({}, [])

    def test_settings_that_differ_from_the_defaults(self) -> None:
        config = TrainConfig.from_request({"architecture": "dcgan", "batch_size": 16}).to_dict()
        assert own_settings(config) == [("batch_size", 64, 16)]
        assert list(differences({}, TrainConfig().to_dict())) == []


class TestEstimate:
    def ask(self, dataset: Dataset, **kwargs: Any) -> estimating.TrainingEstimate:
        config = kwargs.pop("config", TINY)
        return estimating.estimate_training(actor=dataset.owner, dataset=dataset, config=config, **kwargs)

    def test_what_is_not_known_is_measured_once_and_then_known(
        self, transactional_db: None, settings: Any
    ) -> None:
        settings.TORCH_THREADS = 1
        dataset = make_dataset(per_split=10)
        first = self.ask(dataset)
        assert [preset.known for preset in first.presets] == [None] * 3
        again = self.ask(dataset)
        assert present(again.job).pk == present(first.job).pk
        job = present(claim(str(present(first.job).pk)))
        run_measurement(JobContext(job, Lease(job), make_work_folder(job), shards=0))
        known = self.ask(dataset)
        assert known.job is None
        assert len({preset.key for preset in known.presets}) == CostMeasurement.objects.count() == 1
        told = known.presets[0].to_json()
        assert told["device"] in {"cpu", "cuda"}
        assert 0 < told["seconds_low"] <= told["seconds"] <= told["seconds_high"]
        assert told["seconds"] == round(
            estimate(known.presets[0].config, present(known.presets[0].known).costs).seconds, 1
        )
        assert self.ask(dataset, measure="again").job is not None
        # A worker that runs another version keeps the figure for those who asked.
        assert CostMeasurement.objects.get().code_version == job.payload["code_version"]

    def test_only_what_decides_the_cost_is_measured_anew(self) -> None:
        dataset = make_dataset(per_split=10)
        keys = {preset.key for preset in self.ask(dataset).presets}
        self.know(next(iter(keys)))
        assert self.ask(dataset, config={**TINY, "g_lr": 1e-3}).job is None
        assert self.ask(dataset, config={**TINY, "batch_size": 16}, measure="never").job is None
        job = present(self.ask(dataset, config={**TINY, "batch_size": 16}).job)
        assert job.payload["configs"][0]["config"]["batch_size"] == 16

    def test_names_of_classes_stay_out_of_the_job(self) -> None:
        told = self.ask(
            with_classes(25, 25), config={**TINY, "conditional": True, "class_targets": {"a": 0.5, "b": 0.5}}
        )
        payload = present(told.job).payload
        assert payload["classes"] == 2
        assert payload["configs"][0]["config"]["class_targets"] == {}

    def know(self, key: str, source: str = CostSource.MEASUREMENT, **facts: Any) -> None:
        costs = {"step_seconds": 1.0, "look_seconds": 2.0, "checkpoint_seconds": 0.5, "peak_bytes": 1000}
        told = {"step_seconds_low": 0.8, "step_seconds_high": 2.0, **costs, **facts}
        version = code_version()
        estimating._keep(key, source, version=version, device="cpu", model="x", dtype="float32", **told)

    def test_a_real_run_refines_what_a_measurement_said(self) -> None:
        dataset = make_dataset(per_split=10)
        run = start(dataset, **TINY)
        key = self.ask(dataset).presets[0].key
        self.know(key, start_seconds=4.0)
        machine = {"device": "cpu", "model": "x", "dtype": "float32"}
        costs = {"step_seconds": 3.0, "look_seconds": 1.0, "checkpoint_seconds": 1.0, "peak_bytes": 5.0}
        estimating.learn_from_run(run, {"costs": costs, "card": {"machine": machine}})
        known = present(self.ask(dataset).presets[0].known)
        assert (known.source, known.step_seconds, known.start_seconds) == (CostSource.RUN, 3.0, 4.0)
        del costs["look_seconds"]
        estimating.learn_from_run(
            run, {"costs": {**costs, "step_seconds": 9.0}, "card": {"machine": machine}}
        )
        assert present(self.ask(dataset).presets[0].known).step_seconds == 3.0

    def test_the_arithmetic_of_a_preset(self) -> None:
        dataset = make_dataset(per_split=10)
        config = {**TINY, "steps": 100, "sample_every": 30, "checkpoint_every": 50}
        self.know(self.ask(dataset).presets[0].key, start_seconds=4.0)
        told = self.ask(dataset, config=config).presets[0].to_json()
        assert told["seconds"] == 4 + 100 + 4 * 2 + 2 * 0.5
        assert told["seconds_low"] == pytest.approx((13 + 80) * 0.75, abs=0.06)
        assert told["seconds_high"] == pytest.approx((13 + 200) * 1.25, abs=0.06)


class Fits:
    """Children that fail for lack of memory above some batch size."""

    def __init__(self, most: int, error: Exception) -> None:
        self.most, self.error = most, error
        self.tried: list[int] = []

    def __call__(
        self, context: JobContext, module: str, verb: str, spec: dict[str, Any], on_event: Any = None
    ) -> Any:
        if verb == "train":
            raise self.error
        assert (module, verb) == ("generation.ml", "probe")
        self.tried.append(spec["config"]["batch_size"])
        if self.tried[-1] > self.most:
            raise InvalidInput("out_of_memory", "no")
        return {"batch_size": self.tried[-1], "peak_bytes": 1}


class TestMemory:
    def run(self, monkeypatch: Any, most: int, error: Exception) -> tuple[Training, Fits, Exception]:
        dataset = make_dataset(per_split=10)
        run = start(dataset, batch_size=64)
        children = Fits(most, error)
        monkeypatch.setattr(JobContext, "run_child", lambda self, *args, **kw: children(self, *args, **kw))
        job = present(claim(str(run.job_id)))
        with pytest.raises((InvalidInput, ChildCrashed)) as caught:
            run_training(JobContext(job, Lease(job), make_work_folder(job), shards=0))
        run.refresh_from_db()
        return run, children, caught.value

    def test_the_batch_size_that_fits_is_tried_and_told(
        self, transactional_db: None, monkeypatch: Any
    ) -> None:
        run, children, error = self.run(monkeypatch, 20, InvalidInput("out_of_memory", "no"))
        assert children.tried == [32, 16]
        assert "Batches of 16 fit here" in str(error)
        [advice] = [warning for warning in run.warnings if warning["code"] == fitting.CODE]
        assert advice["changes"] == {"batch_size": 16}

    def test_nothing_fits(self, transactional_db: None, monkeypatch: Any) -> None:
        _, children, error = self.run(monkeypatch, 0, InvalidInput("out_of_memory", "no"))
        assert children.tried == [32, 16, 8, 4]
        assert "fewer filters" in str(error)

    def test_a_child_killed_for_its_memory(self, transactional_db: None, monkeypatch: Any) -> None:
        _, children, error = self.run(monkeypatch, 40, ChildCrashed("killed", -signal.SIGKILL))
        assert children.tried == [64, 32]
        assert "Batches of 32 fit here" in str(error)

    def test_a_child_killed_for_another_reason_is_tried_again(
        self, transactional_db: None, monkeypatch: Any
    ) -> None:
        _, children, error = self.run(monkeypatch, 64, ChildCrashed("killed", -signal.SIGKILL))
        assert children.tried == [64]
        assert isinstance(error, ChildCrashed)

    def test_other_ends_are_none_of_its_business(self, transactional_db: None, monkeypatch: Any) -> None:
        _, children, error = self.run(monkeypatch, 64, ChildCrashed("a bug", 1))
        assert (children.tried, isinstance(error, ChildCrashed)) == ([], True)
        assert Training.objects.get().state == TrainingState.RUNNING


class Diverges:
    """A training child that makes one checkpoint and then meets losses that are no numbers."""

    def __call__(
        self, context: JobContext, module: str, verb: str, spec: dict[str, Any], on_event: Any
    ) -> Any:
        checkpoint = context.work_dir / "checkpoints" / "step-00000500"
        checkpoint.mkdir(parents=True)
        on_event({"type": "cursor", "cursor": {"step": 500, "checkpoint": str(checkpoint)}})
        raise InvalidInput("diverged", "the losses stopped being numbers before step 620")


def test_a_diverged_run_keeps_its_checkpoint_and_is_not_tried_again(
    transactional_db: None, monkeypatch: Any, settings: Any
) -> None:
    dataset = make_dataset(per_split=10)
    run = start(dataset, g_lr=2e-4, d_lr=4e-4)
    monkeypatch.setattr(JobContext, "run_child", lambda self, *args, **kw: Diverges()(self, *args, **kw))
    execute(str(run.job_id))
    run.refresh_from_db()
    job = present(run.job)
    assert (run.state, job.state, job.error_code) == (TrainingState.FAILED, JobState.FAILED, "diverged")
    assert (run.step, (settings.WORK_ROOT / run.checkpoint).is_dir()) == (500, True)
    tried = changes_to_try(run, job.error_code)
    assert tried == {"g_lr": 1e-4, "d_lr": 2e-4}
    clone = training.clone_training(actor=dataset.owner, training=run, config=tried)
    assert [name for name, *_ in differences(run.config, clone.config)] == ["g_lr", "d_lr"]


class TestThinned:
    def test_short_curves_stay_as_they_are(self) -> None:
        points = [(step, float(step)) for step in range(10)]
        assert thinned(points, 10) == points

    @pytest.mark.parametrize("most", [10, 11, 100, 501])
    def test_ends_and_spikes_are_kept(self, most: int) -> None:
        points = [(step, 1.0) for step in range(0, 25_000, 20)]
        points[617] = (points[617][0], 99.0)
        points[900] = (points[900][0], -99.0)
        kept = thinned(points, most)
        assert len(kept) <= most
        assert {points[0], points[617], points[900], points[-1]} <= set(kept)
        assert kept == sorted(kept)
