"""`synthlab replay` as a person runs it: a process of its own makes the images again."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from generation.ml.png import decode_png, encode_png, read_marks
from generation.ml.sampling import ImageRequest, Sampler
from synthlab.core.files import store_bytes
from tests.generation.ml.conftest import CPU, make_generator  # noqa: F401 (a fixture)


@pytest.fixture
def images(make_generator, tmp_path, settings):  # noqa: F811
    """Three sampled files in a folder, and the weights that made them."""
    settings.MEDIA_ROOT = tmp_path / "media"  # a store of its own: others make this generator as well
    settings.MEDIA_ROOT.mkdir()
    weights, generator = make_generator()
    folder = tmp_path / "images"
    folder.mkdir()
    for image in Sampler(generator, CPU).sample([ImageRequest(batch_seed=7, index=i) for i in range(3)]):
        (folder / f"{image.request.index}.png").write_bytes(image.png)
    return folder, weights


def replay(*arguments) -> str:
    out = io.StringIO()
    call_command("replay", *map(str, arguments), stdout=out)
    return out.getvalue()


def test_a_folder_is_made_again_from_the_store(images):
    folder, weights = images
    store_bytes(weights.read_bytes())
    told = replay(folder)
    assert told.count("exact: every pixel; the file is the same bytes") == 3
    assert "3 in all: 3 exact" in told
    assert "made again on cpu" in told


def test_a_changed_pixel_and_a_foreign_file_are_named(images):
    folder, weights = images
    path = folder / "1.png"
    recipe = json.loads(read_marks(path.read_bytes())["synthlab"])
    pixels = decode_png(path.read_bytes()).copy()
    pixels[0, 0, 0] ^= 0x80
    path.write_bytes(encode_png(pixels, recipe))
    (folder / "2.png").write_bytes(b"no picture")
    out = io.StringIO()
    with pytest.raises(CommandError, match="2 of 3 could not be made again"):
        call_command("replay", str(folder), "--weights", str(weights), "--json", stdout=out)
    verdicts = [image["verdict"] for image in json.loads(out.getvalue())["images"]]
    assert verdicts == ["exact", "different", "refused"]


def test_without_the_generator_it_says_so(images):
    folder, _ = images
    out = io.StringIO()
    with pytest.raises(CommandError, match="1 of 1"):
        call_command("replay", str(folder / "0.png"), stdout=out)
    assert "REFUSED: the generator" in out.getvalue()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.png"], "there is no file"),
        (["0.png", "--tolerance", "256"], "tolerance"),
        (["0.png", "--tolerance", "-1"], "tolerance"),
        (["0.png", "--dtype", "float8"], "dtype"),
        (["0.png", "--weights", "nowhere.safetensors"], "cannot be read"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "0.png").write_bytes(b"")
    monkeypatch.setattr("generation.management.commands.replay.run_verb", None)
    with pytest.raises(CommandError, match=words):
        call_command("replay", *arguments)
