"""Features of withdrawn pictures go and stay away, whoever reads or writes meanwhile."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from evaluation.ml.features import FeatureStore, feature_rows
from evaluation.ml.forgetting import forget, forget_files, forgotten_rows
from evaluation.ml.images import ImageSet, parse_refs, read_set
from evaluation.ml.random_conv import RandomConv
from tests.evaluation.ml.pictures import Maker, grouped_blobs, quiet


@pytest.fixture
def pictures(tmp_path: Path) -> ImageSet:
    images, _ = grouped_blobs(np.random.default_rng(0), 12, 1)
    return read_set(parse_refs(Maker(tmp_path / "images").rows(images, "i"), "test", grouped=False), "test")


@pytest.fixture
def store(tmp_path: Path, pictures: ImageSet) -> FeatureStore:
    store = FeatureStore(tmp_path / "store", RandomConv())
    pairs = list(zip(pictures.pixel_digests, pictures.refs, strict=True))
    feature_rows(store, RandomConv(), pairs, quiet())
    return store


def test_forgotten_rows_go_and_the_others_stay_as_they_were(
    tmp_path: Path, store: FeatureStore, pictures: ImageSet
) -> None:
    before = store.load(pictures.pixel_digests)
    gone = pictures.refs[3].path
    assert forget_files(tmp_path / "store", [gone]) == 1
    after = store.load(pictures.pixel_digests)
    assert set(before) - set(after) == {pictures.pixel_digests[3]}
    for digest, row in after.items():
        np.testing.assert_array_equal(row, before[digest])
    assert forget_files(tmp_path / "store", [gone]) == 0  # a second time changes nothing
    assert forgotten_rows(tmp_path / "store") == set()


def test_the_numbers_are_not_left_in_any_file(
    tmp_path: Path, store: FeatureStore, pictures: ImageSet
) -> None:
    digest = pictures.pixel_digests[3]
    row = store.load([digest])[digest].tobytes()
    orphan = store.folder / ("0" * 32 + ".npy")  # what a writer leaves that is killed before its index
    np.save(orphan, np.frombuffer(row, "<f4")[None])
    (store.folder / ".new-killed").write_bytes(row)
    forget(tmp_path / "store", [digest])
    assert not [
        path for path in (tmp_path / "store").rglob("*") if path.is_file() and row in path.read_bytes()
    ]


def test_a_writer_that_read_the_picture_before_cannot_bring_it_back(
    tmp_path: Path, store: FeatureStore, pictures: ImageSet
) -> None:
    digests = list(pictures.pixel_digests)
    rows = store.load(digests)
    forget(tmp_path / "store", digests[:2])
    store.add(digests, np.stack([rows[digest] for digest in digests]))
    assert set(store.load(digests)) == set(digests[2:])
    store.add(digests[:1], rows[digests[0]][None])
    assert forgotten_rows(tmp_path / "store") == set()


def test_readers_are_not_disturbed(tmp_path: Path, store: FeatureStore, pictures: ImageSet) -> None:
    digests = list(pictures.pixel_digests)
    true = store.load(digests)
    wrong: list[str] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            for digest, row in store.load(digests).items():
                if not np.array_equal(row, true[digest]):
                    wrong.append(digest)

    reader = threading.Thread(target=read)
    reader.start()
    for digest in digests[:6]:
        forget(tmp_path / "store", [digest])
    done.set()
    reader.join()
    assert wrong == []
    assert set(store.load(digests)) == set(digests[6:])


def test_a_damaged_index_goes_whole_and_a_picture_without_features_is_no_error(
    tmp_path: Path, store: FeatureStore, pictures: ImageSet
) -> None:
    (index,) = store.folder.glob("*.json")
    index.write_text("{")
    deep = tmp_path / "deep.png"
    deep.write_bytes(b"no picture")
    assert forget_files(tmp_path / "store", [deep]) == 0
    forget(tmp_path / "store", [pictures.pixel_digests[0]])
    assert list(store.folder.glob("*.npy")) == []


def test_a_row_that_came_back_is_found(tmp_path: Path, store: FeatureStore, pictures: ImageSet) -> None:
    (tmp_path / "store" / "forgotten").mkdir()
    (tmp_path / "store" / "forgotten" / pictures.pixel_digests[0]).touch()
    assert forgotten_rows(tmp_path / "store") == {pictures.pixel_digests[0]}
