"""A set is measured again from what earlier evaluations worked out, to the same numbers, and from nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.ml import copying
from evaluation.ml import panel as panels
from evaluation.ml.earlier import MAX_SETS, Earlier, measure
from evaluation.ml.forgetting import forget
from evaluation.ml.packing import pack, unpack
from evaluation.ml.panel import Panel, panel
from evaluation.ml.subject import Subject
from tests.evaluation.ml.pictures import run, small_spec
from tests.evaluation.ml.subjects import make_subject
from tests.present import present

DRAWN: dict[str, Any] = {
    "seed": 0, "groups": 8, "n_synthetic": 30, "copied": 0.2, "classes": ("a", "b"), "signal": 1.0,
}  # fmt: skip


NUMBERS = ("value", "floor", "ratio", "ci_low", "ci_high", "p_value")


def afresh(subject: Subject) -> Subject:
    """The same, with nothing worked out for it: as another process reads it."""
    return replace(subject)


def told(found: Panel) -> list[Any]:
    return [replace(result, seconds=0.0) for result in found.results]


def numbers(found: Panel) -> dict[tuple[str, str, str], float]:
    return {
        (result.metric, result.class_key, name): getattr(result, name)
        for result in found.results
        for name in NUMBERS
        if getattr(result, name) is not None
    }


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which pictures were compared with the real ones: only the first evaluation may do so."""
    looked: list[str] = []
    plain = copying.find_copies

    def find(subject: Subject) -> copying.Copies:
        looked.append(f"{subject.counts.n_synth} pictures")
        return plain(subject)

    monkeypatch.setattr(panels, "find_copies", find)
    return looked


def test_after_discards_no_picture_is_compared_again_and_the_numbers_are_the_whole_panels(
    tmp_path: Path, once: list[str]
) -> None:
    subject = make_subject(**DRAWN)
    measure(tmp_path, subject)
    left = subject.without([ref.id for ref in subject.synthetic.refs[::7]])
    quick = measure(tmp_path, afresh(left))
    assert once == ["30 pictures"]
    again = panel(afresh(left))
    # Distances are sums in float32, and their order follows how many pictures are taken at once.
    assert numbers(quick) == pytest.approx(numbers(again), rel=1e-6, abs=1e-9)
    assert [(row.metric, row.status) for row in quick.results] == [
        (row.metric, row.status) for row in again.results
    ]
    assert [score.flags for score in quick.scores] == [score.flags for score in again.scores]
    assert [score.nearest_id for score in quick.scores] == [score.nearest_id for score in again.scores]


def test_the_same_set_again_gives_the_same_to_the_last_bit(tmp_path: Path, once: list[str]) -> None:
    subject = make_subject(**DRAWN)
    first = measure(tmp_path, subject)
    second = measure(tmp_path, afresh(subject))
    assert (told(second), second.scores) == (told(first), first.scores)
    assert once == ["30 pictures"]


def test_what_hangs_on_the_real_pictures_is_worked_out_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = make_subject(**DRAWN)
    first = measure(tmp_path, subject)
    again = afresh(subject)
    Earlier(tmp_path, again).recall()

    def refuse() -> Any:
        raise AssertionError("worked out again")

    for known, part in (
        (subject.real_side, again.real_side),
        (subject.of_class("a").real_side, again.of_class("a").real_side),
    ):
        assert len(part) == len(known) > 0
    assert again.real_side.once("kid/ignoring", refuse) == subject.real_side.once("kid/ignoring", refuse)
    assert told(panel(again, copies=first.copies)) == told(first)


def test_of_another_set_only_the_real_side_is_known(tmp_path: Path, once: list[str]) -> None:
    measure(tmp_path, make_subject(**DRAWN))
    other = make_subject(**DRAWN)
    refs = tuple(replace(ref, id=f"other-{at}") for at, ref in enumerate(other.synthetic.refs))
    other = replace(other, synthetic=replace(other.synthetic, refs=refs))
    earlier = Earlier(tmp_path, other)
    assert earlier.recall() is None
    assert len(other.real_side) > 100


