"""What this machine computes with: chosen by what is there, and recorded."""

from __future__ import annotations

import platform
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, kw_only=True)
class Device:
    """Where and in which precision the forward passes run.

    Attributes:
        name: ``cpu`` or ``cuda``.
        dtype: ``float32`` or ``bfloat16`` (autocast; weights and optimiser stay float32).
        model: the chip, for the card.
    """

    name: str
    dtype: str
    model: str

    @property
    def torch(self) -> torch.device:
        """The device for tensors."""
        return torch.device(self.name)

    def wait(self) -> None:
        """Until everything that was started has been computed: a GPU works behind the program's back."""
        if self.name == "cuda":
            torch.cuda.synchronize()

    def autocast(self) -> AbstractContextManager[None]:
        """Run what is inside in this device's precision."""
        return torch.autocast(self.name, torch.bfloat16, enabled=self.dtype == "bfloat16")


def choose_device(dtype: str = "auto", *, threads: int | None = None, accelerate: bool = True) -> Device:
    """Take CUDA where it is, and bfloat16 where the chip has it.

    Args:
        dtype: ``auto``, ``float32`` or ``bfloat16``. What is asked for is what is used, even where it is slow.
        threads: CPU threads; part of what makes a run repeatable. None keeps the process's own number.
        accelerate: False keeps to the CPU.
    """
    if threads:
        torch.set_num_threads(threads)
    name = "cuda" if accelerate and torch.cuda.is_available() else "cpu"
    if name == "cuda":
        torch.backends.cudnn.benchmark = True
        model, has_bf16 = torch.cuda.get_device_name(), torch.cuda.is_bf16_supported()
    else:
        # Emulated bfloat16 is slower than float32, so the instructions themselves are asked for.
        capability: dict[str, Any] = getattr(
            torch.cpu, "get_capabilities", dict
        )()  # older versions cannot tell: float32
        has_bf16 = any(capability.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
        model = str(capability.get("cpu_name") or platform.machine())
    chosen = ("bfloat16" if has_bf16 else "float32") if dtype == "auto" else dtype
    return Device(name=name, dtype=chosen, model=model)
