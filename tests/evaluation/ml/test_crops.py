"""Cut-out and moved pictures are found again to a fraction of a pixel, and others stay as far as they are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from evaluation.ml.crops import MIDDLE, TRIED, CropReacher
from evaluation.ml.registration import POINTS, Ground, lay_over, middle_of, smoothed
from evaluation.ml.symmetry import symmetry_names, transform
from tests.evaluation.ml.pictures import cropped, moved

SIDE = 32
SYMMETRIES = symmetry_names("dihedral", square=True)
Pictures = npt.NDArray[np.uint8]


def scenes(count: int, seed: int, side: int = SIDE) -> Pictures:
    """Smooth pictures, each its own."""
    rng = np.random.default_rng(seed)
    rough = ndimage.gaussian_filter(rng.standard_normal((count, side, side, 3)), (0, side / 16, side / 16, 0))
    return np.asarray(np.clip(127 + 40 * rough / rough.std(), 0, 255), dtype=np.uint8)


def reduced(pictures: list[Pictures]) -> Pictures:
    """From 64 to 32 pixels, as sets of pictures are."""
    halves = np.stack(pictures).reshape(len(pictures), SIDE, 2, SIDE, 2, 3).mean(axis=(2, 4))
    return np.asarray(np.round(halves), dtype=np.uint8)


@pytest.mark.parametrize("start", [(0.9, -0.8, 0.0), (-1.0, 1.0, 1.0), (0.5, 0.5, -1.2)])
def test_a_window_is_found_to_a_fraction_of_a_pixel(start: tuple[float, float, float]) -> None:
    pictures = scenes(6, 0)
    ground, true = Ground.of(pictures), np.array([[5.3, 3.7, 21.5]], dtype=np.float32)
    across, down = np.meshgrid(*[(np.arange(POINTS) + 0.5) / POINTS] * 2)
    x, y = true[0, 0] + across * true[0, 2] - 0.5, true[0, 1] + down * true[0, 2] - 0.5
    parts = np.stack([
        np.stack([ndimage.map_coordinates(colour[:, :, c], [y, x], order=1).ravel() for c in range(3)], axis=1)
        for colour in ground.colour
    ]).astype(np.float32)  # fmt: skip
    rows, begin = np.arange(6), np.repeat(true + np.array(start, dtype=np.float32), 6, axis=0)
    found = lay_over(parts, ground, rows, begin)
    assert found.max() < 0.5
    elsewhere = lay_over(parts, ground, np.roll(rows, 1), begin)
    assert elsewhere.min() > 20.0


def test_flat_pictures_lead_nowhere_and_break_nothing() -> None:
    flat = np.full((3, SIDE, SIDE, 3), 90, dtype=np.uint8)
    parts = middle_of(smoothed(flat), MIDDLE)
    found = lay_over(parts, Ground.of(flat), np.arange(3), np.full((3, 3), 4.0, dtype=np.float32))
    np.testing.assert_allclose(found, 0.0, atol=1e-4)


def test_the_middle_of_a_turned_picture_is_the_turned_middle() -> None:
    pictures = scenes(2, 1)
    for name in SYMMETRIES:
        turned = np.asarray(transform(smoothed(pictures), name))
        np.testing.assert_allclose(turned, smoothed(np.asarray(transform(pictures, name))), atol=1e-3)


@pytest.fixture(scope="module")
def large() -> Pictures:
    return scenes(40, 2, side=2 * SIDE)


@pytest.fixture(scope="module")
def reacher(large: Pictures) -> CropReacher:
    reference = reduced(list(scenes(12, 3, side=2 * SIDE)))
    return CropReacher(reduced(list(large)), reference, np.repeat(np.arange(4), 3), SYMMETRIES)


@pytest.mark.parametrize("disguise", ["cropped", "moved", "turned and cropped"])
def test_disguised_copies_lie_on_their_source(large: Pictures, reacher: CropReacher, disguise: str) -> None:
    rng = np.random.default_rng(4)
    queries = {
        "cropped": lambda picture: cropped(picture, 0.9, rng),
        "moved": lambda picture: moved(picture, 3),
        "turned and cropped": lambda picture: cropped(
            np.ascontiguousarray(np.rot90(picture)[:, ::-1]), 0.85, rng
        ),
    }[disguise]
    found = reacher.reach(reduced([queries(picture) for picture in large]))
    assert (found.nearest == np.arange(len(large))).mean() >= 0.95
    assert np.median(found.to_training) < 3.0
    assert found.to_groups.min() > 10.0


def test_others_are_no_nearer_to_one_side_than_to_the_other(reacher: CropReacher) -> None:
    found = reacher.reach(reduced(list(scenes(30, 5, side=2 * SIDE))))
    ratio = found.to_training / found.to_groups.min(axis=1)
    assert 0.6 < np.median(ratio) < 1.4
    assert ratio.min() > 0.3


def test_the_nearest_groups_have_a_distance_and_ones_own_has_none(reacher: CropReacher) -> None:
    queries = reduced(list(scenes(12, 3, side=2 * SIDE)))  # the reference pictures themselves
    own = np.repeat(np.arange(4), 3)
    found = reacher.reach(queries, own)
    assert np.isinf(found.to_groups[np.arange(12), own]).all()
    assert (np.isfinite(found.to_groups).sum(axis=1) == TRIED).all()
    strangers = reacher.reach(queries)
    assert (np.isfinite(strangers.to_groups).sum(axis=1) == TRIED + 1).all()
    assert (strangers.to_groups.argmin(axis=1) == own).all()
    np.testing.assert_allclose(strangers.to_groups.min(axis=1), 0.0, atol=0.2)


def test_how_many_are_asked_about_at_once_changes_nothing(reacher: CropReacher) -> None:
    queries = reduced(list(scenes(9, 6, side=2 * SIDE)))
    whole, parts = reacher.reach(queries), [reacher.reach(queries[at : at + 2]) for at in range(0, 9, 2)]
    np.testing.assert_allclose(
        whole.to_training, np.concatenate([part.to_training for part in parts]), rtol=1e-3
    )
    np.testing.assert_array_equal(whole.nearest, np.concatenate([part.nearest for part in parts]))
