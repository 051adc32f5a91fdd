"""The network behind the number that papers call FID: Inception v3 as TensorFlow released it on 2015-12-05.

Written from the published architecture (Szegedy et al. 2015, arXiv 1512.00567), with the four ways in which that release
differs from what torchvision calls Inception v3: averages at the edge count real pixels only, the last block takes a
maximum where the one before it averages, pictures come in by TensorFlow 1's bilinear resize, and 1008 classes follow
(which nothing here needs). Weights cannot be shipped: see `inception_import`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from evaluation.ml import weights
from evaluation.ml.extractors import INCEPTION
from evaluation.ml.forward import forward_rows
from evaluation.ml.preprocess import TENSORFLOW_BILINEAR, Preprocessing
from generation.child import BadInput

if TYPE_CHECKING:
    import torch

DIMENSION = 2048
FORWARD_SIZE = 16
NORM_EPS = 1e-3

# By name in the published file. All others have stride 1 and as much padding as keeps the size.
_HALVING = {
    "Conv2d_1a_3x3",
    "Mixed_6a.branch3x3",
    "Mixed_6a.branch3x3dbl_3",
    "Mixed_7a.branch3x3_2",
    "Mixed_7a.branch7x7x3_4",
}
_UNPADDED = {*_HALVING, "Conv2d_2a_3x3", "Conv2d_4a_3x3"}


class Inception:
    """The extractor behind `fid`: the 2048 means of the last feature maps, float32 throughout."""

    name = INCEPTION
    calibrated = True
    dimension = DIMENSION
    preprocessing = Preprocessing(size=299, mean=128.0, std=128.0, resize=TENSORFLOW_BILINEAR)

    def __init__(self, *, folder: Path, threads: int = 1, pin: weights.Pin | None = None) -> None:
        """Load and fold the network.

        Args:
            folder: where imported weights lie.
            threads: torch threads of this process.
            pin: the file that they must have come from; the published one by default.

        Raises:
            BadInput: the weights are missing or changed, or torch is.
        """
        pin = pin or weights.INCEPTION_PIN
        try:
            state = weights.load_imported(folder, INCEPTION, pin)
            import torch
        except ImportError as error:
            raise BadInput(
                "extractor_missing", f"{INCEPTION} needs the 'generation' extra installed"
            ) from error
        torch.set_num_threads(max(1, threads))
        self.digest = hashlib.sha256(f"{INCEPTION} pool-2048 float32 {pin.sha256}".encode()).hexdigest()
        self.network = Network(state)

    def features(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Map ``(n, h, w, 3)`` uint8 to ``(n, 2048)`` float32."""
        return forward_rows(images, self.preprocessing, self.network, FORWARD_SIZE)


@dataclass(frozen=True)
class _Convolution:
    """A convolution with the normalisation after it folded in, and what it does with edges."""

    weight: torch.Tensor  # (out, in, kh, kw)
    bias: torch.Tensor
    stride: int
    padding: tuple[int, int]


