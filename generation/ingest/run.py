"""One ingest from spec to result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from generation.child import Reporter
from generation.ingest import datasheet, normalise, quality
from generation.ingest.candidate import MOST_ALIKE, Candidate
from generation.ingest.collect import Collector
from generation.ingest.companions import read_companions
from generation.ingest.duplicates import Fingerprint, find_alike, find_near, fingerprint
from generation.ingest.guard import Watch
from generation.ingest.options import READING_NOTE, KnownImage, Order, parse_spec
from generation.ingest.picture import Picture
from generation.ingest.readers import Reading, read_upload
from generation.ingest.rejection import Refusal
from generation.ingest.split import assign, default_shares
from generation.ingest.store import WorkFolder
from generation.ingest.ties import Ties
from generation.ingest.tiling import SLIDE_SHARES, SPLITS

Look = tuple[str, str, Fingerprint]
"""Digest, group and look of an image that was there before."""

_REPORT_EVERY = 50


def ingest(spec: Mapping[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Read, clean, cut, group and split one upload.

    Args:
        spec: ``work``; ``files`` [{ordinal, path}] under server-made names; ``options`` (see `Options`: tile,
            image_size, fit, channels, bits, classes, groups, group_salt, split, drop_duplicates, folder_classes,
            burned_in_checked); ``limits`` (see `Limits`); ``avoid``: places whose reading ended an earlier process; ``known`` {images and waiting:
            [{path, digest, group_key}], withdrawn: [digest], groups: {key: split}, channels}: what the data set holds
            already (see `Known`).
        reporter: for progress and warnings.

    Returns:
        Counts, splits, data sheet and de-identification record. The lists are files in the work folder:
        ``accepted.jsonl``, ``rejected.jsonl`` (where a person may overrule, with all that is needed for it) and
        ``alike.jsonl``: what refused pictures of earlier uploads now look like.

    Raises:
        BadInput: a spec that is not laid out right.
    """
    order = parse_spec(spec)
    folder = WorkFolder(order.work)
    try:
        collector = Collector(
            order.options,
            folder,
            order.limits.images,
            order.known,
        )
        if not _read_all(order, collector, folder, reporter):
            return {"stopped": True}
        return _finish(order, collector, folder, reporter)
    finally:
        folder.close()


def _read_all(order: Order, collector: Collector, folder: WorkFolder, reporter: Reporter) -> bool:
    """Read the files and cut what is to be cut; False when asked to stop."""
    with Watch(folder.root / READING_NOTE, order.avoid) as watch:
        companions = read_companions(order.files, order.options.names, order.limits, watch)
        collector.heed(companions)
        how = Reading(order.limits, folder.scratch, order.options.folder_classes, companions.places, watch)
        if not companions.broken and not _read_pictures(order, collector, how, reporter):
            return False
    reporter.progress("reading", len(order.files), len(order.files), pictures=collector.pictures)
    for done in collector.cut():
        if reporter.should_stop:
            return False
        reporter.progress("cutting", done, collector.waiting, images=len(collector.candidates))
    return True


def _read_pictures(order: Order, collector: Collector, how: Reading, reporter: Reporter) -> bool:
    for done, file in enumerate(order.files):
        reporter.progress("reading", done, len(order.files), pictures=collector.pictures)
        for number, entry in enumerate(read_upload(file.path, file.ordinal, how), start=1):
            if reporter.should_stop:
                return False
            if number % _REPORT_EVERY == 0:
                reporter.progress("reading", done, len(order.files), pictures=collector.pictures)
            if len(collector.refusals) >= order.limits.refusals:
                collector.refuse(Refusal.of(entry.place, "too_many_refusals", limit=order.limits.refusals))
                return True
            if isinstance(entry, Refusal):
                collector.refuse(entry)
            elif collector.is_full:
                collector.refuse(Refusal.of(entry.place, "too_many_images", limit=collector.most))
                break
            else:
                collector.add(entry)
    return True


