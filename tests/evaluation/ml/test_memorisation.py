"""Copies: planted ones are found, unseen real ones are left alone, and few groups never pretend to many."""

import numpy as np
import pytest

from evaluation.ml.memorisation import score_pictures
from evaluation.ml.nearest import FeatureSpace, PixelSpace, near_pairs, outlines, reach
from evaluation.ml.symmetry import symmetry_names, transform

SPACE = FeatureSpace()


def world(rng, groups, per_group, d=12, spread=0.5):
    """Groups scatter around one centre, images around their group."""
    centres = rng.standard_normal((groups, d))
    codes = np.repeat(np.arange(groups), per_group)
    return centres[codes] + spread * rng.standard_normal((len(codes), d)), codes


def scored(synthetic, training, reference, codes):
    found = reach(SPACE, synthetic, training, reference, codes)
    null = reach(SPACE, reference, training, reference, codes, own=codes)
    return score_pictures({"features": found}, {"features": null}, codes)


def test_planted_copies_are_flagged_and_unseen_pictures_are_not():
    copies, unseen = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        training, _ = world(rng, 120, 3)
        reference, codes = world(rng, 60, 3)
        fresh, _ = world(rng, 40, 3)
        near = training[rng.integers(0, len(training), 40)] + 0.02 * rng.standard_normal((40, 12))
        copies.append(scored(near, training, reference, codes).copy.mean())
        unseen.append(scored(fresh, training, reference, codes).copy.mean())
    assert np.mean(copies) >= 0.95
    assert np.mean(unseen) <= 0.03


def test_a_copied_set_stands_out_against_what_chance_flags():
    rng = np.random.default_rng(0)
    training, _ = world(rng, 100, 2)
    reference, codes = world(rng, 60, 2)
    found = scored(training.copy(), training, reference, codes)
    assert found.copy.all()
    assert found.expected_share <= 0.03
    assert np.median(found.ratio) < 0.01


def test_p_of_unseen_groups_is_never_too_small_too_often():
    """P(p ≤ a) ≤ a for single pictures of new groups, though tiles of a group are much alike."""
    found = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        training, _ = world(rng, 40, 4, spread=0.1)
        reference, codes = world(rng, 19, 4, spread=0.1)
        fresh, _ = world(rng, 4, 1, spread=0.1)
        found.append(scored(fresh, training, reference, codes).p_value)
    p = np.concatenate(found)
    for level in (0.05, 0.1, 0.25, 0.5):
        assert (p <= level).mean() <= level + 0.035
    assert 0.4 < p.mean() < 0.65  # and it is not just always large


def test_overlapping_tiles_as_if_independent_would_be_flagged_wholesale():
    """The mistake that whole groups repair: with own tiles in the reference, everything else looks like a copy."""
    rng = np.random.default_rng(3)
    training, _ = world(rng, 60, 10, spread=0.05)
    reference, codes = world(rng, 50, 10, spread=0.05)
    fresh, _ = world(rng, 50, 2, spread=0.05)
    as_if = np.arange(len(reference))
    assert scored(fresh, training, reference, codes).copy.mean() <= 0.05
    assert scored(fresh, training, reference, as_if).copy.mean() >= 0.3


def test_p_cannot_be_below_one_in_groups_plus_one():
    rng = np.random.default_rng(4)
    training, _ = world(rng, 10, 5)
    reference, codes = world(rng, 5, 20)
    found = scored(training, training, reference, codes)
    assert found.p_value.min() == pytest.approx(1 / 6)
    assert found.copy.all()  # in plain sight all the same


def test_one_group_gives_no_p_and_no_copy():
    rng = np.random.default_rng(5)
    training, _ = world(rng, 10, 5)
    reference, _ = world(rng, 1, 20)
    found = scored(training, training, reference, np.zeros(20, dtype=np.int64))
    assert found.p_value is None
    assert found.ratio is None
    assert not found.copy.any()


def test_own_group_is_infinitely_far():
    rng = np.random.default_rng(6)
    reference, codes = world(rng, 4, 3)
    found = reach(SPACE, reference, reference, reference, codes, own=codes)
    assert np.isinf(found.to_groups[np.arange(12), codes]).all()
    for i in range(12):
        for g in set(codes) - {codes[i]}:
            expected = np.linalg.norm(reference[codes == g] - reference[i], axis=1).min()
            assert found.to_groups[i, g] == pytest.approx(expected)


def test_pixel_distance_sees_through_mirrors_and_turns():
    rng = np.random.default_rng(7)
    pictures = rng.integers(0, 256, (20, 16, 16, 3), dtype=np.uint8)
    space = PixelSpace(symmetry_names("dihedral", square=True))
    for name in symmetry_names("dihedral", square=True):
        moved = np.ascontiguousarray(transform(pictures, name))
        assert (np.diag(space.distances_to(pictures)(moved)) < 0.5).all()
        distances, found = space.match(moved[3:], pictures[3:])
        assert (distances == 0).all()
        np.testing.assert_array_equal(transform(moved[3:4], found[0])[0], pictures[3])
    strict = PixelSpace(("identity",))
    assert np.diag(strict.distances_to(pictures)(pictures[:, ::-1])).min() > 50


def test_pixel_distance_is_root_mean_square_grey_levels():
    rng = np.random.default_rng(8)
    x, y = rng.integers(0, 256, (2, 5, 8, 8, 3), dtype=np.uint8)
    expected = np.sqrt(np.square(x[:, None].astype(float) - y[None].astype(float)).mean(axis=(2, 3, 4)))
    np.testing.assert_allclose(PixelSpace(("identity",)).distances_to(y)(x), expected, rtol=1e-4)


def test_near_pairs_leave_a_picture_itself_out():
    rows = np.array([[0.0], [1.0], [5.0], [5.5]])
    np.testing.assert_array_equal(near_pairs(SPACE, rows, 2.0), [[0, 1], [2, 3]])
    assert len(near_pairs(SPACE, rows, 0.4)) == 0


def test_pairs_by_outlines_are_all_the_pairs_there_are():
    rng = np.random.default_rng(9)
    pictures = rng.integers(0, 256, (300, 32, 32, 3), dtype=np.uint8)
    pictures[200:] = np.clip(pictures[:100] + rng.normal(0, 6, (100, 32, 32, 3)), 0, 255).astype(np.uint8)
    pictures[250:] = transform(pictures[250:], "rot90-mirror")
    space = PixelSpace(symmetry_names("dihedral", square=True))
    short = outlines(pictures)
    assert (space.distances_to(short)(short) <= space.distances_to(pictures)(pictures) + 0.1).all()
    counts: list[int] = []
    for closer_than in (5.9, 6.0, 6.1, 8.0):
        apart = space.distances_to(pictures)(pictures)
        every = np.argwhere(np.triu(apart < closer_than, 1))
        found = near_pairs(space, pictures, closer_than, shortlist=short)
        np.testing.assert_array_equal(np.unique(found, axis=0), every)
        assert len(found) == len(every)
        counts.append(len(found))
    assert max(counts) >= 100
