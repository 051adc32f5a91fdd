"""The split: grouped, stratified, seeded."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from generation.ingest.split import SHARES, SHARES_OF_FEW, assign, default_shares

labels = st.sampled_from(["", "a", "b", "c"])
contents = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=6),
    st.dictionaries(labels, st.integers(1, 12), min_size=1).map(Counter),
    min_size=1,
    max_size=40,
)
shares = st.sampled_from([SHARES, SHARES_OF_FEW, {"train": 0.8, "val": 0.2, "held_out": 0.0}])


def counts(groups, chosen) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for group, split in chosen.items():
        found.setdefault(split, Counter()).update(groups[group])
    return found


@given(contents, shares, st.integers(0, 5))
def test_each_group_has_one_side_and_the_order_does_not_matter(groups, share, seed):
    chosen = assign(groups, share, seed)
    assert chosen.keys() == groups.keys()
    assert set(chosen.values()) <= {split for split, part in share.items() if part}
    assert assign(dict(reversed(list(groups.items()))), share, seed) == chosen


@given(contents, shares, st.integers(0, 5))
def test_no_side_is_empty_when_there_are_groups_for_it(groups, share, seed):
    chosen = assign(groups, share, seed)
    active = [split for split, part in share.items() if part]
    if len(groups) >= len(active):
        assert set(chosen.values()) == set(active)


@given(contents, shares, st.integers(0, 5))
def test_sides_are_near_their_shares_as_far_as_groups_allow(groups, share, seed):
    chosen = assign(groups, share, seed)
    total = sum(map(Counter.total, groups.values()))
    largest = max(map(Counter.total, groups.values()))
    held = counts(groups, chosen)
    for split, part in share.items():
        assert abs(held.get(split, Counter()).total() - part * total) <= 2 * largest + 1


@given(st.lists(labels, min_size=30, max_size=400), shares, st.integers(0, 100))
@settings(max_examples=50)
def test_single_images_are_stratified_closely(images, share, seed):
    groups = {f"{number:04d}": Counter([label]) for number, label in enumerate(images)}
    held = counts(groups, assign(groups, share, seed))
    for split, part in share.items():
        for label, count in Counter(images).items():
            assert abs(held.get(split, Counter())[label] - part * count) <= 2
        assert abs(held.get(split, Counter()).total() - part * len(images)) <= 2


@given(contents, st.data(), st.integers(0, 5))
def test_links_hold_and_pins_win(groups, data, seed):
    names = st.sampled_from(sorted(groups))
    links = data.draw(st.lists(st.tuples(names, names), max_size=10))
    pinned = data.draw(st.dictionaries(names, st.sampled_from(["train", "val", "held_out"]), max_size=3))
    chosen = assign(groups, SHARES, seed, pinned, links)
    for one, other in links:
        assert chosen[one] == chosen[other]
    if not links:
        assert all(chosen[group] == split for group, split in pinned.items())


def test_train_wins_where_linked_groups_are_pinned_to_different_sides():
    groups = {name: Counter(x=1) for name in "abc"}
    chosen = assign(groups, SHARES_OF_FEW, 0, {"a": "val", "b": "train"}, [("a", "b")])
    assert chosen["a"] == chosen["b"] == "train"


def test_the_seed_decides_among_equals():
    groups = {f"{number:03d}": Counter([""]) for number in range(100)}
    outcomes = {tuple(sorted(assign(groups, SHARES, seed).items())) for seed in range(10)}
    assert len(outcomes) == 10


def test_defaults_of_the_design():
    assert default_shares(299) == {"train": 0.5, "val": 0.5, "held_out": 0.0}
    assert default_shares(300) == {"train": 0.7, "val": 0.2, "held_out": 0.1}
