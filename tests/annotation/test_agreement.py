"""Agreement against published worked examples and closed forms."""

from __future__ import annotations

import pytest

from annotation.agreement import (
    Answer,
    MarkedRegion,
    answers_agree,
    cohen_kappa,
    krippendorff_alpha,
    pairwise_kappa,
    raw_agreement,
)
from annotation.geometry import Box, Point


def test_cohens_kappa_of_the_textbook_two_by_two_table():
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert cohen_kappa(first, second).value == pytest.approx(0.4)


def test_krippendorffs_alpha_of_the_canonical_example():
    """Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), C: 4 observers, 12 units, nominal: 0.743."""
    rows = {"A": "123321412...", "B": "1233224125.3", "C": ".3332342251.", "D": "12332441251."}
    table = [{name: row[i] for name, row in rows.items() if row[i] != "."} for i in range(12)]
    assert krippendorff_alpha(table).value == pytest.approx(0.743, abs=0.0005)


def test_perfect_and_opposite_answers():
    same = [{"a": x, "b": x} for x in "ppnn"]
    assert krippendorff_alpha(same).value == 1
    assert raw_agreement(same).value == 1
    opposite = [{"a": "p", "b": "n"}, {"a": "n", "b": "p"}]
    # o_pn = o_np = 2, n = 4, n_p = n_n = 2: alpha = 1 - 3 · 4 / 8
    assert krippendorff_alpha(opposite).value == pytest.approx(-0.5)
    assert cohen_kappa(["p", "n"], ["n", "p"]).value == pytest.approx(-1)


@pytest.mark.parametrize("table", [[], [{"a": "p"}], [{"a": "p"}, {"b": "n"}]])
def test_nothing_is_computed_from_single_answers(table):
    for statistic in (raw_agreement, krippendorff_alpha):
        found = statistic(table)
        assert found.value is None
        assert found.reason


def test_one_answer_throughout_is_not_computable_rather_than_perfect_or_nan():
    assert krippendorff_alpha([{"a": "p", "b": "p"}] * 5).value is None
    assert cohen_kappa(["p"] * 5, ["p"] * 5).value is None


def test_pairs_of_readers_are_told_apart():
    table = [{"x": "p", "y": "p", "z": "n"}, {"x": "n", "y": "n", "z": "p"}, {"x": "p", "y": "p"}]
    found = pairwise_kappa(table)
    assert found["x", "y"].value == 1
    assert found["x", "y"].n_units == 3
    assert found["x", "z"].value == pytest.approx(-1)


def test_readers_with_different_numbers_of_answers_are_refused():
    with pytest.raises(ValueError, match="as many"):
        cohen_kappa(["a"], [])


def labelled(*regions, classes=("gland",)):
    return Answer("labelled", frozenset(classes), tuple(MarkedRegion("gland", shape) for shape in regions))


def test_answers_agree_on_decision_classes_and_marks():
    one = labelled(Box(0, 0, 10, 10))
    assert answers_agree([one, labelled(Box(1, 1, 10, 10))])
    assert not answers_agree([one, labelled(Box(8, 8, 10, 10))])
    assert not answers_agree([one, labelled()])
    assert not answers_agree([one, labelled(Box(0, 0, 10, 10), classes=("stroma",))])
    assert not answers_agree([one, Answer("discarded", frozenset())])
    assert answers_agree([labelled(Point(1, 1)), labelled(Point(4, 5))])
    assert not answers_agree([labelled(Point(1, 1)), labelled(Point(14, 5))])
    assert answers_agree([one])


def test_the_partners_of_marks_are_found_whatever_their_order():
    """A greedy choice takes the middle box of the second answer for the first one and leaves the other alone."""
    first = labelled(Box(0, 0, 10, 10), Box(0, 0, 10, 16))
    second = labelled(Box(0, 0, 10, 14), Box(0, 0, 10, 6))
    assert answers_agree([first, second])
