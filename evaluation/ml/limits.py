"""What a report cannot show at its n, in words: from the counts and the results alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil

from evaluation.ml.memorisation import ALPHA
from evaluation.ml.report import Counts, MetricResult, shortages

# A difference of so many standard errors is found in four of five looks at the one-sided 5 % level: 1.645 + 0.842.
_DETECTABLE = 2.49
_T95 = 1.96


def limits(
    counts: Counts, results: Sequence[MetricResult] = (), *, calibrated: bool, contamination: tuple[str, ...]
) -> list[str]:
    """The box that says what cannot be known at this n.

    Args:
        counts: images and groups.
        results: what was measured; the statements about single numbers need them.
        calibrated: whether the extractor's distances mean anything to people.
        contamination: what stands on both sides of the split, in words.
    """
    found = {result.metric: result for result in results if not result.class_key}
    return [
        *contamination,
        *(f"Indicative numbers only: {text}." for text in shortages(counts)),
        *_uncalibrated(calibrated),
        *_single_pictures(counts),
        *_copies(counts, found.get("copies")),
        *_distances(found.get("kid")),
        *_attack(counts, found.get("membership_auc")),
        *_utility(found.get("tstr")),
        *_classes(results),
        f"A kind of image that fewer than {_share(3.0 / counts.n_groups)} of groups show may be missing from the "
        f"{counts.n_groups} validation groups by chance; nothing here says whether the generator makes it.",
        "A Fréchet distance depends on extractor and n: never compare it across extractors, with FID, or with papers.",
        "Numbers speak about this generator, not about the training recipe: that would need several trainings.",
        "No flag is no proof of privacy: an attacker who knows more than distances may still learn something.",
    ]


def _share(value: float) -> str:
    return f"{min(1.0, value):.2g}" if value < 0.001 else f"{100 * min(1.0, value):.2g} %"


def _uncalibrated(calibrated: bool) -> Iterator[str]:
    if not calibrated:
        yield "The extractor is uncalibrated: its distances say nothing about how images look to people."


def _single_pictures(counts: Counts) -> Iterator[str]:
    yield (
        f"No image's p-value can be below 1 of {counts.n_groups + 1}, because {counts.n_groups} groups stand behind it."
    )
    needed = ceil(1.0 / ALPHA) - 1
    if counts.n_groups < needed:
        yield (
            f"With fewer than {needed} validation groups no image can be called a copy by its p-value: only copies in "
            "plain sight are flagged."
        )


def _copies(counts: Counts, found: MetricResult | None) -> Iterator[str]:
    if found is None or found.value is None or found.ci_high is None:
        return
    flagged = round(found.value * counts.n_synth)
    if not flagged:
        yield (
            f"None of {counts.n_synth} images is flagged; up to {_share(3.0 / counts.n_synth)} of what this generator makes "
            "could be flagged all the same (rule of three), and a copy that no distance sees is not counted at all."
        )
    elif found.floor is not None:
        hidden = max(0.0, found.ci_high - found.floor)
        yield (
            f"{flagged} of {counts.n_synth} images are flagged, and the rule flags {_share(found.floor)} of unseen real "
            f"images too: a share of copies of up to {_share(hidden)} would look the same."
        )


def _distances(found: MetricResult | None) -> Iterator[str]:
    se = None if found is None else found.details.get("se")
    if isinstance(se, float) and se > 0:
        yield (
            f"A kernel distance below {_DETECTABLE * se:.2g} would be missed more often than once in five: so near the "
            "generator may be, or not, without these images telling."
        )


def _attack(counts: Counts, found: MetricResult | None) -> Iterator[str]:
    if found is not None and found.ci_low is not None and found.ci_high is not None:
        se = (found.ci_high - found.ci_low) / (2 * _T95)
        yield (
            f"An attack that is right in less than {_share(0.5 + _DETECTABLE * se)} of pairs would be missed more often than "
            "once in five."
        )
    if counts.n_groups < 100:
        yield (
            f"{counts.n_groups} validation groups cannot tell what an attacker recognises at one false alarm in a hundred; "
            "that takes 100."
        )


def _utility(found: MetricResult | None) -> Iterator[str]:
    if found is None or found.ci_low is None or found.ci_high is None:
        return
    reach = (found.ci_high - found.ci_low) / 2.0
    yield f"Training on synthetic images could be {reach:.2g} (area under the curve) better or worse than it looks."


def _classes(results: Sequence[MetricResult]) -> Iterator[str]:
    known = sorted({result.class_key for result in results if result.class_key})
    small = [
        key
        for key in known
        if all(
            result.status != "ok" for result in results if result.class_key == key and result.metric == "fd"
        )
    ]
    if small:
        names = ", ".join(small[:10]) + (f" and {len(small) - 10} more" if len(small) > 10 else "")
        yield f"{len(small)} of {len(known)} classes have too few groups for numbers of their own: {names}."
