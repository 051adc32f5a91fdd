"""The product's own settings plus the test jobs, for workers that a test starts."""

from synthlab.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.support"]  # noqa: F405
