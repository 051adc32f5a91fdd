"""The product's own settings with a throw-away home, a throw-away database and a fast password hasher."""

import os
import sys

from tests import databases

os.environ["SYNTHLAB_HOME"] = str(databases.worker_home())
if databases.kind() == "postgres":
    os.environ["DATABASE_URL"] = databases.postgres_url()
else:
    os.environ.pop("DATABASE_URL", None)

from synthlab.settings import *

if databases.kind() == "sqlite":
    DATABASES["default"].setdefault("TEST", {})["NAME"] = str(databases.sqlite_path())

INSTALLED_APPS = [*INSTALLED_APPS, "tests.support"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

# A run that was started by a name other than pytest's (mypy, makemigrations) shall not ask for collected files.
STORAGES = {
    **globals().get("STORAGES", {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}}),
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
STAGING_ROOT.mkdir(parents=True, exist_ok=True)  # Django checks that uploads have a place
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # whitenoise warns about a folder that is missing
TESTING = "pytest" in sys.modules
