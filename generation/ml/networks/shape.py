"""The sizes that decide a network's layers, and nothing else about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Sizes of one network.

    Attributes:
        image_size: height and width in pixels, a power of two.
        channels: 1 (grey) or 3 (RGB).
        latent_size: length of the input vector.
        filters: channels at the finest scale.
        class_count: 0 for an unconditional network.
        skip_excitation: whether coarse features gate fine ones (where the architecture knows how).
    """

    image_size: int
    channels: int
    latent_size: int
    filters: int
    class_count: int = 0
    skip_excitation: bool = False

    @property
    def widths(self) -> list[int]:
        """Channels from the 4 px stem to the finest scale, e.g. 8f, 4f, 2f, f for 64 px; never above 8f."""
        stages = (self.image_size // 4).bit_length() - 1
        return [self.filters * min(8, 2 ** (stages - 1 - stage)) for stage in range(stages)]
