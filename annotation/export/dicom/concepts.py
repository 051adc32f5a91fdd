"""The site's own words as coded concepts of the private scheme 99SYNTHLAB, with mapped codes where the schema has them.

A class keeps its key as its code value, percent-encoded where it is more than a slug; everything else has a prefix with a
colon, which no encoded key can hold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from highdicom.sr import CodedConcept
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from annotation.export.dicom.identity import MANUFACTURER, Identity, code_of_key, plain_text
from annotation.export.rows import ClassRow

SCHEME = "99SYNTHLAB"
MEANING_LENGTH = 64
# What people write for a terminology → its designator in DICOM (PS3.16, table 8-1). Its name alone, never its content.
_DESIGNATORS = {
    "sct": "SCT",
    "snomed": "SCT",
    "snomed ct": "SCT",
    "snomed-ct": "SCT",
    "http://snomed.info/sct": "SCT",
    "dcm": "DCM",
    "dicom": "DCM",
    "http://dicom.nema.org/resources/ontology/dcm": "DCM",
    "loinc": "LN",
    "ln": "LN",
    "http://loinc.org": "LN",
    "icd-10": "I10",
    "i10": "I10",
    "http://hl7.org/fhir/sid/icd-10": "I10",
    "icd-10-cm": "I10C",
    "icd-11": "I11",
    "icd-o-3": "ICDO3",
    "icdo3": "ICDO3",
    "ncit": "NCIt",
    "nci": "NCIt",
    "radlex": "RADLEX",
    "umls": "UMLS",
    "fma": "FMA",
    "mesh": "MSH",
}


def designator(system: str) -> str:
    """How DICOM names a terminology; one that it does not know gets a private name that its digest tells apart."""
    known = _DESIGNATORS.get(system.strip().rstrip("/").casefold())
    return known or f"99{hashlib.sha256(system.encode()).hexdigest()[:14].upper()}"


class Concepts:
    """The concepts of one release."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        schema = identity.release.schema
        self._version = identity.schema_digest[:16]
        self._classes = {row.key: self._class(row) for row in schema.classes}
        self._kinds = {row.key: row.kind for row in schema.classes}
        self._sites = {key: self.own(f"site:{code_of_key(key)}", title) for key, title in schema.sites}

    def own(self, value: str, meaning: str) -> CodedConcept:
        """A concept of the private scheme, in the version that the schema's digest names."""
        return CodedConcept(value, SCHEME, plain_text(meaning, MEANING_LENGTH) or value, self._version)

    def of_class(self, key: str) -> CodedConcept:
        """A class of the schema, with its mapped code as an equivalent."""
        return self._classes[key]

    def of_site(self, key: str) -> CodedConcept:
        """An anatomical site of the schema."""
        return self._sites[key]

    def category_of(self, key: str) -> Code:
        """Which sort of thing a region of a class is: what is ill, or what is merely there."""
        if self._kinds[key] == "finding":
            ill: Code = codes.SCT.MorphologicallyAbnormalStructure
            return ill
        there: Code = codes.SCT.AnatomicalStructure
        return there

    def _class(self, row: ClassRow) -> CodedConcept:
        concept = self.own(code_of_key(row.key), row.title)
        if row.code:
            meaning = plain_text(row.code_display, MEANING_LENGTH) or row.code
            concept.EquivalentCodeSequence = [
                CodedConcept(row.code, designator(row.code_system), meaning[:MEANING_LENGTH])
            ]
        return concept

    def schemes(self) -> list[Dataset]:
        """Items of the Coding Scheme Identification Sequence: every private scheme that is used, with its full name."""
        schema = self._identity.release.schema
        own = Dataset()
        own.CodingSchemeDesignator = SCHEME
        own.CodingSchemeName = plain_text(schema.name, 1024) or SCHEME
        own.CodingSchemeVersion = self._version
        own.CodingSchemeResponsibleOrganization = MANUFACTURER
        return [own, *self._foreign()]

    def _foreign(self) -> Iterator[Dataset]:
        systems = {row.code_system for row in self._identity.release.schema.classes if row.code}
        named = {designator(system): system for system in sorted(systems)}
        for name, system in sorted(named.items()):
            if name.startswith("99"):
                item = Dataset()
                item.CodingSchemeDesignator = name
                item.CodingSchemeName = plain_text(system, 1024)
                yield item
