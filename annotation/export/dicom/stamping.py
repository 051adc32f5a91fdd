"""What every object carries, whatever it is: patient, study, series, equipment, and that it is synthetic."""

from __future__ import annotations

import io
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import UID, ExplicitVRLittleEndian

from annotation.export.dicom.identity import (
    IMPLEMENTATION_NAME,
    IMPLEMENTATION_UID,
    MANUFACTURER,
    SOFTWARE,
    Identity,
    plain_text,
)
from annotation.export.rows import MemberRow

UTF_8 = "ISO_IR 192"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object: its name here, its series in the study."""

    name: str
    series_number: int
    series: str


IMAGE = Kind("image", 1, "Synthetic images")
REPORT = Kind("report", 2, "Readings of synthetic images")
SEGMENTATION = Kind("segmentation", 3, "Regions in synthetic images")


def stamp(target: Dataset, identity: Identity, kind: Kind, member: MemberRow, number: int) -> None:
    """Set what all objects share, over what a library may have set from its own name or the clock.

    Args:
        target: The object.
        identity: Of the release.
        kind: Which kind of object it is.
        member: The image it is or belongs to.
        number: The image's place in the release, from 1.
    """
    release = identity.release
    target.SpecificCharacterSet = UTF_8
    target.SyntheticData = "YES"
    target.SOPInstanceUID = identity.uids.instance(kind.name, member.digest)
    target.InstanceNumber = number
    target.InstanceCreationDate, target.InstanceCreationTime = identity.date, identity.time
    target.ContentDate, target.ContentTime = identity.date, identity.time
    target.TimezoneOffsetFromUTC = "+0000"
    target.StudyInstanceUID = identity.uids.study
    target.StudyID = release.digest[:16]
    target.StudyDate, target.StudyTime = identity.date, identity.time
    target.StudyDescription = plain_text(f"{release.name}: {release.study}", 64)
    target.AccessionNumber = ""
    target.ReferringPhysicianName = ""
    target.SeriesInstanceUID = identity.uids.series(kind.name)
    target.SeriesNumber = kind.series_number
    target.SeriesDescription = kind.series
    target.SeriesDate, target.SeriesTime = identity.date, identity.time
    target.PatientName = identity.patient_name
    target.PatientID = identity.patient_id
    target.IssuerOfPatientID = MANUFACTURER
    target.PatientBirthDate = ""
    target.PatientSex = ""
    target.PatientComments = "Synthetic data: no patient was examined."
    target.Manufacturer = MANUFACTURER
    target.ManufacturerModelName = SOFTWARE
    target.SoftwareVersions = SOFTWARE
    target.DeviceSerialNumber = release.snapshot_id
    target.ContributingEquipmentSequence = [_generator(member)]


def _generator(member: MemberRow) -> Dataset:
    """The generator as the equipment that synthesised the image; its digest has the length of a serial number."""
    digest = str(member.recipe.get("generator", ""))
    purpose = Dataset()
    purpose.CodeValue, purpose.CodingSchemeDesignator, purpose.CodeMeaning = codes.DCM.SynthesizingEquipment[
        :3
    ]
    item = Dataset()
    item.Manufacturer = MANUFACTURER
    item.ManufacturerModelName = "SynthLab generator"
    item.DeviceSerialNumber = plain_text(digest, 64)
    item.ContributionDescription = (
        f"Image generator; SHA-256 of its weights: {plain_text(digest, 64) or 'unknown'}"
    )
    item.PurposeOfReferenceCodeSequence = [purpose]
    return item


def write_object(target: Dataset) -> bytes:
    """The bytes of a DICOM file: explicit little endian, not compressed, and named by this program, not a library."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = target.SOPClassUID
    meta.MediaStorageSOPInstanceUID = target.SOPInstanceUID
    meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_NAME
    target.file_meta = meta
    file = io.BytesIO()
    target.save_as(file, enforce_file_format=True)
    return file.getvalue()
