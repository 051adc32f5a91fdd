"""PNG encoders at the size of a sampled image: speed, bytes, exactness. The one in use must be the fastest that is exact.

Pictures are drawn: a tinted ground with dark blobs and the noise of a camera, which compress as tissue does. Encoders
that are not installed here are left out; `pip install isal imagecodecs` brings them in.
"""

import importlib
import io
import statistics
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin

from bench.harness import Aim, Bench, Result, Run, alternate, run_alone
from generation.ml.png import SIGNATURE, decode_png, encode_png, encoder_name

Pixels = npt.NDArray[np.uint8]
Encoder = Callable[[Pixels], bytes]
SEED = 7
RECIPE = {"generator": "0" * 64, "seed": SEED, "class": None, "index": 0, "truncation": 1.0}
PLAIN = "Pillow level 1"


def drawn(count: int, size: int, channels: int) -> list[Pixels]:
    """Pictures (size, size, channels) that look like tissue to a compressor."""
    rng = np.random.default_rng(SEED)
    rows, columns = np.mgrid[:size, :size]
    pictures = []
    for _ in range(count):
        pixels = np.ones((size, size, channels)) * rng.uniform(100, 220, channels)
        for x, y in rng.uniform(0, size, (12, 2)):
            blob = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (size / 12) ** 2)
            pixels -= 60 * blob[..., None] * rng.uniform(0.5, 1, channels)
        pixels += rng.normal(0, 3, pixels.shape)
        pictures.append(pixels.clip(0, 255).astype(np.uint8))
    return pictures


def by_pillow(level: int) -> Encoder:
    def encode(pixels: Pixels) -> bytes:
        stream = io.BytesIO()
        Image.fromarray(_flat(pixels)).save(stream, "PNG", compress_level=level)
        return stream.getvalue()

    return encode


def by_compressor(compress: Callable[[bytes], bytes]) -> Encoder:
    """A PNG writer of three chunks and one filter (Up) around a compressor."""

    def encode(pixels: Pixels) -> bytes:
        height, width, channels = pixels.shape
        lines = pixels.reshape(height, width * channels)
        filtered = np.full((height, width * channels + 1), 2, np.uint8)
        filtered[0, 1:] = lines[0]
        np.subtract(lines[1:], lines[:-1], out=filtered[1:, 1:])
        kind = b"\x08\x02" if channels == 3 else b"\x08\x00"
        header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + kind + b"\0\0\0"
        stream = io.BytesIO()
        stream.write(SIGNATURE)
        for name, data in ((b"IHDR", header), (b"IDAT", compress(filtered.tobytes())), (b"IEND", b"")):
            PngImagePlugin.putchunk(stream, name, data)
        return stream.getvalue()

    return encode


def contenders(channels: int) -> dict[str, Encoder]:
    """Every encoder that is installed and can do so many channels."""
    known: dict[str, Encoder] = {
        PLAIN: by_pillow(1),
        "Pillow level 6": by_pillow(6),
        "zlib level 1, filter Up": by_compressor(lambda data: zlib.compress(data, 1)),
    }
    if channels == 3 and (fpng := _installed("fpng")):
        known["fpng"] = fpng.from_ndarray
    if isal := _installed("isal.isal_zlib"):
        known["isal level 1, filter Up"] = by_compressor(lambda data: bytes(isal.compress(data, 1)))
    if codecs := _installed("imagecodecs"):
        known["imagecodecs level 1"] = lambda pixels: bytes(codecs.png_encode(_flat(pixels), level=1))
    return known


def measure(run: Run) -> Result:
    """Times all encoders in turns on the same pictures, colour and grey."""
    ratios: dict[str, float] = {}
    rows: list[list[str | float | int]] = []
    for size, channels in ((64, 3), (128, 3), (64, 1)):
        name = f"{size} px {'RGB' if channels == 3 else 'grey'}"
        pictures = drawn(40 if run.quick else 200, size, channels)
        middle = _measured(pictures, contenders(channels), rounds=3 if run.quick else 9)
        for encoder, (microseconds, content, exact) in middle.items():
            rows.append([name, encoder, microseconds, content, "yes" if exact else "NO"])
        whole = _measured(pictures, {"whole": lambda pixels: encode_png(pixels, RECIPE)}, rounds=3)["whole"]
        rows.append(
            [name, f"a whole file: {encoder_name(channels)}, marks, decoded, compared", *whole[:2], "yes"]
        )
        exact_ones = [time for time, _, exact in middle.values() if exact]
        chosen = "fpng" if encoder_name(channels).startswith("fpng") else PLAIN
        if channels == 3:
            ratios[f"chosen_over_fastest_{size}"] = middle[chosen][0] / min(exact_ones)
            ratios[f"pillow_over_chosen_{size}"] = middle[PLAIN][0] / middle[chosen][0]
    return Result(
        ratios=ratios,
        columns=["picture", "encoder", "µs an image", "bytes", "exact"],
        rows=rows,
        notes=["One thread; medians of rounds in turns; pictures drawn with a fixed seed."],
    )


def _measured(
    pictures: list[Pixels], encoders: dict[str, Encoder], *, rounds: int
) -> dict[str, tuple[float, int, bool]]:
    """Median microseconds, mean bytes, and whether every picture came back, by encoder."""
    files = {name: [encode(pixels) for pixels in pictures] for name, encode in encoders.items()}
    seconds = alternate({name: _all(encode, pictures) for name, encode in encoders.items()}, rounds=rounds)
    return {
        name: (
            statistics.median(seconds[name]) / len(pictures) * 1e6,
            round(statistics.mean(len(content) for content in contents)),
            all(
                np.array_equal(decode_png(content), pixels)
                for content, pixels in zip(contents, pictures, strict=True)
            ),
        )
        for name, contents in files.items()
    }


def _all(encode: Encoder, pictures: list[Pixels]) -> Callable[[], object]:
    return lambda: [encode(pixels) for pixels in pictures]


def _installed(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _flat(pixels: Pixels) -> Pixels:
    return pixels[:, :, 0] if pixels.shape[2] == 1 else pixels


BENCH = Bench(
    name="encoders",
    title="PNG encoders for sampled images",
    minutes=1,
    aims=[
        Aim(ratio="chosen_over_fastest_64", at_most=1.1),
        Aim(ratio="pillow_over_chosen_64", at_least=5),
    ],
    measure=measure,
    sources=["generation/ml/png.py"],
)

if __name__ == "__main__":
    raise SystemExit(run_alone(BENCH))
