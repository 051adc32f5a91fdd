"""The objects of an image, copied from the templates of its release with the image's own values put in."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from annotation.export.dicom.identity import Identity
from annotation.export.dicom.image import Pixels, describe_origin, pixel_data
from annotation.export.dicom.rasters import covered_regions
from annotation.export.dicom.report import outline, tracking_name
from annotation.export.dicom.segmentation import overlap, pack_masks
from annotation.export.dicom.stamping import IMAGE, REPORT, SEGMENTATION
from annotation.export.dicom.templates import Templates, long_value, short_value, text_value, uid_value
from annotation.export.rows import MemberRow


class Copies:
    """Writes the objects of a release as files, each as the library would.

    Args:
        identity: Of the release.
    """

    def __init__(self, identity: Identity) -> None:
        self._uids, self._templates = identity.uids, Templates(identity)

    def image(self, member: MemberRow, number: int, pixels: Pixels) -> bytes:
        """The image object.

        Raises:
            UnfitImageError: The image class holds no such samples.
        """
        template = self._templates.image(_generator(member), pixels.shape, pixels.dtype.str)
        own = {"origin": text_value(describe_origin(member)), "pixels": pixel_data(pixels)}
        return template.fill(self._templates.common(IMAGE, member.digest, number) | own)

    def report(self, member: MemberRow, number: int) -> bytes:
        """The report."""
        common = self._templates.common(REPORT, member.digest, number)
        groups = [
            *(self._finding(member, key, common) for key in member.classes),
            *(self._region(member, place, common) for place in range(len(member.regions))),
        ]
        template = self._templates.report(_generator(member), member.reader, member.reviewers)
        return template.fill(common | {"groups": b"".join(groups)})

    def segmentation(self, member: MemberRow, number: int) -> bytes | None:
        """The segmentation; None where no region covers a pixel."""
        shapes = [region.shape for region in member.regions]
        covered = covered_regions(shapes, member.width, member.height)
        if not covered:
            return None
        masks, is_one = np.stack([mask for _, mask in covered]), len(covered) == 1
        common = self._templates.common(SEGMENTATION, member.digest, number)
        frame = self._templates.frame(is_one)
        segments, frames = [], []
        for segment, (place, _) in enumerate(covered, start=1):
            values = {"segment": short_value(segment), "index": long_value(segment)}
            segments.append(self._segment(member, place, values))
            frames.append(frame.fill(common | values))
        own = {
            "dimensions": uid_value(self._uids.dimensions(member.digest)),
            "frame count": text_value(str(len(covered))),
            "overlap": text_value(overlap(masks)),
            "segments": b"".join(segments),
            "frames": b"".join(frames),
            "pixels": pack_masks(masks),
        }
        template = self._templates.segmentation(
            _generator(member), member.reader, member.height, member.width, is_one
        )
        return template.fill(common | own)

    def _finding(self, member: MemberRow, key: str, common: Mapping[str, bytes]) -> bytes:
        own = {"tracking": uid_value(self._uids.finding(member.digest, key))}
        return self._templates.finding(key, member.site, member.confidence).fill({**common, **own})

    def _region(self, member: MemberRow, place: int, common: Mapping[str, bytes]) -> bytes:
        region = member.regions[place]
        own = {**self._tracking(member, place), "outline": outline(region.shape).astype("<f4").tobytes()}
        return self._templates.region(region.label, region.kind, member.site).fill({**common, **own})

    def _segment(self, member: MemberRow, place: int, values: Mapping[str, bytes]) -> bytes:
        own = {**values, **self._tracking(member, place)}
        return self._templates.segment(member.regions[place].label).fill(own)

    def _tracking(self, member: MemberRow, place: int) -> dict[str, bytes]:
        """What ties a region of the report to its segment."""
        return {
            "tracking": uid_value(self._uids.region(member.digest, place)),
            "name": text_value(tracking_name(place)),
        }


def _generator(member: MemberRow) -> str:
    return str(member.recipe.get("generator", ""))
