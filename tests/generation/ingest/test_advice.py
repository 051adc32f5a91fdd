"""What a data set is too small for is said in numbers, and by the numbers that the rest of the house goes by."""

from __future__ import annotations

import re

import pytest

from evaluation.ml.report import MIN_GROUPS
from generation.ingest import advice
from generation.ingest.advice import Part, advise
from generation.services.preflight import MIN_IMAGES

ENOUGH = Part(1000, 80)
CLASSED = Part(1000, 80, {"a": 500, "b": 500})


def codes(**parts: Part) -> list[str]:
    return [found.code for found in advise({"train": ENOUGH, "val": ENOUGH, "held_out": ENOUGH} | parts)]


def test_a_large_balanced_data_set_needs_no_advice() -> None:
    assert codes() == []
    assert codes(train=CLASSED, val=CLASSED) == []
    assert advise({}) == []


def test_the_thresholds_are_those_of_the_code_that_acts_on_them() -> None:
    assert (advice.GROUPS_TO_JUDGE, advice.FEWEST_TO_TRAIN, advice.FEW_OF_A_CLASS) == (
        MIN_GROUPS,
        MIN_IMAGES,
        20,
    )


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (7, "too_few_to_train"),
        (8, "copying_likely"),
        (99, "copying_likely"),
        (100, "copying_possible"),
        (999, "copying_possible"),
        (1000, None),
    ],
)
def test_the_fewer_images_the_more_likely_copies(images: int, expected: str | None) -> None:
    assert codes(train=Part(images, 80)) == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("val", "expected"),
    [
        (Part(), ["no_validation"]),
        (Part(49, 4), ["few_validation_images", "few_validation_groups"]),
        (Part(49, 50), ["few_validation_images"]),
        (Part(50, 4), ["few_validation_groups"]),
        (Part(50, 5), ["few_groups"]),
        (Part(50, 49), ["few_groups"]),
        (Part(50, 50), []),
    ],
)
def test_what_validation_lacks(val: Part, expected: list[str]) -> None:
    assert codes(train=Part(1000, 80), val=val) == expected


def test_few_training_groups_are_told_apart_from_few_images() -> None:
    assert codes(train=Part(1000, 4)) == ["few_groups", "few_training_groups"]


@pytest.mark.parametrize(
    ("count", "code"),
    [(0, "class_too_small"), (19, "class_too_small"), (20, "class_small"), (99, "class_small")],
)
def test_a_small_class_is_named_with_what_is_missing(count: int, code: str) -> None:
    train = Part(1000 + count, 80, {"a": 1000, "b": count})
    (found,) = advise({"train": train, "val": CLASSED, "held_out": CLASSED})
    assert (found.code, found.class_key, found.grave) == (code, "b", code == "class_too_small")
    wanted = 20 if code == "class_too_small" else 100
    numbers = [int(number) for number in re.findall(r"\d+", found.detail)]
    assert {count, wanted, wanted - count} <= set(numbers)
    assert "merge" in found.detail


def test_collecting_counts_what_the_split_will_take() -> None:
    half = Part(100, 60, {"a": 90, "b": 10})
    told = {found.code: found.detail for found in advise({"train": half, "val": half})}
    assert "10 more there, about 20 before the split" in told["class_too_small"]


def test_a_class_without_validation_and_images_without_a_class() -> None:
    train = Part(1000, 80, {"a": 500, "b": 400})
    val = Part(200, 60, {"a": 200})
    assert codes(train=train, val=val) == ["class_not_validated", "images_without_class"]


def test_the_gravest_comes_first_and_every_code_stands_in_the_documents(repository: object) -> None:
    from tests.architecture.source_tree import ROOT

    found = advise({"train": Part(90, 3, {"a": 60, "b": 10}), "val": Part(40, 3, {"a": 40})})
    grave = [advice.grave for advice in found]
    assert grave == sorted(grave, reverse=True)
    page = (ROOT / "docs/reference/advice.md").read_text()
    source = (ROOT / "generation/ingest/advice.py").read_text()
    known = set(re.findall(r'Advice\(\s*"(\w+)"|_class_advice\("(\w+)"', source))
    names = {name for pair in known for name in pair if name}
    assert len(names) >= 12
    assert not [name for name in names if f"| `{name}` |" not in page]
