"""`synthlab weights`: what is there, and taking in a file by the hand of an admin."""

import json

import pytest
import torch
from django.core.management import CommandError, call_command

from evaluation.management.commands import weights as command
from evaluation.ml.extractors import INCEPTION
from evaluation.ml.weights import find_imported
from evaluation.services.extractor_weights import keep_weights
from synthlab.core.audit import SITE_CHAIN, verify_chain
from synthlab.core.exceptions import InvalidInput, NotAllowed
from synthlab.core.models import AuditEvent
from tests.evaluation.ml.inception_weights import random_state, save_state
from tests.factories import make_admin, make_scientist

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(settings, tmp_path):
    settings.WEIGHTS_ROOT = tmp_path / "weights"
    return settings.WEIGHTS_ROOT


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A file that the child of this test takes for the published one."""
    path = tmp_path / "random.pth"
    pin = save_state(path, random_state())
    told = tmp_path / "pin.json"
    told.write_text(json.dumps({"size": pin.size, "sha256": pin.sha256}))
    monkeypatch.setenv("SYNTHLAB_TEST_PIN", str(told))
    monkeypatch.setattr(command, "CHILD", "tests.evaluation.ml.import_with_pin")
    return path, pin


def test_without_weights_it_tells_the_way(root, capsys):
    call_command("weights")
    assert "not imported" in (told := capsys.readouterr().out)
    assert "synthlab weights import FILE" in told


def test_an_import_is_listed_and_on_record(root, published, capsys):
    path, pin = published
    admin = make_admin()
    call_command("weights", "import", str(path))
    found = find_imported(root, INCEPTION)
    assert found is not None
    assert found.source_sha256 == pin.sha256
    assert sorted(file.name for file in root.iterdir()) == [f"{INCEPTION}.json", f"{INCEPTION}.safetensors"]
    assert root.stat().st_mode & 0o777 == 0o700
    event = AuditEvent.objects.get(action="weights.imported")
    assert event.actor == admin
    assert event.facts["sha256"] == found.sha256
    assert verify_chain(SITE_CHAIN).intact
    capsys.readouterr()
    call_command("weights")
    assert found.sha256 in capsys.readouterr().out


def test_another_file_leaves_nothing_and_is_explained(root, tmp_path):
    make_admin()
    path = tmp_path / "other.pth"
    torch.save({"a": torch.zeros(10)}, path)
    with pytest.raises(CommandError, match=r"expected 95,628,359 bytes, found .* \(weights_not_published\)"):
        call_command("weights", "import", str(path))
    assert not list(root.iterdir())
    assert not AuditEvent.objects.filter(action="weights.imported").exists()


def test_only_an_admin_imports(root, tmp_path):
    path = tmp_path / "any.pth"
    with pytest.raises(CommandError, match="create-admin"):
        call_command("weights", "import", str(path))
    scientist = make_scientist()
    with pytest.raises(CommandError, match="no active admin"):
        call_command("weights", "import", str(path), "--by", scientist.username)
    make_admin()
    make_admin()
    with pytest.raises(CommandError, match="--by"):
        call_command("weights", "import", str(path))
    with pytest.raises(NotAllowed):
        keep_weights(actor=scientist, made=tmp_path, name=INCEPTION)


def test_a_child_that_left_nothing_is_no_import(root, tmp_path):
    with pytest.raises(InvalidInput):
        keep_weights(actor=make_admin(), made=tmp_path, name=INCEPTION)
    assert not AuditEvent.objects.exists()
