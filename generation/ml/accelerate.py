"""On a GPU the networks are compiled: small networks spend most of a step starting kernels, and compiled ones start few."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from generation.child import Reporter
from generation.ml.device import Device
from generation.ml.memory import is_out_of_memory


def compile_networks(
    device: Device, networks: Sequence[nn.Module], trial: Callable[[], object], report: Reporter
) -> bool:
    """Compile networks in place where that pays, and go on without where it fails.

    Args:
        device: only on a GPU anything is done; on a CPU compiled code would not be the same for every thread count.
        networks: what a step runs. Their weights, buffers and names stay as they are.
        trial: runs each network forward and backward once, so that what cannot be compiled fails here.
        report: gets the warning ``not_compiled``.

    Returns:
        Whether the networks are compiled.
    """
    if device.name != "cuda":
        return False
    before = [{name: tensor.clone() for name, tensor in one.state_dict().items()} for one in networks]
    try:
        for network in networks:
            network.compile()
        trial()
    except Exception as error:  # whatever the compiler, its C compiler or the driver raise
        if is_out_of_memory(error):
            raise
        for network in networks:
            network._compiled_call_impl = None
        report.warning(
            "not_compiled",
            f"The networks could not be compiled for this GPU ({type(error).__name__}); the run goes on without, slower.",
        )
        return False
    finally:
        for network, state in zip(networks, before, strict=True):
            network.load_state_dict(state)  # norms count and power iterations move with every forward pass
            network.zero_grad(set_to_none=True)
    return True


def uncompiled(is_needed: bool) -> AbstractContextManager[object]:
    """Run what is inside as it was written, where `is_needed`: compiled code has no second derivative."""
    return torch.compiler.set_stance("force_eager") if is_needed else nullcontext()
