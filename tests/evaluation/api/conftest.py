import pytest

from tests.generation.cast import Cast


@pytest.fixture
def cast(db: None) -> Cast:
    return Cast()
