"""What a report or a segmentation says, as plain values; needs pydicom alone, and none of the code that wrote it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom import Dataset

from annotation.export.dicom.identity import key_of_code
from annotation.geometry import Shape, parse_shape

_MEASUREMENTS, _GROUP, _REGION = "126010", "125007", "111030"
_FINDING, _SITE, _TRACKING, _OBSERVER = "121071", "363698007", "112040", "121008"
_CONFIDENCE, _SHAPE = "ask:confidence", "ask:shape"

Place = tuple[str, str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Said:
    """What was said about one image, as single-precision coordinates can hold it.

    Attributes:
        classes: Keys of the classes of the whole image.
        regions: Class, kind and coordinates x, y, x, y … of every region; an outline does not repeat its first point.
        site: Key of the anatomical site, or empty.
        confidence: As the reader stated it.
        reader: Pseudonym.
        reviewers: Pseudonyms.
    """

    classes: tuple[str, ...]
    regions: tuple[Place, ...]
    site: str
    confidence: int | None
    reader: str
    reviewers: tuple[str, ...]


def said_in_labels(member: Mapping[str, Any]) -> Said:
    """What the labels say about an image."""
    return Said(
        classes=tuple(member["classes"]),
        regions=tuple(
            (region["class"], region["kind"], _single(shape_in_labels(member, region).points))
            for region in member["regions"]
        ),
        site=member["site"],
        confidence=member["confidence"],
        reader=member["reader"],
        reviewers=tuple(member["reviewers"]),
    )


def shape_in_labels(member: Mapping[str, Any], region: Mapping[str, Any]) -> Shape:
    """The shape of a region of the labels."""
    return parse_shape(region["kind"], region["geometry"], width=member["width"], height=member["height"])


def said_in_report(report: Dataset) -> Said:
    """What a report says about its image.

    Raises:
        ValueError, LookupError, AttributeError: It is not built as ours are.
    """
    groups = list(_groups(report))
    findings = [group for group in groups if _REGION not in group]
    sites = {key_of_code(_value(group[_SITE]).removeprefix("site:")) for group in groups if _SITE in group}
    answers = {_value(group[_CONFIDENCE]) for group in findings if _CONFIDENCE in group}
    if len(sites) > 1 or len(answers) > 1:
        raise ValueError("several sites or confidences for one image")
    answer = answers.pop() if answers else ""
    return Said(
        classes=tuple(key_of_code(_value(group[_FINDING])) for group in findings),
        regions=tuple(_place(group) for group in groups if _REGION in group),
        site=sites.pop() if sites else "",
        confidence=int(answer.removeprefix("confidence:")) if answer else None,
        reader=_family_name(_named(report.ContentSequence)[_OBSERVER].PersonName),
        reviewers=tuple(_family_name(item.PersonName) for item in report.get("ParticipantSequence", [])),
    )


def tracked_regions(report: Dataset) -> tuple[str, ...]:
    """The tracking UIDs of the regions of a report, in their order."""
    return tuple(str(group[_TRACKING].UID) for group in _groups(report) if _REGION in group)


def referenced(target: Dataset) -> set[tuple[str, str]]:
    """Class and UID of every object that a report or segmentation refers to, wherever in it."""
    return {
        (str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID))
        for item in _items(target)
        if "ReferencedSOPInstanceUID" in item
    }


def code_of(concept: Dataset) -> str:
    """The value of a coded concept, in whichever element its length puts it."""
    return str(concept.get("CodeValue") or concept.get("LongCodeValue") or concept.get("URNCodeValue"))


def _items(target: Dataset) -> Iterator[Dataset]:
    yield target
    for element in target:
        if element.VR == "SQ":
            for item in element.value:
                yield from _items(item)


def _groups(report: Dataset) -> Iterator[dict[str, Dataset]]:
    for item in _named(report.ContentSequence)[_MEASUREMENTS].ContentSequence:
        if code_of(item.ConceptNameCodeSequence[0]) != _GROUP:
            raise ValueError("the measurements hold something else than groups")
        yield _named(item.ContentSequence)


def _named(items: Sequence[Dataset]) -> dict[str, Dataset]:
    """Content items by the value of their concept's name."""
    return {code_of(item.ConceptNameCodeSequence[0]): item for item in items}


def _value(item: Dataset) -> str:
    return code_of(item.ConceptCodeSequence[0])


def _place(group: Mapping[str, Dataset]) -> Place:
    region = group[_REGION]
    numbers = tuple(float(number) for number in region.GraphicData)
    if region.GraphicType == "POLYLINE":
        if len(numbers) < 8 or numbers[:2] != numbers[-2:]:
            raise ValueError("an outline is not closed")
        numbers = numbers[:-2]
    return key_of_code(_value(group[_FINDING])), _value(group[_SHAPE]).removeprefix("shape:"), numbers


def _single(points: Sequence[tuple[float, float]]) -> tuple[float, ...]:
    return tuple(float(np.float32(number)) for point in points for number in point)


def _family_name(name: object) -> str:
    return str(name).rstrip("^")
