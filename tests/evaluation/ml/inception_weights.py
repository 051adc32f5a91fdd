"""Random weights in the published layout of Inception (2015-12-05), and a pin that lets them in: for tests only."""

import hashlib
from pathlib import Path

import torch
from torchvision.models.inception import Inception3

from evaluation.ml.weights import Pin


def random_state(seed: int = 0) -> dict[str, torch.Tensor]:
    """A state dict whose features neither vanish nor explode; every normalisation does something."""
    generator = torch.Generator().manual_seed(seed)
    network = Inception3(num_classes=1008, aux_logits=False, init_weights=False)
    state = network.state_dict()
    for name, tensor in state.items():
        if name.endswith("conv.weight"):
            spread = (2 / tensor[0].numel()) ** 0.5
            tensor.normal_(0, spread, generator=generator)
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif name.endswith(("running_mean", "bn.bias")):
            tensor.normal_(0, 0.1, generator=generator)
        elif name.endswith("bn.weight"):
            tensor.uniform_(0.8, 1.2, generator=generator)
    return dict(state)


def save_state(path: Path, state: dict[str, torch.Tensor]) -> Pin:
    """Writes the file as the published one was written, and returns the pin that it fits."""
    torch.save(state, path)
    content = path.read_bytes()
    return Pin(size=len(content), sha256=hashlib.sha256(content).hexdigest())