def _finish(order: Order, collector: Collector, folder: WorkFolder, reporter: Reporter) -> dict[str, Any]:
    reporter.progress("comparing", 0, 1, images=len(collector.candidates))
    kept = _same_channels(collector, order.options.form.channels, order.known.channels)
    kept = _without_blurred(collector, kept)
    known = _known_looks(order.known.images, order, reporter)
    kept, links = _without_near(order, collector, kept, known)
    alike = _look_alikes(
        order, collector, kept, [*known, *_known_looks(order.known.waiting, order, reporter)]
    )
    shares = order.options.split.shares or (
        SLIDE_SHARES if collector.cut_by_blocks else default_shares(len(kept))
    )
    splits = _split(order, kept, shares, links)
    reporter.progress("writing", 0, 1, images=len(kept))
    accepted = folder.write_lines(
        "accepted.jsonl", ({**image.row(), "split": splits[image.group]} for image in kept)
    )
    rejected = folder.write_lines("rejected.jsonl", map(_refusal_row, collector.refusals))
    waiting = folder.write_lines("alike.jsonl", alike)
    facts = datasheet.describe(collector, kept, splits, shares, len(links))
    for warning in facts["warnings"]:
        reporter.warning(warning["code"], warning["detail"])
    reporter.progress("writing", 1, 1, images=len(kept))
    return {
        "stopped": False,
        "accepted": str(accepted),
        "rejected": str(rejected),
        "alike": str(waiting),
        "counts": {
            "files": len(order.files),
            "pictures": collector.pictures,
            "accepted": len(kept),
            "rejected": len(collector.refusals),
        },
        "rejections": dict(sorted(Counter(refusal.code for refusal in collector.refusals).items())),
        "splits": {split: facts["splits"][split]["images"] for split in SPLITS},
        "datasheet": facts,
        "deidentification": collector.removed.summary(),
        "encoder": normalise.encoder_name(),
    }


def _same_channels(collector: Collector, channels: str, known: int | None) -> list[Candidate]:
    """Where channels are kept as they come, the kind that most images have stays."""
    if channels != "keep":
        return collector.candidates
    counts = Counter(image.shape[2] for image in collector.candidates)
    usual = known or (counts.most_common(1)[0][0] if counts else 0)
    for image in collector.candidates:
        if image.shape[2] != usual:
            collector.set_aside(image, "mixed_channels", most="grey" if usual == 1 else "coloured")
    return [image for image in collector.candidates if image.shape[2] == usual]


def _without_near(
    order: Order, collector: Collector, images: Sequence[Candidate], known: Sequence[Look]
) -> tuple[list[Candidate], list[tuple[str, str]]]:
    """Refuse near duplicates of other groups, or tie the groups together, so that no split parts them.

    Objects of one kind look alike by nature, and the same field is often photographed twice. So groups of crops are
    tied by their photographs and by the crops, and what looks alike is refused only where a tie cannot be made.
    """
    looks = [*(look for _, _, look in known), *(image.look for image in images)]
    groups = [*(group for _, group, _ in known), *(image.group for image in images)]
    places = [*("" for _ in known), *(image.place for image in images)]
    dropped: set[int] = set()
    links: set[tuple[str, str]] = set()
    ties = Ties(
        {
            **order.known.groups,
            **{image.group: image.split for image in images if image.region and image.split},
        }
    )
    tie_all = collector.companions.has_boxes or not order.options.drop_duplicates
    for one, other, place in _repeated_photographs(collector):
        if ties.tie(one, other):
            links.add((one, other))
            continue
        for at, image in enumerate(images, start=len(known)):
            if image.place.startswith(f"{place}!"):
                dropped.add(at)
                collector.set_aside(image, "near_duplicate_known")
    for match in find_near(looks, groups, len(known), dropped):
        image = images[match.second - len(known)]
        if match.second in dropped:
            continue
        if tie_all and all(ties.tie(groups[first], image.group) for first in match.all_first):
            links.update((groups[first], image.group) for first in match.all_first)
            image.flags.append("near_duplicate")
            continue
        dropped.add(match.second)
        if first := places[match.first]:
            collector.set_aside(image, "near_duplicate", first=first)
        else:
            collector.set_aside(image, "near_duplicate_known")
    kept = [image for index, image in enumerate(images, start=len(known)) if index not in dropped]
    return kept, sorted(links)


