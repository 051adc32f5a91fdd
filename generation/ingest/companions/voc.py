"""Pascal VOC: one XML a picture. Read without entities, document types or anything from outside of the file."""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from generation.ingest.boxes import (
    Box,
    PictureBoxes,
    Unusable,
    boxes_of,
    check_box,
    number,
)
from generation.ingest.rejection import RejectedError


def read_voc(content: bytes) -> PictureBoxes:
    """The boxes of one annotation file.

    A box goes from ``xmin`` to ``xmax``; its width is the difference, as the common drawing tools mean it.

    Raises:
        RejectedError: ``annotation_dtd``, ``annotation_damaged``, or ``annotation_layout`` for another XML.
    """
    try:
        # A document type is where entities come from, that grow without end or fetch files.
        root: Element = fromstring(content, forbid_dtd=True)
    except DefusedXmlException as error:
        raise RejectedError("annotation_dtd") from error
    except (ParseError, ValueError, LookupError) as error:
        raise RejectedError("annotation_damaged") from error
    if root.tag != "annotation":
        raise RejectedError("annotation_layout")
    found = [_box(place, entry) for place, entry in enumerate(root.iterfind("object"), start=1)]
    size = (root.findtext("size/width"), root.findtext("size/height"))
    return boxes_of((root.findtext("filename") or "").strip(), size, found)


def _box(place: int, entry: Element) -> Box | Unusable:
    left, top, right, bottom = (
        number(entry.findtext(f"bndbox/{edge}")) for edge in ("xmin", "ymin", "xmax", "ymax")
    )
    if left is None or top is None or right is None or bottom is None:
        return Unusable(place, "box_layout")
    return check_box(place, entry.findtext("name"), (left, top, right - left, bottom - top))
