"""The feature store: found again by content, never a wrong row, nothing computed twice."""

import json
import multiprocessing
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from evaluation.ml.features import FeatureStore, Stopped, feature_rows, store_features
from evaluation.ml.images import parse_refs, read_set
from evaluation.ml.preprocess import Preprocessing
from evaluation.ml.random_conv import RandomConv
from generation.child import BadInput, Reporter
from tests.evaluation.ml.pictures import Maker, grouped_blobs, quiet


class Counting(RandomConv):
    """Counts the pictures that went forward."""

    forwards = 0

    def features(self, images):
        self.forwards += len(images)
        return super().features(images)


@pytest.fixture
def pictures(tmp_path):
    images, _ = grouped_blobs(np.random.default_rng(0), 12, 1)
    return read_set(
        parse_refs(Maker(tmp_path / "images").rows(list(images), "i"), "test", grouped=False), "test"
    )


def pairs(images):
    return list(zip(images.pixel_digests, images.refs, strict=True))


def test_second_time_needs_no_forward_pass(tmp_path, pictures):
    first, again = Counting(), Counting()
    computed = feature_rows(FeatureStore(tmp_path / "store", first), first, pairs(pictures), quiet())
    stored = feature_rows(FeatureStore(tmp_path / "store", again), again, pairs(pictures)[3:], quiet())
    assert (first.forwards, again.forwards) == (12, 0)
    for digest, row in stored.items():
        np.testing.assert_array_equal(row, computed[digest])
        assert row.dtype == np.float32


def test_renamed_and_recompressed_pictures_are_found_by_their_pixels(tmp_path, pictures):
    from PIL import Image

    first, again = Counting(), Counting()
    feature_rows(FeatureStore(tmp_path / "store", first), first, pairs(pictures), quiet())
    renamed = []
    for at, ref in enumerate(pictures.refs):
        path = tmp_path / f"renamed-{at}.png"
        Image.open(ref.path).save(path, compress_level=0)
        renamed.append({"id": f"other-{at}", "path": str(path)})
    other = read_set(parse_refs(renamed, "test", grouped=False), "test")
    feature_rows(FeatureStore(tmp_path / "store", again), again, pairs(other), quiet())
    assert again.forwards == 0


def test_another_extractor_or_preprocessing_never_gets_these_rows(tmp_path, pictures):
    first = Counting()
    feature_rows(FeatureStore(tmp_path / "store", first), first, pairs(pictures), quiet())
    other = Counting()
    other.preprocessing = Preprocessing(size=32, mean=127.5, std=100.0)
    assert not FeatureStore(tmp_path / "store", other).load(pictures.pixel_digests)
    third = Counting()
    third.digest = "0" * 64
    assert not FeatureStore(tmp_path / "store", third).load(pictures.pixel_digests)


def test_same_short_name_with_another_digest_is_refused(tmp_path, pictures):
    first, other = Counting(), Counting()
    feature_rows(FeatureStore(tmp_path / "store", first), first, pairs(pictures), quiet())
    other.digest = first.digest[:16] + "0" * 48
    assert not FeatureStore(tmp_path / "store", other).load(pictures.pixel_digests)


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "no-index", "bad-index"])
def test_damage_costs_a_forward_pass_and_never_a_wrong_row(tmp_path, pictures, damage):
    first, again = Counting(), Counting()
    good = feature_rows(FeatureStore(tmp_path / "store", first), first, pairs(pictures), quiet())
    store = FeatureStore(tmp_path / "store", again)
    (rows,), (index,) = store.folder.glob("*.npy"), store.folder.glob("*.json")
    content = bytearray(rows.read_bytes())
    if damage == "flip":
        content[-2] ^= 0xFF  # inside the last row
        rows.write_bytes(content)
    elif damage == "cut":
        rows.write_bytes(content[:-100])
    elif damage == "empty":
        rows.write_bytes(b"")
    elif damage == "no-index":
        index.unlink()
    else:
        index.write_text('{"format": 1')
    found = feature_rows(store, again, pairs(pictures), quiet())
    assert again.forwards == (1 if damage == "flip" else 12)
    for digest, row in good.items():
        np.testing.assert_array_equal(found[digest], row)
    assert len(FeatureStore(tmp_path / "store", again).load(pictures.pixel_digests)) == 12  # mended


def test_leftovers_of_a_killed_writer_are_not_read(tmp_path, pictures):
    extractor = Counting()
    store = FeatureStore(tmp_path / "store", extractor)
    (store.folder / ".new-abc").write_bytes(b"half a shard")
    (store.folder / "feed.npy").write_bytes(b"a shard whose index was never written")
    feature_rows(store, extractor, pairs(pictures), quiet())
    assert extractor.forwards == 12
    assert len(store.load(pictures.pixel_digests)) == 12


