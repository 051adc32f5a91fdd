"""The product's own settings plus the test jobs, for workers that a test starts."""

from synthlab.settings import *

INSTALLED_APPS = [*INSTALLED_APPS, "tests.support"]
