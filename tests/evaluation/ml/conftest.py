"""Random Inception weights in the published layout, made and imported once for all tests that need them."""

import pytest

from evaluation.ml import weights
from evaluation.ml.inception_import import import_weights
from tests.evaluation.ml.inception_weights import random_state, save_state
from tests.evaluation.ml.pictures import quiet


@pytest.fixture(scope="session")
def inception_file(tmp_path_factory):
    """A file in the published layout, and the pin that stands for the published one."""
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    return path, save_state(path, random_state())


@pytest.fixture(scope="session")
def inception_folder(inception_file, tmp_path_factory):
    """The folder that an import of that file left."""
    path, pin = inception_file
    work = tmp_path_factory.mktemp("imported")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(weights, "INCEPTION_PIN", pin)
        # A filter of system calls would hold the process of all these tests.
        patched.setattr("evaluation.ml.inception_import.deny_network_and_programs", lambda: True)
        import_weights({"file": str(path), "work": str(work)}, quiet())
    return work
