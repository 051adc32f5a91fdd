"""Every format by its key: one line each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from annotation.export.coco import COCO
from annotation.export.formats import Format

FORMATS: Mapping[str, Format] = MappingProxyType({form.key: form for form in (COCO,)})
