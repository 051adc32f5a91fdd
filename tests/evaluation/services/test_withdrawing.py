"""Measurements against images that are withdrawn: named, stopped while at work, and their features erased."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from django.conf import settings

from evaluation.ml.features import FeatureStore
from evaluation.ml.images import ImageRef, decode
from evaluation.ml.random_conv import RandomConv
from evaluation.ml.symmetry import pixel_digest
from evaluation.models import Evaluation, EvaluationState
from evaluation.services import evaluating
from generation.models import Dataset, SourceImage, Split
from generation.services.consequences import consequences_of
from generation.services.withdrawing import preview_withdrawal, withdraw_images
from synthlab.core.files import path_of
from synthlab.core.invariants import find_violations
from synthlab.core.jobs import execute
from synthlab.core.models import Job, JobState
from tests.evaluation.factories import make_evaluation, make_image_set
from tests.generation.factories import make_batch, make_dataset, make_generator
from tests.present import present

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def first_of(dataset: Dataset, split: str) -> SourceImage:
    return present(dataset.images.present().in_split(split).order_by("pk").first())


def finished(dataset: Dataset) -> Evaluation:
    batch = make_batch(generator=make_generator(dataset=dataset))
    return make_evaluation(image_set=make_image_set(batch=batch))


def named(dataset: Dataset, image: SourceImage) -> set[str]:
    touched = preview_withdrawal(actor=dataset.owner, dataset=dataset, images=[image.pk])
    return {str(trace.id) for trace in touched.traces if trace.kind == "evaluation"}


def test_finished_measurements_are_named_before_and_after_and_later_ones_are_not() -> None:
    dataset = make_dataset(per_split=10)
    measured = finished(dataset)
    for split in (Split.TRAIN, Split.VAL):
        assert named(dataset, first_of(dataset, split)) == {str(measured.pk)}
    gone = withdraw_images(
        actor=dataset.owner, dataset=dataset, images=[first_of(dataset, Split.VAL).pk], reason="why"
    )
    finished(dataset)
    after = consequences_of(dataset, gone.images.all(), seen_by=dataset.owner)
    assert [str(trace.id) for trace in after.traces] == [str(measured.pk)]


def test_held_out_images_were_in_no_measurement_against_validation() -> None:
    dataset = make_dataset(per_split=10)
    finished(dataset)
    image = first_of(dataset, Split.VAL)
    image.group.images.exclude(pk=image.pk).update(
        group=present(dataset.groups.filter(split=Split.TRAIN).first())
    )
    type(image.group).objects.filter(pk=image.group_id).update(split=Split.HELD_OUT)
    assert named(dataset, image) == set()


def test_one_at_work_is_stopped() -> None:
    dataset = make_dataset(per_split=10)
    batch = make_batch(generator=make_generator(dataset=dataset))
    evaluation = evaluating.request_evaluation(actor=dataset.owner, batch=batch)
    withdraw_images(
        actor=dataset.owner, dataset=dataset, images=[first_of(dataset, Split.TRAIN).pk], reason="why"
    )
    evaluation.refresh_from_db()
    assert evaluation.state == EvaluationState.CANCELLED
    assert Job.objects.get(pk=present(evaluation.job_id)).state == JobState.CANCELLED


def test_features_go_with_the_file_and_the_others_stay(transactional_db: None) -> None:
    dataset = make_dataset(per_split=10)
    gone, kept = first_of(dataset, Split.TRAIN), first_of(dataset, Split.VAL)
    store = FeatureStore(Path(settings.FEATURE_ROOT), RandomConv())
    digests = [_pixels(gone), _pixels(kept)]
    store.add(digests, np.ones((2, RandomConv().dimension), np.float32))
    withdrawal = withdraw_images(actor=dataset.owner, dataset=dataset, images=[gone.pk], reason="why")
    assert set(store.load(digests)) == set(digests)
    execute(str(withdrawal.job_id))
    assert set(store.load(digests)) == {_pixels(kept)}
    assert list(find_violations(["no features of a withdrawn image are stored"])) == []


def test_features_of_pixels_that_another_data_set_has_stay(transactional_db: None) -> None:
    dataset, other = make_dataset(per_split=10), make_dataset(per_split=1, groups=1)
    gone, twin = first_of(dataset, Split.TRAIN), first_of(other, Split.TRAIN)
    SourceImage.objects.filter(pk=twin.pk).update(digest=gone.digest, pixel_digest=gone.pixel_digest)
    store = FeatureStore(Path(settings.FEATURE_ROOT), RandomConv())
    digest = _pixels(gone)
    store.add([digest], np.ones((1, RandomConv().dimension), np.float32))
    withdrawal = withdraw_images(actor=dataset.owner, dataset=dataset, images=[gone.pk], reason="why")
    execute(str(withdrawal.job_id))
    assert set(store.load([digest])) == {digest}


def _pixels(image: SourceImage) -> str:
    return pixel_digest(decode(ImageRef(id="x", path=path_of(image.digest), group=""))[0])