def _repeated_photographs(collector: Collector) -> Iterator[tuple[str, str, str]]:
    """Groups of two photographs that look alike, and the place of the later one."""
    seen = collector.photographs
    for match in find_near([look for *_, look in seen], [group for _, group, _ in seen]):
        place, group, _ = seen[match.second]
        for first in match.all_first:
            yield seen[first][1], group, place


def _without_blurred(collector: Collector, images: Sequence[Candidate]) -> list[Candidate]:
    """Flag what is not sharp, or set it aside where the person wants that."""
    kept = []
    for image, dull in zip(images, quality.blurred([image.sharpness for image in images]), strict=True):
        if dull:
            image.flags.append("blurred")
        if dull and collector.options.drop_blurred:
            collector.set_aside(image, "blurred")
        else:
            kept.append(image)
    return kept


def _look_alikes(
    order: Order, collector: Collector, kept: Sequence[Candidate], known: Sequence[Look]
) -> list[dict[str, Any]]:
    """Note of each picture that may be taken in later what it looks like, so that it never comes to another split.

    Returns:
        The same for refused pictures of earlier uploads, as far as they look like something new.
    """
    aside = collector.aside
    new = [(image.stored.digest, image.group, image.look) for image in (*kept, *aside)]
    entries = [*known, *new]
    waiting = {image.digest for image in order.known.waiting}
    fresh = {digest for digest, _, _ in new}
    by_digest = {image.stored.digest: image for image in aside}
    asked = [at for at, (digest, _, _) in enumerate(entries) if digest in waiting or digest in by_digest]
    found: list[dict[str, Any]] = []
    for at, others in find_alike([entry[2] for entry in entries], [entry[1] for entry in entries], asked):
        digests = list(dict.fromkeys(entries[other][0] for other in others))
        digest = entries[at][0]
        if image := by_digest.get(digest):
            image.resembles = digests
        elif of_new := [other for other in digests if other in fresh]:
            found.append({"digest": digest, "resembles": of_new[: MOST_ALIKE + 1]})
    return found


def _known_looks(images: Sequence[KnownImage], order: Order, reporter: Reporter) -> list[Look]:
    how = Reading(order.limits, order.work)
    looks = []
    for image in images:
        entry = next(read_upload(image.path, "known", how), None)
        if isinstance(entry, Picture):
            looks.append((image.digest, image.group, fingerprint(normalise.to_grey(entry.pixels))))
        else:
            reporter.warning("known_unreadable", "An image of the data set could not be read for comparison.")
    return looks


def _split(
    order: Order, kept: Sequence[Candidate], shares: Mapping[str, float], links: Sequence[tuple[str, str]]
) -> dict[str, str]:
    contents: dict[str, Counter[str]] = {}
    pinned: dict[str, str] = {}
    # A split that the person asked for goes before the one that a file brings; regions have no choice.
    honour_given = order.options.split.shares is None
    for image in kept:
        contents.setdefault(image.group, Counter())[image.label or ""] += 1
        if image.split and (honour_given or image.region):
            pinned[image.group] = min(pinned.get(image.group, image.split), image.split, key=SPLITS.index)
    for group in {group for pair in links for group in pair}:
        contents.setdefault(group, Counter())  # of the data set: it brings nothing, but its split counts
    return assign(contents, shares, order.options.split.seed, {**pinned, **order.known.groups}, links)


def _refusal_row(refusal: Refusal) -> dict[str, Any]:
    return {
        "ordinal": refusal.place,
        "code": refusal.code,
        "detail": refusal.detail,
        "thumb": refusal.thumb or None,
        "overrulable": refusal.kept is not None,
        "candidate": refusal.kept.kept_row() if refusal.kept else None,
    }
