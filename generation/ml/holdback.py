"""Which training groups are kept aside to watch a run. No torch: the web lists manifests, too."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

MONITOR_SHARE = 0.1
# Fewer images measure nothing, so keeping them from a small data set would only make it smaller.
FEWEST_MONITOR_IMAGES = 20
# One block of a slide differs from the others by more than a good checkpoint differs from a bad one: on the demo's
# photograph the distance to a single held-back block grew while the pictures became better.
FEWEST_CHOOSING_GROUPS = 5


def monitor_groups(sizes: Mapping[str, int], *, seed: int) -> set[str]:
    """Whole groups for about a tenth of the images; none where there is only one group, or where they were too few.

    Whole, because images of one group look alike: a run that is watched on the brothers of its training images is
    watched on nothing.

    Args:
        sizes: group → number of its training images.
        seed: the run's; the same seed keeps the same groups aside.
    """
    wanted = MONITOR_SHARE * sum(sizes.values())
    order = sorted(sizes, key=lambda key: hashlib.sha256(f"{seed}|{key}".encode()).digest())
    chosen: set[str] = set()
    for key in order[:-1]:
        if sum(sizes[name] for name in chosen) >= wanted:
            break
        chosen.add(key)
    return chosen if sum(sizes[name] for name in chosen) >= FEWEST_MONITOR_IMAGES else set()
