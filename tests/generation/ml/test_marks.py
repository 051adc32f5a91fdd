"""What every file says about itself, read by others; and that no encoder changes a pixel."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from generation.ml import png
from generation.ml.sampling import ImageRequest, Sampler
from tests.environment import missing
from tests.generation.ml.chunks import chunk_names
from tests.generation.ml.conftest import CPU

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
RECIPE = {"generator": "a" * 64, "seed": 7, "index": 0}
SHAPES = [(1, 1), (1, 9), (7, 3), (16, 16), (31, 33), (64, 64), (128, 128)]


@pytest.fixture(params=["fpng", "pillow"])
def encoder(request, monkeypatch):
    """Each way a file can be made; the name that recipes give it."""
    if request.param == "pillow":
        monkeypatch.setattr(png, "fpng", None)
    return request.param


def pictures(height: int, width: int, channels: int) -> list[np.ndarray]:
    """What encoders trip over: noise, one colour, the extremes side by side, a slope."""
    shape = (height, width, channels)
    noise = np.random.default_rng(height * width).integers(0, 256, shape, dtype=np.uint8)
    board = (np.indices(shape).sum(axis=0) % 2 * 255).astype(np.uint8)
    slope = (np.indices(shape).sum(axis=0) % 256).astype(np.uint8)
    return [noise, np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8), board, slope, noise[::-1, ::-1]]


def exiftool(path: Path) -> dict[str, Any]:
    program = shutil.which("exiftool")
    if program is None:
        missing("exiftool", "it is not on PATH (Debian package libimage-exiftool-perl)")
    command = [program, "-json", "-G1", "-n", str(path)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    facts: dict[str, Any] = json.loads(answer.stdout)[0]
    return facts


@pytest.mark.parametrize("channels", [1, 3])
def test_a_foreign_reader_sees_that_the_image_is_synthetic(make_generator, tmp_path, encoder, channels):
    _, generator = make_generator(channels=channels)
    sampler = Sampler(generator, CPU)
    image = next(sampler.sample([ImageRequest(batch_seed=7, index=3)]))
    path = tmp_path / "image.png"
    path.write_bytes(image.png)
    facts = exiftool(path)
    assert facts["XMP-iptcExt:DigitalSourceType"] == SOURCE_TYPE
    assert json.loads(facts["PNG:Synthlab"]) == sampler.recipe(image.request)
    assert facts["PNG:ImageWidth"] == 32
    assert "ExifTool:Warning" not in facts
    # Groups that exiftool itself, the file system and the PNG header fill are all that stands beside the two marks.
    told = {name for name in facts if name.startswith(("XMP", "PNG", "EXIF", "IPTC", "IFD"))}
    assert told == {
        "PNG:ImageWidth", "PNG:ImageHeight", "PNG:BitDepth", "PNG:ColorType", "PNG:Compression", "PNG:Filter",
        "PNG:Interlace", "PNG:Synthlab", "XMP-iptcExt:DigitalSourceType",
    }  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_picture_comes_back_as_it_was(encoder, shape, channels):
    for pixels in pictures(shape[0], shape[1], channels):
        content = png.encode_png(pixels, RECIPE)
        with Image.open(io.BytesIO(content)) as image:
            image.verify()  # checksums of all chunks
        assert np.array_equal(png.decode_png(content), pixels)
        assert json.loads(png.read_marks(content)[png.RECIPE_KEY]) == RECIPE
        names = [name for name in chunk_names(content) if name != "IDAT"]
        assert names == ["IHDR", "iTXt", "iTXt", "IEND"]
        assert content == png.encode_png(pixels.copy(), RECIPE)


def test_pixels_in_any_order_of_memory_are_encoded_as_they_look(encoder):
    pixels = np.asfortranarray(pictures(16, 24, 3)[0])
    assert np.array_equal(png.decode_png(png.encode_png(pixels, RECIPE)), pixels)
    mirrored = pixels[:, ::-1]
    assert np.array_equal(png.decode_png(png.encode_png(mirrored, RECIPE)), mirrored)


def test_the_recipe_names_the_encoder_that_made_the_file(encoder):
    assert png.encoder_name(3).startswith(f"{encoder}-")
    assert png.encoder_name(1).startswith("pillow-")
    assert "zlib" in png.encoder_name(1)


def test_an_encoder_that_changes_pixels_is_found_out(monkeypatch):
    wrong = png.encode_png(np.zeros((4, 4, 3), np.uint8), RECIPE)
    monkeypatch.setattr(png, "fpng", SimpleNamespace(from_ndarray=lambda pixels: wrong, __version__="0"))
    with pytest.raises(RuntimeError, match="changed the pixels"):
        png.encode_png(np.ones((4, 4, 3), np.uint8), RECIPE)


def test_a_grid_is_marked_as_synthetic_without_a_recipe(encoder):
    marks = png.read_marks(png.encode_grid(pictures(16, 16, 3)[0]))
    assert set(marks) == {png.XMP_KEY}
    assert SOURCE_TYPE in marks[png.XMP_KEY]


@pytest.mark.parametrize("content", [b"", b"no picture", png.SIGNATURE, b"GIF89a" + bytes(40)])
def test_what_is_no_png_has_no_marks(content):
    with pytest.raises(UnidentifiedImageError):
        png.read_marks(content)