@pytest.mark.parametrize("what", ["seed", "training", "groups", "symmetries"])
def test_nothing_is_taken_over_from_another_measurement(tmp_path: Path, what: str) -> None:
    subject = make_subject(**DRAWN)
    measure(tmp_path, subject)
    training = subject.training
    changes: dict[str, dict[str, Any]] = {
        "seed": {"seed": 1},
        "training": {"training": replace(training, pixel_digests=("0", *training.pixel_digests[1:]))},
        "groups": {"training": replace(training, groups=training.groups[::-1])},
        "symmetries": {"symmetries": ("identity",)},
    }
    other = replace(subject, **changes[what])
    assert Earlier(tmp_path, other).recall() is None
    assert len(other.real_side) == 0


def test_damaged_files_cost_time_and_no_number(tmp_path: Path, once: list[str]) -> None:
    subject = make_subject(**DRAWN)
    first = measure(tmp_path, subject)
    files = sorted(Earlier(tmp_path, subject).folder.glob("*.npz"))
    assert len(files) == 2
    for path in files:
        path.write_bytes(path.read_bytes()[:200])
    assert told(measure(tmp_path, afresh(subject))) == told(first)
    assert len(once) == 2


def test_nothing_stays_of_withdrawn_pictures_nor_comes_back(tmp_path: Path) -> None:
    subject = make_subject(**DRAWN)
    first = measure(tmp_path, subject)
    forget(tmp_path, [subject.training.pixel_digests[0]])
    assert list(tmp_path.rglob("*.npz")) == []
    late = Earlier(tmp_path, afresh(subject))  # was at work when the picture was withdrawn
    late.keep(first.copies)
    assert list(tmp_path.rglob("*.npz")) == []


def test_other_versions_and_many_sets_do_not_pile_up(tmp_path: Path) -> None:
    subject = make_subject(**DRAWN)
    found = measure(tmp_path, subject)
    folder = Earlier(tmp_path, subject).folder
    old = tmp_path / "known" / "0123456789abcdef" / "real"
    old.mkdir(parents=True)
    for at in range(MAX_SETS + 3):
        ids = tuple(replace(ref, id=f"{at}-{ref.id}") for ref in subject.synthetic.refs)
        other = replace(subject, synthetic=replace(subject.synthetic, refs=ids))
        Earlier(tmp_path, other).keep(found.copies)
    assert len(list(folder.glob("set-*.npz"))) == MAX_SETS
    assert not old.exists()


def test_an_evaluation_of_what_is_left_takes_the_stored_state(tmp_path: Path, once: list[str]) -> None:
    spec = small_spec(tmp_path, groups=8, per_group=1, n_synthetic=24)
    run(spec)
    left = {**spec, "synthetic": spec["synthetic"][3:], "work": str(tmp_path / "left")}
    quick, quick_scores = run(left)
    assert once == ["24 pictures"]
    plain, plain_scores = run({**left, "features": str(tmp_path / "empty"), "work": str(tmp_path / "plain")})
    assert once == ["24 pictures", "21 pictures"]
    for one, other in zip(quick["results"], plain["results"], strict=True):
        for name in ("metric", "class_key", "status", "p_text"):
            assert one[name] == other[name]
        shown = [{name: row[name] for name in NUMBERS if row[name] is not None} for row in (one, other)]
        assert shown[0] == pytest.approx(shown[1], rel=1e-6, abs=1e-9), one["metric"]
    assert {key: row["flags"] for key, row in quick_scores.items()} == {
        key: row["flags"] for key, row in plain_scores.items()
    }


@dataclass(frozen=True)
class Kept:
    name: str
    rows: Any


def test_results_come_back_from_a_file_as_they_were_and_nothing_else_goes_in() -> None:
    rows = np.arange(6, dtype=np.float32).reshape(2, 3)
    value = {"a": (1, 0.1, None, True), "b": Kept("x", {"deep": rows}), "c": np.float64(1 / 3)}
    back = unpack(BytesIO(pack(value, {"Kept": Kept})), {"Kept": Kept})
    assert back["a"] == (1, 0.1, None, True)
    assert back["c"] == 1 / 3
    np.testing.assert_array_equal(present(back["b"]).rows["deep"], rows)
    assert back["b"].rows["deep"].dtype == np.float32
    with pytest.raises(TypeError, match="Kept"):
        pack(Kept("x", 1), {})
    with pytest.raises((KeyError, TypeError)):
        unpack(BytesIO(pack(value, {"Kept": Kept})), {})
