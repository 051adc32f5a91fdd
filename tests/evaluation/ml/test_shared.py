"""What is shared between a subject, its classes and what discards leave is what each would work out alone."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation.ml import shared
from evaluation.ml.shared import RealSide
from tests.evaluation.ml.subjects import make_subject


@pytest.fixture(params=["kept", "too large to keep"])
def cells(request, monkeypatch):
    if request.param != "kept":
        monkeypatch.setattr(shared, "MAX_CELLS", 10)


def agrees(subject):
    """Whether products and distances are those of the subject's own rows."""
    rng = np.random.default_rng(0)
    rows = {
        "reference": subject.reference_rows,
        "training": subject.training_rows,
        "synthetic": subject.synthetic_rows,
    }
    for one, x in rows.items():
        for other, y in rows.items():
            i, j = rng.permutation(len(x))[:5], rng.permutation(len(y))[:7]
            np.testing.assert_allclose(subject.products.of(one, i, other, j), x[i] @ y[j].T)
            expected = np.square(x[i, None] - y[None, j]).sum(axis=2)
            found = subject.products.squared_distances(one, i, other, j)
            np.testing.assert_allclose(found, expected, atol=1e-9)
            assert (found >= 0).all()


@pytest.mark.usefixtures("cells")
def test_parts_read_the_products_of_the_whole():
    subject = make_subject(seed=0, groups=10, n_synthetic=30, classes=("a", "b"))
    agrees(subject)
    left = subject.without([ref.id for ref in subject.synthetic.refs[::4]])
    for part in (
        left,
        left.of_class("a"),
        left.of_class("b").without([left.of_class("b").synthetic.refs[0].id]),
    ):
        agrees(part)


def test_a_result_of_the_real_side_is_made_once_for_it_and_for_each_class():
    made: list[str] = []

    def maker(name: str, value: int):
        def make() -> int:
            made.append(name)
            return value

        return make

    known = RealSide()
    for _ in range(2):
        assert known.once("x", maker("whole", 1)) == 1
        assert known.of_class("a").once("x", maker("a", 2)) == 2
    assert made == ["whole", "a"]


def test_discards_leave_the_real_side_and_other_changes_do_not():
    subject = make_subject(seed=0, groups=10, n_synthetic=30, classes=("a", "b"))
    left = subject.without([subject.synthetic.refs[0].id])
    assert left.real_side is subject.real_side
    assert left.of_class("a").real_side is subject.of_class("a").real_side
    assert left.of_class("a").real_side is not subject.of_class("b").real_side
    other = replace(left, training_rows=left.training_rows + 1.0)
    assert other.real_side is not left.real_side
    agrees(other)