class Network:
    """Folded once, then ``(n, 3, 299, 299)`` to ``(n, 2048)``."""

    def __init__(self, state: Mapping[str, torch.Tensor]) -> None:
        suffix = ".conv.weight"
        names = [key.removesuffix(suffix) for key in state if key.endswith(suffix)]
        self._convolutions = {name: _folded(state, name) for name in names}

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Feature rows of a batch, float32; sizes beside the lines are those of the maps."""
        x = self.chain(x, "", "Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3")  # 147
        x = self.chain(_halved(x), "", "Conv2d_3b_1x1", "Conv2d_4a_3x3")  # 71
        x = _halved(x)  # (n, 192, 35, 35)
        for block in ("Mixed_5b.", "Mixed_5c.", "Mixed_5d."):
            x = self._block_a(x, block)
        x = self._block_b(x, "Mixed_6a.")  # (n, 768, 17, 17)
        for block in ("Mixed_6b.", "Mixed_6c.", "Mixed_6d.", "Mixed_6e."):
            x = self._block_c(x, block)
        x = self._block_d(x, "Mixed_7a.")  # (n, 1280, 8, 8)
        x = self._block_e(x, "Mixed_7b.", _averaged)
        x = self._block_e(x, "Mixed_7c.", _largest)
        return x.mean(dim=(2, 3))

    def chain(self, x: torch.Tensor, block: str, *names: str) -> torch.Tensor:
        """Convolutions of a block, one after the other, each rectified."""
        from torch.nn import functional

        for name in names:
            each = self._convolutions[block + name]
            x = functional.conv2d(x, each.weight, each.bias, stride=each.stride, padding=each.padding)
            x = x.relu_()
        return x

    def _block_a(self, x: torch.Tensor, block: str) -> torch.Tensor:
        return _joined(
            self.chain(x, block, "branch1x1"),
            self.chain(x, block, "branch5x5_1", "branch5x5_2"),
            self.chain(x, block, "branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"),
            self.chain(_averaged(x), block, "branch_pool"),
        )

    def _block_b(self, x: torch.Tensor, block: str) -> torch.Tensor:
        return _joined(
            self.chain(x, block, "branch3x3"),
            self.chain(x, block, "branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"),
            _halved(x),
        )

    def _block_c(self, x: torch.Tensor, block: str) -> torch.Tensor:
        return _joined(
            self.chain(x, block, "branch1x1"),
            self.chain(x, block, *(f"branch7x7_{place}" for place in range(1, 4))),
            self.chain(x, block, *(f"branch7x7dbl_{place}" for place in range(1, 6))),
            self.chain(_averaged(x), block, "branch_pool"),
        )

    def _block_d(self, x: torch.Tensor, block: str) -> torch.Tensor:
        return _joined(
            self.chain(x, block, "branch3x3_1", "branch3x3_2"),
            self.chain(x, block, *(f"branch7x7x3_{place}" for place in range(1, 5))),
            _halved(x),
        )

    def _block_e(
        self, x: torch.Tensor, block: str, pool: Callable[[torch.Tensor], torch.Tensor]
    ) -> torch.Tensor:
        once = self.chain(x, block, "branch3x3_1")
        twice = self.chain(x, block, "branch3x3dbl_1", "branch3x3dbl_2")
        return _joined(
            self.chain(x, block, "branch1x1"),
            self.chain(once, block, "branch3x3_2a"),
            self.chain(once, block, "branch3x3_2b"),
            self.chain(twice, block, "branch3x3dbl_3a"),
            self.chain(twice, block, "branch3x3dbl_3b"),
            self.chain(pool(x), block, "branch_pool"),
        )


def _folded(state: Mapping[str, torch.Tensor], name: str) -> _Convolution:
    """A convolution that gives what it and its batch normalisation gave; folded in float64."""
    import torch

    weight = state[f"{name}.conv.weight"].double()
    norm = {
        part: state[f"{name}.bn.{part}"].double()
        for part in ("weight", "bias", "running_mean", "running_var")
    }
    scale = norm["weight"] / torch.sqrt(norm["running_var"] + NORM_EPS)
    folded = (weight * scale[:, None, None, None]).float()
    height, width = weight.shape[2:]
    return _Convolution(
        weight=folded.contiguous(memory_format=torch.channels_last),
        bias=(norm["bias"] - norm["running_mean"] * scale).float(),
        stride=2 if name in _HALVING else 1,
        padding=(0, 0) if name in _UNPADDED else (height // 2, width // 2),
    )


def _joined(*branches: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.cat(branches, dim=1)


def _averaged(x: torch.Tensor) -> torch.Tensor:
    from torch.nn import functional

    return functional.avg_pool2d(x, kernel_size=3, stride=1, padding=1, count_include_pad=False)


def _largest(x: torch.Tensor) -> torch.Tensor:
    from torch.nn import functional

    return functional.max_pool2d(x, kernel_size=3, stride=1, padding=1)


def _halved(x: torch.Tensor) -> torch.Tensor:
    from torch.nn import functional

    return functional.max_pool2d(x, kernel_size=3, stride=2)
