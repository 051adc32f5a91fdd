"""Demo and smoke: the cast, the photograph, and the whole path as one command."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import psutil
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from PIL import Image

from generation.pretrained.__main__ import prepare_manifest
from generation.services.generators import read_header
from synthlab.accounts.models import ApiToken, User
from synthlab.demo import shipped
from synthlab.demo.images import write_photograph
from synthlab.demo.people import make_cast
from tests.factories import make_admin
from tests.generation.factories import make_dataset


@pytest.mark.django_db
def test_the_cast_can_log_in_with_passwords_that_nobody_chose(client):
    first = make_cast()
    passwords = {person.password for person in first.values()}
    assert len(passwords) == 4
    assert all(len(password) >= 20 for password in passwords)
    for person in first.values():
        assert client.login(username=person.username, password=person.password)
    assert ApiToken.objects.count() == 4


@pytest.mark.django_db
def test_a_demonstration_never_adds_to_a_real_installation(capsys):
    make_admin()
    with pytest.raises(CommandError, match="has people already"):
        call_command("demo_people")
    assert User.objects.count() == 1


def test_the_photograph_is_the_real_one(tmp_path):
    path = write_photograph(tmp_path)
    with Image.open(path) as image:
        assert (image.size, image.mode) == ((512, 512), "RGB")
        colours = np.unique(np.asarray(image).reshape(-1, 3), axis=0)
    assert len(colours) > 10_000


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_whole_path_over_rest_and_nothing_left_behind(tmp_path):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    for name in ("DJANGO_SETTINGS_MODULE", "DATABASE_URL", "SYNTHLAB_HOME"):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-m", "synthlab", "smoke"], env=environment, capture_output=True, text=True
    )
    summary = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0, done.stdout + done.stderr
    assert summary["ok"]
    assert summary["counts"]["exported"] == summary["counts"]["labelled"] == 16
    assert summary["counts"]["discarded"] == 4
    left = [
        process.pid
        for process in psutil.process_iter(["environ"])
        if (process.info["environ"] or {}).get("TMPDIR") == str(tmp_path)
    ]
    assert not left


@pytest.mark.skipif(not shipped.FILE.exists(), reason="no generator is shipped")
def test_no_validation_tile_of_the_demo_was_in_the_shipped_generators_training(tmp_path):
    manifest = json.loads(prepare_manifest(tmp_path).read_text())
    assert read_header(shipped.FILE)["dataset_manifest_digest"] == manifest["digest"]


@pytest.mark.django_db
def test_the_shipped_generator_is_not_loaded_for_another_split():
    dataset = make_dataset(per_split=8)
    assert not shipped.fits(str(dataset.pk))
    assert shipped.split_digest(str(dataset.pk)) != shipped.split_digest(str(make_dataset(per_split=8).pk))
