"""Every format by its key: one line each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from annotation.export.coco import COCO
from annotation.export.cvat import CVAT
from annotation.export.dicom.layout import DICOM
from annotation.export.formats import Format
from annotation.export.imagefolder import IMAGEFOLDER
from annotation.export.labelstudio import LABELSTUDIO
from annotation.export.parquet import PARQUET
from annotation.export.tables import CSV, CSV_SPREADSHEET
from annotation.export.voc import VOC
from annotation.export.webdataset import WEBDATASET
from annotation.export.yolo import YOLO

_ALL = (
    COCO,
    IMAGEFOLDER,
    PARQUET,
    WEBDATASET,
    YOLO,
    VOC,
    CVAT,
    LABELSTUDIO,
    CSV,
    CSV_SPREADSHEET,
    DICOM,
)
FORMATS: Mapping[str, Format] = MappingProxyType({form.key: form for form in _ALL})
