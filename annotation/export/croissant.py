"""The data set in Croissant 1.0 JSON-LD with the fields of its extension for responsible AI (RAI 1.0).

Written here, because the bytes must depend on the release alone; `mlcroissant` is the reader that proves them.
Specifications: https://docs.mlcommons.org/croissant/docs/croissant-spec.html and .../croissant-rai-spec.html
"""

from __future__ import annotations

from typing import Any

from annotation.export import document
from annotation.export.canonical import canonical_json
from annotation.export.formats import Format
from annotation.export.rows import Release

NAME = "croissant.json"
NOT_STATED = "not stated"
# The context that the specification gives for version 1.0.
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataBiases": "cr:dataBiases",
    "dataCollection": "cr:dataCollection",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "personalSensitiveInformation": "cr:personalSensitiveInformation",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_FIELDS = (
    ("image", "sc:Text", "SHA-256 of the image file, which also names it."),
    ("width", "sc:Integer", "Pixels across."),
    ("height", "sc:Integer", "Pixels down."),
    ("classes", "sc:Text", "Keys of the classes of the whole image."),
    ("site", "sc:Text", "Key of the anatomical site."),
    ("reader", "sc:Text", "Pseudonym of the person whose answer counts."),
)
_REPEATED = {"classes"}


def describe_release(release: Release, form: Format) -> bytes:
    """The description of an archive as it lies unpacked: paths are relative to `croissant.json`."""
    own = form.croissant(release)
    return canonical_json(
        {
            "@context": _CONTEXT,
            "@type": "sc:Dataset",
            "conformsTo": ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"],
            "name": release.name,
            "description": f"{len(release.members)} synthetic images with labels approved by people; not for diagnosis.",
            "url": f"urn:uuid:{release.snapshot_id}",
            "version": "1.0.0",
            "datePublished": (release.signature.signed_at if release.signature else release.created_at)[:10],
            "license": release.licence or NOT_STATED,
            "creator": {"@type": "sc:Organization", "name": NOT_STATED},
            "keywords": ["synthetic data", "medical images"],
            "citeAs": f"{release.name}. SynthLab snapshot {release.digest}.",
            "isLiveDataset": False,
            **_responsibility(release),
            "distribution": [_labels_file(release), *own.distribution],
            "recordSet": [_labels_records(), *own.record_sets],
        },
        indent=1,
    )


def _responsibility(release: Release) -> dict[str, Any]:
    """What the extension for responsible AI asks, as far as the database answers it."""
    source = release.source
    generators = ", ".join(release.provenance.get("generators", ())) or NOT_STATED
    described = source.get("description") or NOT_STATED
    return {
        "rai:dataCollection": "Drawn by a generative model; no image was taken of a patient.",
        "rai:dataCollectionType": ["Software Collection", "Manual Human Curator"],
        "rai:dataCollectionRawData": f"The real data set that the generator learnt from: {described}",
        "rai:dataImputationProtocol": "none",
        "rai:dataPreprocessingProtocol": [f"Generator weights, by SHA-256: {generators}."],
        "rai:dataAnnotationProtocol": (
            f"Label schema {release.schema.name}, version {release.schema.version}; "
            f"{release.facts.get('reads_per_item', NOT_STATED)} read(s) an image; "
            f"approval policy: {release.facts.get('approval_policy', NOT_STATED)}."
        ),
        "rai:dataAnnotationPlatform": ["SynthLab"],
        "rai:dataAnnotationAnalysis": ["Counts by state of every item stand in manifest.json."],
        "rai:annotatorDemographics": ["Qualification of the readers: not stated."],
        "rai:machineAnnotationTools": ["none: every label is a person's"],
        "rai:dataReleaseMaintenancePlan": "A snapshot never changes; a later state is another snapshot.",
        "rai:personalSensitiveInformation": ["none: no real image, name or address is in the archive"],
        "rai:dataSocialImpact": NOT_STATED,
        "rai:dataBiases": ["Gaps and biases of the small real data set pass into the synthetic one."],
        "rai:dataLimitations": ["No sample of any population.", "Research use; not for diagnosis."],
        "rai:dataUseCases": ["training and testing of models, in research"],
    }


def _labels_file(release: Release) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": "labels-file",
        "name": "labels-file",
        "description": "All that was said about every image: the document that was signed.",
        "contentUrl": document.NAME,
        "encodingFormat": "application/json",
        "sha256": release.digest,
    }


def _labels_records() -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "labels",
        "name": "labels",
        "description": "One record for each image. Its regions stand in the same file, under `regions`.",
        "key": {"@id": "labels/image"},
        "field": [_labels_field(*row) for row in _FIELDS],
    }


def _labels_field(name: str, kind: str, description: str) -> dict[str, Any]:
    extra = {"repeated": True} if name in _REPEATED else {}
    return {
        "@type": "cr:Field",
        "@id": f"labels/{name}",
        "name": name,
        "description": description,
        "dataType": kind,
        "source": {"fileObject": {"@id": "labels-file"}, "extract": {"jsonPath": f"$.members[*].{name}"}},
        **extra,
    }
