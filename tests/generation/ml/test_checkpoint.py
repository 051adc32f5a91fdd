from __future__ import annotations

import json

import pytest
import torch

from generation.child import BadInput
from generation.ml.checkpoint import KEPT, Parts, Progress, load_checkpoint, save_checkpoint
from generation.ml.players import Players
from tests.generation.ml.conftest import CPU
from tests.generation.ml.runs import run


class TestCheckpoint:
    def test_other_settings_or_images_are_refused(self, tiny, make_manifest, tmp_path):
        manifest = make_manifest()
        run(tiny(), manifest, tmp_path)
        folder = tmp_path / "checkpoints/step-00000003"
        with pytest.raises(BadInput, match="other_run"):
            run(tiny(g_lr=1e-3), manifest, tmp_path / "b", resume_from=folder)
        changed = json.loads(manifest.read_text()) | {"digest": "n" * 64}
        manifest.write_text(json.dumps(changed))
        with pytest.raises(BadInput, match="other_run"):
            run(tiny(), manifest, tmp_path / "b", resume_from=folder)

    def test_damage_is_refused(self, tiny, make_manifest, tmp_path):
        manifest = make_manifest()
        run(tiny(), manifest, tmp_path)
        state = tmp_path / "checkpoints/step-00000003/state.safetensors"
        state.write_bytes(state.read_bytes()[:-50])
        with pytest.raises(BadInput, match="bad_checkpoint"):
            run(tiny(), manifest, tmp_path / "b", resume_from=state.parent)

    def test_only_the_newest_are_kept_and_half_written_ones_never_count(self, tiny, tmp_path):
        parts = Players(tiny(), 0, CPU).parts
        (tmp_path / ".step-00000004.part").mkdir()
        for step in (1, 2, 3, 4):
            save_checkpoint(tmp_path, parts, progress(tiny(), step), best=None)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000003", "step-00000004"]
        assert KEPT == 2

    def test_failed_write_leaves_the_old_checkpoint(self, tiny, tmp_path, monkeypatch):
        parts = Players(tiny(), 0, CPU).parts
        old = save_checkpoint(tmp_path, parts, progress(tiny(), 1), best=None)

        def full_disk(*args, **kwargs):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("generation.ml.checkpoint.save_file", full_disk)
        with pytest.raises(OSError, match="No space"):
            save_checkpoint(tmp_path, parts, progress(tiny(), 2), best=None)
        assert [path.name for path in tmp_path.glob("step-*")] == ["step-00000001"]
        load_checkpoint(old, parts, tiny().recipe(), "m")

    def test_restored_random_state_goes_on_where_it_was(self, tiny, tmp_path):
        first: Parts = Players(tiny(), 0, CPU).parts
        torch.rand(7, generator=first.rng)
        folder = save_checkpoint(tmp_path, first, progress(tiny(), 1), best=None)
        second = Players(tiny(seed=5), 0, CPU).parts
        load_checkpoint(folder, second, tiny().recipe(), "m")
        assert torch.equal(torch.rand(5, generator=first.rng), torch.rand(5, generator=second.rng))


def progress(config, step: int) -> Progress:
    return Progress(step=step, seconds=1.0, config=config.recipe(), manifest_digest="m")
