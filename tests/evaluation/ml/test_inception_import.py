"""Only the published file comes in, nothing in it can run, and what is refused leaves nothing behind."""

import json
import os
import socket
import subprocess
import sys

import pytest
import torch

from evaluation.ml import weights
from evaluation.ml.extractors import INCEPTION
from evaluation.ml.inception_import import checked, import_weights, layout, read_pinned
from generation.child import BadInput
from tests.evaluation.ml.inception_weights import random_state, save_state
from tests.evaluation.ml.pictures import quiet


class Bomb:
    """Unpickled by a reader that runs what it reads, it leaves a folder behind."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (os.mkdir, (self.path,))


@pytest.fixture
def take_in(tmp_path, monkeypatch):
    """Imports a file as if it were the published one."""

    # A filter of system calls would hold the process of all these tests.
    monkeypatch.setattr("evaluation.ml.inception_import.deny_network_and_programs", lambda: True)

    def take(path, pin=None):
        if pin is not None:
            monkeypatch.setattr(weights, "INCEPTION_PIN", pin)
        work = tmp_path / "work"
        work.mkdir()
        try:
            return import_weights({"file": str(path), "work": str(work)}, quiet())
        except BadInput:
            assert not list(work.iterdir())
            raise

    return take


def refused(take, *arguments):
    with pytest.raises(BadInput) as refusal:
        take(*arguments)
    return refusal.value


def pin_of(path):
    return weights.Pin(size=path.stat().st_size, sha256=weights.file_digest(path))


def test_the_pin_is_that_of_the_published_file():
    assert weights.INCEPTION_PIN.size == 95_628_359
    assert weights.INCEPTION_PIN.sha256.startswith("6726825d0af5f729")


def test_another_file_is_refused_and_told_apart(tmp_path, take_in):
    path = tmp_path / "other.pth"
    path.write_bytes(b"x" * 1000)
    refusal = refused(take_in, path)
    assert refusal.code == "weights_not_published"
    assert "expected 95,628,359 bytes, found 1,000" in refusal.detail


def test_a_file_of_the_right_size_is_read_no_further_than_its_digest(tmp_path, take_in):
    path, pin = tmp_path / "other.pth", weights.Pin(size=1000, sha256="0" * 64)
    path.write_bytes(b"x" * 1000)
    refusal = refused(take_in, path, pin)
    assert refusal.code == "weights_not_published"
    assert f"expected SHA-256 {pin.sha256}, found {weights.file_digest(path)}" in refusal.detail


def test_a_missing_file_or_a_folder_is_refused(tmp_path):
    for path in (tmp_path / "none.pth", tmp_path):
        pin = weights.Pin(size=path.stat().st_size if path.exists() else 0, sha256="0" * 64)
        assert refused(read_pinned, path, pin).code == "weights_missing"


def test_a_pickle_that_runs_something_is_stopped_twice(tmp_path, take_in):
    path, trace = tmp_path / "bomb.pth", tmp_path / "it-ran"
    torch.save({"Conv2d_1a_3x3.conv.weight": Bomb(trace)}, path)
    assert refused(lambda: read_pinned(path, weights.INCEPTION_PIN)).code == "weights_not_published"
    # And if the digest were that of the bomb: the reader of tensors still refuses.
    assert refused(take_in, path, pin_of(path)).code == "weights_unreadable"
    assert not trace.exists()
    torch.load(path, weights_only=False)  # it is a bomb
    assert trace.exists()


def test_a_file_cut_short_is_refused(tmp_path, take_in):
    path = tmp_path / "cut.pth"
    torch.save({"a": torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:-500])
    assert refused(take_in, path, pin_of(path)).code == "weights_unreadable"


@pytest.mark.parametrize("content", [[torch.zeros(2)], {"a": 3}, torch.zeros(2)])
def test_something_else_than_tensors_by_name_is_refused(tmp_path, take_in, content):
    path = tmp_path / "list.pth"
    torch.save(content, path)
    assert refused(take_in, path, pin_of(path)).code == "weights_unreadable"


def empty_state():
    return {name: torch.zeros(shape) for name, shape in layout().items()}


def test_another_layout_is_refused():
    state = empty_state()
    state.pop("Mixed_7c.branch_pool.conv.weight")
    assert "lacks Mixed_7c.branch_pool.conv.weight" in refused(checked, state).detail
    assert "unknown head.weight" in refused(checked, {**empty_state(), "head.weight": torch.zeros(1)}).detail
    refusal = refused(checked, {**empty_state(), "fc.bias": torch.zeros(1000)})
    assert refusal.code == "weights_layout"
    assert "(1000,), expected float32 (1008,)" in refusal.detail
    refusal = refused(checked, {**empty_state(), "fc.bias": torch.zeros(1008, dtype=torch.float16)})
    assert refusal.code == "weights_layout"


def test_weights_that_are_not_finite_are_refused():
    state = empty_state()
    state["fc.bias"][7] = float("nan")
    assert refused(checked, state).code == "weights_not_finite"


def test_what_is_kept_holds_tensors_and_is_for_its_owner_only(tmp_path, take_in):
    state = random_state()
    facts = take_in(tmp_path / "file.pth", save_state(tmp_path / "file.pth", state))
    file, index = (tmp_path / "work" / f"{INCEPTION}.{suffix}" for suffix in ("safetensors", "json"))
    assert json.loads(index.read_text()) == facts
    assert facts["sha256"] == weights.file_digest(file)
    assert {path.stat().st_mode & 0o777 for path in (file, index)} == {0o600}
    kept = weights.load_imported(file.parent, INCEPTION, weights.INCEPTION_PIN)
    assert kept.keys() == layout().keys()
    assert all(torch.equal(kept[name], state[name]) for name in kept)


def test_the_process_that_reads_can_neither_connect_nor_start_a_program(tmp_path):
    """In a process of its own: the filter stays for good."""
    script = (
        "import socket, subprocess, sys\n"
        "from evaluation.ml.inception_import import import_weights\n"
        "from generation.child import BadInput, Reporter\n"
        "said = []\n"
        "try:\n"
        "    import_weights({'file': sys.argv[1], 'work': sys.argv[1]}, Reporter(said.append))\n"
        "except BadInput:\n"
        "    pass\n"
        "for attempt in (socket.socket, lambda: subprocess.run(['true'])):\n"
        "    try:\n"
        "        attempt()\n"
        "    except PermissionError:\n"
        "        print('refused')\n"
        "print(any('not_confined' in line for line in said))\n"
    )
    socket.socket().close()  # which anybody else may
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "none")], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.split() in (["refused", "refused", "False"], ["True"])
