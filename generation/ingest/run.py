"""One ingest from spec to result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from generation.child import Reporter
from generation.ingest import datasheet, normalise, quality
from generation.ingest.collect import Candidate, Collector
from generation.ingest.duplicates import Fingerprint, find_near, fingerprint
from generation.ingest.options import KnownImage, Order, parse_spec
from generation.ingest.picture import Picture
from generation.ingest.readers import Reading, read_upload
from generation.ingest.rejection import OVERRULABLE, Refusal
from generation.ingest.split import assign, default_shares
from generation.ingest.store import WorkFolder
from generation.ingest.tiling import SLIDE_SHARES, SPLITS

_REPORT_EVERY = 50


def ingest(spec: Mapping[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Read, clean, cut, group and split one upload.

    Args:
        spec: ``work``; ``files`` [{ordinal, path}] under server-made names; ``options`` (see `Options`: tile,
            image_size, fit, channels, bits, classes, groups, group_salt, split, drop_duplicates, folder_classes,
            burned_in_checked); ``limits`` (see `Limits`); ``known`` {images: [{path, digest, group_key}], groups:
            {key: split}}: what the data set holds already.
        reporter: for progress and warnings.

    Returns:
        Counts, splits, data sheet and de-identification record. The lists are files in the work folder:
        ``accepted.jsonl`` and ``rejected.jsonl``.

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
            frozenset(image.digest for image in order.known_images),
        )
        if not _read_all(order, collector, folder, reporter):
            return {"stopped": True}
        return _finish(order, collector, folder, reporter)
    finally:
        folder.close()


def _read_all(order: Order, collector: Collector, folder: WorkFolder, reporter: Reporter) -> bool:
    """Read the files and cut what is to be cut; False when asked to stop."""
    how = Reading(order.limits, folder.scratch, order.options.folder_classes, order.options.burned_in_checked)
    for done, file in enumerate(order.files):
        reporter.progress("reading", done, len(order.files), pictures=collector.pictures)
        for number, entry in enumerate(read_upload(file.path, file.ordinal, how), start=1):
            if reporter.should_stop:
                return False
            if number % _REPORT_EVERY == 0:
                reporter.progress("reading", done, len(order.files), pictures=collector.pictures)
            if isinstance(entry, Refusal):
                collector.refuse(entry)
            elif collector.is_full:
                collector.refuse(Refusal.of(entry.place, "too_many_images", limit=collector.most))
                break
            else:
                collector.add(entry)
    reporter.progress("reading", len(order.files), len(order.files), pictures=collector.pictures)
    for done in collector.cut():
        if reporter.should_stop:
            return False
        reporter.progress("cutting", done, collector.waiting, images=len(collector.candidates))
    return True


def _finish(order: Order, collector: Collector, folder: WorkFolder, reporter: Reporter) -> dict[str, Any]:
    reporter.progress("comparing", 0, 1, images=len(collector.candidates))
    kept = _same_channels(collector, order.options.form.channels)
    kept, links = _without_near(order, collector, kept, reporter)
    for image, dull in zip(kept, quality.blurred([image.sharpness for image in kept]), strict=True):
        if dull:
            image.flags.append("blurred")
    shares = order.options.split.shares or (
        SLIDE_SHARES if collector.cut_by_blocks else default_shares(len(kept))
    )
    splits = _split(order, kept, shares, links)
    reporter.progress("writing", 0, 1, images=len(kept))
    accepted = folder.write_lines("accepted.jsonl", (_row(image, splits[image.group]) for image in kept))
    rejected = folder.write_lines("rejected.jsonl", map(_refusal_row, collector.refusals))
    facts = datasheet.describe(collector, kept, splits, shares, len(links))
    for warning in facts["warnings"]:
        reporter.warning(warning["code"], warning["detail"])
    reporter.progress("writing", 1, 1, images=len(kept))
    return {
        "stopped": False,
        "accepted": str(accepted),
        "rejected": str(rejected),
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


def _same_channels(collector: Collector, channels: str) -> list[Candidate]:
    """Where channels are kept as they come, the kind that most images have stays."""
    if channels != "keep":
        return collector.candidates
    counts = Counter(image.shape[2] for image in collector.candidates)
    if len(counts) < 2:
        return collector.candidates
    usual = counts.most_common(1)[0][0]
    for image in collector.candidates:
        if image.shape[2] != usual:
            _take_back(collector, image, "mixed_channels", most="grey" if usual == 1 else "coloured")
    return [image for image in collector.candidates if image.shape[2] == usual]


def _without_near(
    order: Order, collector: Collector, images: Sequence[Candidate], reporter: Reporter
) -> tuple[list[Candidate], list[tuple[str, str]]]:
    """Refuse near duplicates of other groups, or tie the groups together, so that no split parts them."""
    known = _known_looks(order.known_images, order, reporter)
    looks = [*(look for _, look in known), *(image.look for image in images)]
    groups = [*(group for group, _ in known), *(image.group for image in images)]
    dropped: set[int] = set()
    links: set[tuple[str, str]] = set()
    for match in find_near(looks, groups, len(known), dropped):
        image = images[match.second - len(known)]
        first = images[match.first - len(known)].place if match.first >= len(known) else ""
        if not order.options.drop_duplicates:
            links.add((groups[match.first], image.group))
            image.flags.append("near_duplicate")
            continue
        dropped.add(match.second)
        code = "near_duplicate" if first else "near_duplicate_known"
        _take_back(collector, image, code, first=first)
    kept = [image for index, image in enumerate(images, start=len(known)) if index not in dropped]
    return kept, sorted(links)


def _known_looks(
    images: Sequence[KnownImage], order: Order, reporter: Reporter
) -> list[tuple[str, Fingerprint]]:
    how = Reading(order.limits, order.work)
    looks = []
    for image in images:
        entry = next(read_upload(image.path, "known", how), None)
        if isinstance(entry, Picture):
            looks.append((image.group, fingerprint(normalise.to_grey(entry.pixels))))
        else:
            reporter.warning("known_unreadable", "An image of the data set could not be read for comparison.")
    return looks


def _take_back(collector: Collector, image: Candidate, code: str, **facts: str) -> None:
    collector.refuse(Refusal.of(image.place, code, image.stored.thumb, **facts))
    collector.folder.remove_image(image.stored.file)


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
    return assign(contents, shares, order.options.split.seed, {**pinned, **order.known_groups}, links)


def _row(image: Candidate, split: str) -> dict[str, Any]:
    height, width, channels = image.shape
    region = image.region
    return {
        "ordinal": image.place,
        "file": image.stored.file,
        "thumb": image.stored.thumb,
        "digest": image.stored.digest,
        "pixel_digest": image.pixel_digest,
        "size": image.stored.size,
        "width": width,
        "height": height,
        "channels": channels,
        "bits": image.bits,
        "group_key": image.group,
        "class": image.label,
        "split": split,
        "region": [region.x, region.y, region.width, region.height] if region else None,
        "flags": sorted(image.flags),
        "source": dict(image.source),
        "deid": dict(image.deid),
    }


def _refusal_row(refusal: Refusal) -> dict[str, Any]:
    return {
        "ordinal": refusal.place,
        "code": refusal.code,
        "detail": refusal.detail,
        "thumb": refusal.thumb or None,
        "overrulable": refusal.code in OVERRULABLE,
    }
