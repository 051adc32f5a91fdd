"""What a run's numbers mean, in words, while it runs: each warning says what is seen and what to do. No torch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import fmean

from generation.ml.config import TrainConfig
from generation.ml.holdback import FEWEST_CHOOSING_GROUPS, FEWEST_MONITOR_IMAGES

# An untrained generator is allowed to show one picture.
COLLAPSE_GRACE_STEPS = 200
# Generated images whose pixels vary less than a quarter as much as real ones do are one picture with noise.
COLLAPSED_BELOW = 0.25
IDENTICAL_BELOW = 0.02
# What the discriminator's loss is when it gives every image the same score, by loss.
UNDECIDED = {"hinge": 2.0, "bce": 2 * math.log(2)}
STALLED_STEPS = 500
STALLED_WITHIN = 0.05
# The monitor's number is noisy from look to look: three in a row must be clearly worse.
LOOKS_IN_A_ROW = 3
WORSE_BY = 1.25

Warned = tuple[str, str]


@dataclass
class Watch:
    """Reads a run's numbers as they come and yields warnings as (code, sentence); callers drop repetitions.

    Attributes:
        config: the run's settings.
    """

    config: TrainConfig
    _undecided_since: int | None = None
    _looks: list[dict[str, float]] = field(default_factory=list)

    def see_losses(self, step: int, means: dict[str, float]) -> Iterator[Warned]:
        """Take in the mean losses and scores up to `step`."""
        level = UNDECIDED[self.config.loss]
        apart = abs(means.get("d_real", math.inf) - means.get("d_fake", -math.inf))
        undecided = abs(means.get("d_loss", math.inf) - level) < STALLED_WITHIN and apart < STALLED_WITHIN
        if not undecided:
            self._undecided_since = None
        elif self._undecided_since is None:
            self._undecided_since = step
        elif step - self._undecided_since >= STALLED_STEPS:
            yield (
                "stalled",
                f"For {step - self._undecided_since:,} steps the discriminator has told nothing apart (its loss stays at "
                f"{level:.1f}), so the generator learns nothing. Stop, and clone the run with half the discriminator's "
                "learning rate, or with fewer augmentations.",
            )

    def see_look(self, step: int, metrics: dict[str, float]) -> Iterator[Warned]:
        """Take in what a look at `step` measured."""
        yield from self._collapse(step, metrics["diversity_ratio"])
        if "monitor_kid_pixels" in metrics:
            self._looks.append(metrics)
            yield from self._overfitting()

    def _collapse(self, step: int, diversity: float) -> Iterator[Warned]:
        if step <= COLLAPSE_GRACE_STEPS:
            return
        if diversity < IDENTICAL_BELOW:
            yield (
                "identical_samples",
                "All generated images are the same picture. Stop this run, and clone it with half the learning rates.",
            )
        elif diversity < COLLAPSED_BELOW:
            yield (
                "collapse",
                f"The generated images hardly differ from each other ({diversity:.0%} of the variety of the real ones). "
                "If the next grids look alike too, stop, and clone the run with lower learning rates or more augmentation.",
            )

    def _overfitting(self) -> Iterator[Warned]:
        if len(self._looks) <= LOOKS_IN_A_ROW:
            return
        earlier, latest = self._looks[:-LOOKS_IN_A_ROW], self._looks[-LOOKS_IN_A_ROW:]
        best = min(earlier, key=lambda look: look["monitor_kid_pixels"])
        limit = max(best["monitor_kid_pixels"] * WORSE_BY, best["monitor_kid_pixels"] + 1e-3)
        is_worse = all(look["monitor_kid_pixels"] > limit for look in latest)
        gap = fmean(look["d_overfit_gap"] for look in latest)
        if is_worse and gap > 0 and gap > best["d_overfit_gap"]:
            yield (
                "overfitting",
                "The discriminator learns the training images by heart: it scores them ever higher than unseen ones, and the "
                "distance to unseen images has grown in three looks in a row. More steps will not help. Stop; clone with more "
                "augmentation, a stronger R1 penalty, fewer filters, or the early stop switched on.",
            )


def monitor_warning(images: int, groups: int) -> Warned | None:
    """What to say where the slice that is kept aside to watch a run is too small.

    Args:
        images: in the slice.
        groups: that it spans.
    """
    if images < FEWEST_MONITOR_IMAGES:
        return (
            "monitor_small",
            f"No whole groups with {FEWEST_MONITOR_IMAGES} training images could be kept aside to watch this run: there will "
            "be no curve of quality, and the last step is kept. Look at the grids, and evaluate a batch before you trust it.",
        )
    if groups < FEWEST_CHOOSING_GROUPS:
        return (
            "monitor_small",
            f"The images kept aside to watch this run come from {groups} "
            f"{'group' if groups == 1 else 'groups'}, and {FEWEST_CHOOSING_GROUPS} are needed to speak for the data: their curve is "
            "drawn, but does not choose the checkpoint. The last step is kept.",
        )
    return None
