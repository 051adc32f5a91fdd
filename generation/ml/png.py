"""PNG files that say what they are.

Every picture that leaves here carries two text chunks and no other: ``synthlab`` with the recipe as JSON, and an XMP
packet whose IPTC digital source type is ``trainedAlgorithmicMedia``, which foreign tools understand. The recipe names
a generator and numbers; never a batch, a time, a place or a person.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin, features
from PIL import __version__ as pillow_version

try:  # comes with the extra `generation`; without it files are the same pictures, made more slowly
    import fpng
except ImportError:  # pragma: no cover (a platform without a wheel)
    fpng = None

RECIPE_KEY = "synthlab"
XMP_KEY = "XML:com.adobe.xmp"
XMP_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    'Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"/>'
    "</rdf:RDF></x:xmpmeta>"
    '<?xpacket end="r"?>'
)
# Level 1 is nearly as small as 6 on noisy tissue and up to 1.6 times as fast.
LEVEL = 1
SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEPT_CHUNKS = (b"IHDR", b"IDAT", b"IEND")


def encoder_name(channels: int) -> str:
    """Name and version of everything that decides the bytes: the same name promises the same bytes.

    Args:
        channels: 3 goes to fpng where it is installed, all else to Pillow.
    """
    if _takes_fpng(channels):
        return f"fpng-{fpng.__version__}"
    zlib_ng = features.version("zlib_ng")
    zlib = f"zlib-ng-{zlib_ng}" if zlib_ng else f"zlib-{features.version('zlib') or 'unknown'}"
    return f"pillow-{pillow_version}/{zlib}/level-{LEVEL}"


def encode_png(pixels: NDArray[np.uint8], recipe: Mapping[str, Any]) -> bytes:
    """Encode one marked image without loss, and prove it by decoding it again.

    Args:
        pixels: (h, w, c) or (h, w), c 1 or 3.
        recipe: goes into the file as it is; must be free of anything but how to make these pixels again.

    Raises:
        RuntimeError: if the encoder did not give back the same pixels.
    """
    marks = PngImagePlugin.PngInfo()
    marks.add_itxt(RECIPE_KEY, json.dumps(recipe, sort_keys=True, separators=(",", ":")))
    return _encode(pixels, marks)


def encode_grid(pixels: NDArray[np.uint8]) -> bytes:
    """Encode a picture made of many generated images (h, w, c): marked as synthetic, without a recipe."""
    return _encode(pixels, PngImagePlugin.PngInfo())


def decode_png(content: bytes) -> NDArray[np.uint8]:
    """Pixels (h, w, c) of a PNG of 1 or 3 channels."""
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def read_marks(content: bytes) -> dict[str, str]:
    """All text chunks of a PNG, by key.

    Raises:
        OSError: no PNG, or one that is cut short.
    """
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        image.load()
        texts = getattr(image, "text", {})
    return {str(key): str(value) for key, value in texts.items()}


def _takes_fpng(channels: int) -> bool:
    return fpng is not None and channels == 3


def _encode(pixels: NDArray[np.uint8], marks: PngImagePlugin.PngInfo) -> bytes:
    marks.add_itxt(XMP_KEY, XMP_PACKET)
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    bare = fpng.from_ndarray(np.ascontiguousarray(pixels)) if _takes_fpng(channels) else _by_pillow(pixels)
    content = _with_marks(bare, marks)
    if not np.array_equal(decode_png(content).reshape(pixels.shape), pixels):
        raise RuntimeError("the PNG encoder changed the pixels")
    return content


def _by_pillow(pixels: NDArray[np.uint8]) -> bytes:
    flat = pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    stream = io.BytesIO()
    Image.fromarray(flat).save(stream, "PNG", compress_level=LEVEL)
    return stream.getvalue()


def _with_marks(bare: bytes, marks: PngImagePlugin.PngInfo) -> bytes:
    """The picture's own chunks and the marks after its header; what an encoder says about itself is left out."""
    stream = io.BytesIO()
    stream.write(SIGNATURE)
    for name, chunk in _chunks(bare):
        if name in _KEPT_CHUNKS:
            stream.write(chunk)
        if name == b"IHDR":
            for kind, data, *_ in marks.chunks:
                PngImagePlugin.putchunk(stream, kind, data)
    return stream.getvalue()


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and whole bytes (length, name, data, checksum) of each chunk of a well-formed PNG."""
    position = len(SIGNATURE)
    while position < len(content):
        (length,) = struct.unpack_from(">I", content, position)
        yield content[position + 4 : position + 8], content[position : position + 12 + length]
        position += 12 + length