def _write_many(folder: str, worker: int) -> None:
    store = FeatureStore(Path(folder), RandomConv())
    rng = np.random.default_rng(0)  # the same rows from every worker
    for shard in range(10):
        rows = rng.standard_normal((5, RandomConv.dimension)).astype(np.float32)
        store.add([f"{shard}-{row}" for row in range(5)], rows)
        store.load([f"{shard}-0"])


def test_writers_at_the_same_time_do_no_harm(tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write_many, args=(str(tmp_path), at)) for at in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    store = FeatureStore(tmp_path, RandomConv())
    assert len(store.load([f"{shard}-{row}" for shard in range(10) for row in range(5)])) == 50
    assert len(list(store.folder.glob("*.json"))) == 10
    assert not list(store.folder.glob(".new-*"))


def test_features_that_are_not_finite_stop_everything(tmp_path, pictures):
    class Broken(RandomConv):
        def features(self, images):
            rows = super().features(images)
            rows[0, 0] = np.nan
            return rows

    extractor = Broken()
    store = FeatureStore(tmp_path / "store", extractor)
    with pytest.raises(BadInput) as refusal:
        feature_rows(store, extractor, pairs(pictures), quiet())
    assert refusal.value.code == "features_not_finite"
    assert not store.load(pictures.pixel_digests)


def test_stop_keeps_finished_shards(tmp_path, pictures, monkeypatch):
    monkeypatch.setattr("evaluation.ml.features.SHARD_ROWS", 5)
    stop = threading.Event()

    def stop_after_one_shard(line):
        if '"cursor"' in line:
            stop.set()

    first, again = Counting(), Counting()
    store = FeatureStore(tmp_path / "store", first)
    with pytest.raises(Stopped):
        feature_rows(store, first, pairs(pictures), Reporter(stop_after_one_shard, stop))
    assert first.forwards == 5
    feature_rows(store, again, pairs(pictures), quiet())
    assert again.forwards == 7


def test_index_says_what_it_is(tmp_path, pictures):
    extractor = Counting()
    store = FeatureStore(tmp_path / "store", extractor)
    feature_rows(store, extractor, pairs(pictures), quiet())
    index = json.loads(next(store.folder.glob("*.json")).read_text())
    assert index["extractor"] == extractor.digest
    assert index["preprocessing"] == extractor.preprocessing.digest
    assert sorted(digest for digest, _ in index["rows"]) == sorted(pictures.pixel_digests)


def test_storing_alone_reads_each_picture_once_and_computes_what_is_missing(tmp_path, pictures, monkeypatch):
    monkeypatch.setattr("evaluation.ml.features.SHARD_ROWS", 5)
    extractor = Counting()
    store = FeatureStore(tmp_path / "store", extractor)
    refs = list(pictures.refs)
    assert store_features(store, extractor, refs[:4], quiet()) == 4
    assert store_features(store, extractor, [*refs, *refs], quiet()) == 8
    assert extractor.forwards == 12
    expected = feature_rows(FeatureStore(tmp_path / "other", extractor), extractor, pairs(pictures), quiet())
    for digest, row in store.load(pictures.pixel_digests).items():
        np.testing.assert_array_equal(row, expected[digest])


def test_storing_refuses_mixed_sizes(tmp_path, pictures):
    larger = Maker(tmp_path / "larger").rows([np.zeros((40, 40, 3), np.uint8)] * 4, "l")
    refs = [*pictures.refs, *parse_refs(larger, "test", grouped=False)]
    extractor = Counting()
    with pytest.raises(BadInput) as refusal:
        store_features(FeatureStore(tmp_path / "store", extractor), extractor, refs, quiet())
    assert refusal.value.code == "mixed_sizes"


def test_memory_does_not_grow_with_the_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr("evaluation.ml.features.SHARD_ROWS", 20)
    images = np.random.default_rng(0).integers(0, 256, (400, 32, 32, 3), dtype=np.uint8)
    refs = parse_refs(Maker(tmp_path / "images").rows(list(images), "i"), "test", grouped=False)

    class Cheap(RandomConv):
        def features(self, images):
            return images[:, 0, :40, 0].repeat(4, axis=1)[:, :120].astype(np.float32)

    peaks = {}
    for count in (40, 400):
        store = FeatureStore(tmp_path / str(count), Cheap())
        tracemalloc.start()
        store_features(store, Cheap(), refs[:count], quiet())
        peaks[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    # Ten times the pictures; what they hold is 3 KB each, their rows half a KB.
    assert peaks[400] - peaks[40] < 360 * 400
