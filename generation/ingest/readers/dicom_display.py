"""From stored DICOM values to what a reader would see: modality LUT, window or VOI LUT, inversion."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi

from generation.ingest.picture import Pixels
from generation.ingest.rejection import RejectedError

_FULL = 65_535
Window = tuple[float, float]


def to_display(frame: NDArray[Any], header: Dataset) -> tuple[Pixels, dict[str, Any]]:
    """Bring one decoded frame to its display range.

    Args:
        frame: (rows, columns) or (rows, columns, 3), as decoded, colour already RGB.
        header: the data set without pixels.

    Returns:
        Grey over the full range (16 bit where more than 8 were stored) or RGB in 8 bit; and what was done.
    """
    bits = min(max(int(header.BitsStored), 1), 16)
    photometric = str(header.PhotometricInterpretation)
    if photometric == "PALETTE COLOR":
        coloured = apply_color_lut(frame, header)[..., :3]
        return _as_8_bit(coloured, 8 * coloured.dtype.itemsize), {"palette": True}
    if frame.ndim == 3:
        return _as_8_bit(frame, bits), {"bits_stored": bits}
    low_high, values, source, function = _window(apply_modality_lut(frame, header), header)
    shown = _spread(values, low_high, function)
    if not (all(map(math.isfinite, low_high)) and np.isfinite(shown).all()):
        raise RejectedError("damaged")  # a rescale that overflows, or is no number
    if photometric == "MONOCHROME1":
        shown = 1 - shown
    notes = {
        "bits_stored": bits,
        "window": {"low": low_high[0], "high": low_high[1], "from": source, "function": function},
        "inverted": photometric == "MONOCHROME1",
    }
    if bits <= 8:
        return np.rint(shown * 255).astype(np.uint8), notes
    return np.rint(shown * _FULL).astype(np.uint16), notes


def _as_8_bit(colour: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    if colour.dtype.itemsize == 1:
        return colour.astype(np.uint8)
    if colour.dtype.kind != "u":
        raise RejectedError("dicom_pixels")
    shifted = colour >> max(bits - 8, 0)
    return np.asarray(np.minimum(shifted, 255), np.uint8)


def _window(values: NDArray[Any], header: Dataset) -> tuple[Window, NDArray[Any], str, str]:
    """What counts as black and as white: (low, high), the values, where it came from, the curve."""
    if header.get("VOILUTSequence"):
        # PS3.3 C.11.2: a table of its own, indexed by whole numbers
        table_bits = int(header.VOILUTSequence[0].LUTDescriptor[2])
        shown = apply_voi(np.rint(values).astype(np.int32), header)
        return (0.0, float(2 ** min(table_bits, 16) - 1)), shown, "voi_lut", "LINEAR"
    stated = _stated_window(header)
    if stated:
        return stated[0], values, "file", stated[1]
    return _own_range(values, header), values, "own_range", "LINEAR"


def _stated_window(header: Dataset) -> tuple[Window, str] | None:
    """The file's first window, by the formulas of PS3.3 C.11.2.1.2 and C.11.2.1.3; None when it makes no sense."""
    centre, width = (_first_number(header.get(name)) for name in ("WindowCenter", "WindowWidth"))
    if centre is None or width is None:
        return None
    function = str(header.get("VOILUTFunction") or "LINEAR").upper()
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        function = "LINEAR"
    if function == "LINEAR":
        centre, width = centre - 0.5, width - 1
    if width <= 0:
        return None
    return (centre - width / 2, centre + width / 2), function


def _first_number(value: Any) -> float | None:
    if value is None or isinstance(value, str):
        return None
    try:
        number = float(value[0] if hasattr(value, "__getitem__") else value)
    except (TypeError, ValueError, IndexError):
        return None
    return number if math.isfinite(number) else None


def _own_range(values: NDArray[Any], header: Dataset) -> Window:
    """Darkest and brightest value of the frame, padding left out."""
    padding = header.get("PixelPaddingValue")
    kept = values
    if isinstance(padding, int):
        slope, intercept = header.get("RescaleSlope"), header.get("RescaleIntercept")
        padded = float(padding)
        if slope is not None and intercept is not None:
            padded = padded * float(slope) + float(intercept)
        kept = values[values != padded]
    if kept.size == 0:
        kept = values
    low, high = float(kept.min()), float(kept.max())
    return low, high if high > low else low + 1.0


def _spread(values: NDArray[Any], window: Window, function: str) -> NDArray[np.float32]:
    """Map the window to 0 … 1 and clip."""
    low, high = window
    shown = values.astype(np.float32)
    if function == "SIGMOID":
        centre, width = (low + high) / 2, high - low
        exponent = np.clip(-4 * (shown - centre) / width, -80, 80)
        return np.asarray(1 / (1 + np.exp(exponent)), np.float32)
    shown -= low
    shown /= high - low
    return np.clip(shown, 0, 1, out=shown)
