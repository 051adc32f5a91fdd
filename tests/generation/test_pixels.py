"""Sixteen bits are scaled, never clipped, wherever an image is read."""

import hashlib
import io
import json

import numpy as np
import pytest
from PIL import Image

from evaluation.ml.images import ImageRef, decode
from generation.child import BadInput
from generation.ingest.normalise import encode_png, encode_thumbnail
from generation.ml.config import TrainConfig
from generation.ml.data import load_training_data
from generation.pixels import OtherPixelsError, decode_stored, to_eight_bits

RAMP = np.linspace(0, 65_535, 32 * 32).round().astype(np.uint16).reshape(32, 32)
EIGHT = np.rint(RAMP / 257).astype(np.uint8)


def saved(pixels, mode=None, kind="PNG"):
    buffer = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "pixels", [RAMP, EIGHT, np.stack([EIGHT] * 3, axis=2)], ids=["16 bit", "8 bit", "colour"]
)
def test_what_is_stored_is_read_as_it_was(pixels):
    read = decode_stored(encode_png(pixels))
    assert read.dtype == pixels.dtype
    assert np.array_equal(read, pixels)


def test_the_whole_range_becomes_the_whole_range():
    scaled = to_eight_bits(RAMP)
    assert (scaled.min(), scaled.max(), len(np.unique(scaled))) == (0, 255, 256)
    assert np.array_equal(scaled, EIGHT)
    assert to_eight_bits(EIGHT) is EIGHT


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "CMYK"])
def test_other_pixels_are_refused_by_their_kind(mode):
    with pytest.raises(OtherPixelsError) as refusal:
        decode_stored(saved(EIGHT, mode, "TIFF" if mode == "CMYK" else "PNG"))
    assert refusal.value.mode == mode


def manifest_of(folder, contents):
    images = []
    for place, content in enumerate(contents):
        path = folder / f"{place}.png"
        path.write_bytes(content)
        images.append({"path": str(path), "class": None, "digest": hashlib.sha256(content).hexdigest()})
    (folder / "manifest.json").write_text(
        json.dumps({"digest": "d", "images": images, "monitor": images[:1]})
    )
    return folder / "manifest.json"


def test_training_reads_sixteen_bits_whole_and_says_so(tmp_path):
    deep = [encode_png(np.roll(RAMP, shift, axis=0)) for shift in range(8)]
    config = TrainConfig(image_size=32, channels=1, augment=("symmetry",))
    data = load_training_data(manifest_of(tmp_path, [*deep, encode_png(EIGHT)]), config)
    assert np.array_equal(data.images[0, 0].numpy(), EIGHT)
    assert np.array_equal(data.images[8, 0].numpy(), EIGHT)
    assert np.array_equal(data.monitor[0, 0].numpy(), EIGHT)
    assert data.scaled == 8


def test_training_refuses_other_pixels(tmp_path):
    manifest = manifest_of(tmp_path, [saved(EIGHT, "LA")] * 9)
    with pytest.raises(BadInput) as refusal:
        load_training_data(manifest, TrainConfig(image_size=32, channels=1, augment=("symmetry",)))
    assert refusal.value.code == "wrong_channels"


def test_evaluation_reads_sixteen_bits_whole(tmp_path):
    path = tmp_path / "deep.png"
    path.write_bytes(encode_png(RAMP))
    pixels, mode = decode(ImageRef(id="a", path=path, group="g"))
    assert (mode, pixels.dtype) == ("grey", np.dtype(np.uint8))
    assert np.array_equal(pixels, np.stack([EIGHT] * 3, axis=2))


def test_a_thumbnail_shows_sixteen_bits_whole():
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encode_thumbnail(RAMP)))), EIGHT)
