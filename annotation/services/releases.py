"""From rows of the database to the plain rows that exports are written from."""

from __future__ import annotations

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from annotation.export.document import document_parts, normal_schema
from annotation.export.rows import (
    ClassRow,
    MemberRow,
    RegionRow,
    Release,
    SchemaRow,
    SignatureRow,
)
from annotation.export.spool import SpooledMembers
from annotation.geometry import parse_shape
from annotation.models import Annotation, LabelSchema, Read, ReadState, Review, Snapshot, Study
from annotation.services.sealing import public_key, seal_words
from evaluation.models import Evaluation, EvaluationState
from generation.models import Dataset, SyntheticImage

_CHUNK = 1000


def pseudonym(study: Study, user_id: object) -> str:
    """A name for a person inside one study, from which nobody without its key finds the person."""
    mac = hmac.new(study.key.encode(), f"person:{user_id}".encode(), hashlib.sha256)
    return f"p-{mac.hexdigest()[:12]}"


def digest_now(snapshot: Snapshot) -> str:
    """The digest that the rows of a snapshot give now; that of the snapshot, unless something was changed."""
    return digest_members(snapshot.study.schema, iterate_members(snapshot))


def digest_members(schema: LabelSchema, members: Iterable[MemberRow]) -> str:
    """The digest of a snapshot of these members; they are gone through once."""
    digest = hashlib.sha256()
    for part in document_parts(schema_row(schema), members):
        digest.update(part)
    return digest.hexdigest()


def release_of(snapshot: Snapshot, spool: Path) -> Release:
    """All that an export of a snapshot tells, and nothing that could change after it was signed.

    Args:
        snapshot: With its study, image set and evaluation at hand.
        spool: Where to put the members, which may be too many for memory.
    """
    facts = dict(snapshot.facts)
    source = facts.pop("source", None) or describe_source(snapshot.image_set.dataset)
    return Release(
        snapshot_id=str(snapshot.pk),
        name=snapshot.name,
        digest=snapshot.digest,
        created_at=snapshot.created_at.isoformat(timespec="microseconds"),
        study=snapshot.study.title,
        schema=schema_row(snapshot.study.schema),
        members=SpooledMembers(iterate_members(snapshot), spool),
        readers=_Readers(snapshot),
        signature=_signature_row(snapshot),
        countersignature=_countersignature_row(snapshot),
        evaluation=_describe_evaluations(snapshot),
        provenance=_provenance(snapshot, source),
        facts=facts,
        licence=source["licence"],
        source=source,
        seal=seal_words,
    )


class _Readers:
    """Who has read each member, in the order of the members; asked of the database whenever it is gone through."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._rows = snapshot.items.order_by("position").values_list("readers", flat=True)

    def __iter__(self) -> Iterator[Sequence[str]]:
        return self._rows.iterator(_CHUNK)


def readers_of(study: Study, items: Sequence[UUID]) -> dict[UUID, set[str]]:
    """For each item the pseudonyms of all who have read it to the end."""
    found: dict[UUID, set[str]] = defaultdict(set)
    reads = Read.objects.filter(item__in=items, state=ReadState.SUBMITTED)
    for item, reader in reads.values_list("item", "reader"):
        found[item].add(pseudonym(study, reader))
    return found


def describe_source(dataset: Dataset) -> dict[str, Any]:
    """What is known of the real data set, in its owner's words; frozen with a snapshot, as the words may change."""
    return {
        "name": dataset.name,
        "description": dataset.description,
        "modality": dataset.modality,
        "provenance": dataset.provenance,
        "licence": dataset.licence,
        "lawful_basis": dataset.lawful_basis,
        "classes": [row["key"] for row in dataset.classes],
        "manifest_digest": dataset.manifest_digest,
    }


def iterate_members(snapshot: Snapshot) -> Iterator[MemberRow]:
    """The members of a stored snapshot in their order, some rows of the database at a time."""
    rows = snapshot.items.select_related("image__batch", "annotation").order_by("position")
    rows = rows.prefetch_related("annotation__regions__label_class")
    after = -1
    while chunk := list(rows.filter(position__gt=after)[:_CHUNK]):
        pairs = [(row.image, row.annotation) for row in chunk]
        splits = [row.split for row in chunk]
        yield from describe_members(snapshot.study, pairs, splits=splits, before=snapshot)
        after = chunk[-1].position


def describe_members(
    study: Study,
    pairs: Sequence[tuple[SyntheticImage, Annotation]],
    *,
    splits: Sequence[str],
    before: Snapshot | None = None,
) -> list[MemberRow]:
    """One row for each image and the answer that counts for it, in the order given.

    Args:
        study: Whose pseudonyms to use.
        pairs: Images with their answers; regions and batches are best fetched already.
        splits: For each the split it goes to; empty words without splits.
        before: Leave out reviews that came after this snapshot.
    """
    reviewers = _reviewers(study, [annotation.pk for _, annotation in pairs], before)
    return [
        _member(study, image, annotation, reviewers.get(annotation.pk, ()), split)
        for (image, annotation), split in zip(pairs, splits, strict=True)
    ]


def schema_row(schema: LabelSchema) -> SchemaRow:
    """A label schema as exports tell it."""
    row = SchemaRow(
        name=schema.name,
        version=schema.version,
        mode=schema.mode,
        classes=tuple(
            ClassRow(
                key=row.key,
                title=row.title,
                kind=row.kind,
                colour=row.colour,
                code_system=row.code_system,
                code=row.code,
                code_display=row.code_display,
            )
            for row in schema.classes.order_by("order")
        ),
        sites=tuple((row["key"], row["title"]) for row in schema.sites),
    )
    return normal_schema(row)


def _member(
    study: Study, image: SyntheticImage, annotation: Annotation, reviewers: Iterable[str], split: str
) -> MemberRow:
    return MemberRow(
        digest=image.digest,
        width=image.width,
        height=image.height,
        classes=tuple(annotation.classes),
        regions=tuple(
            RegionRow(
                label=region.label_class.key,
                kind=region.kind,
                shape=parse_shape(region.kind, region.geometry, width=image.width, height=image.height),
            )
            for region in annotation.regions.all()
        ),
        site=annotation.site,
        confidence=annotation.confidence,
        reader=pseudonym(study, annotation.author_id),
        reviewers=tuple(sorted(reviewers)),
        recipe=image.recipe,
        split=split,
    )


def _reviewers(study: Study, keys: list[Any], before: Snapshot | None) -> dict[object, set[str]]:
    found: dict[object, set[str]] = {}
    for start in range(0, len(keys), 5000):
        rows = Review.objects.filter(annotation__in=keys[start : start + 5000])
        if before is not None:
            rows = rows.filter(created_at__lte=before.created_at)
        for annotation, reviewer in rows.values_list("annotation", "reviewer"):
            found.setdefault(annotation, set()).add(pseudonym(study, reviewer))
    return found


def _signature_row(snapshot: Snapshot) -> SignatureRow | None:
    if snapshot.signed_at is None:
        return None
    return SignatureRow(
        signer=pseudonym(snapshot.study, snapshot.signed_by_id),
        signed_at=snapshot.signed_at.isoformat(timespec="microseconds"),
        meaning=snapshot.meaning,
        signature=snapshot.signature,
        key=public_key(),
    )


def _countersignature_row(snapshot: Snapshot) -> SignatureRow | None:
    if snapshot.countersigned_at is None:
        return None
    return SignatureRow(
        signer=pseudonym(snapshot.study, snapshot.countersigned_by_id),
        signed_at=snapshot.countersigned_at.isoformat(timespec="microseconds"),
        meaning=snapshot.countersigned_meaning,
        signature=snapshot.countersignature,
        key=public_key(),
    )


def _provenance(snapshot: Snapshot, source: Mapping[str, Any]) -> dict[str, Any]:
    images = SyntheticImage.objects.filter(snapshot_items__snapshot=snapshot)
    generators = images.order_by().values_list("batch__generator__digest", flat=True).distinct()
    return {
        "dataset": str(snapshot.image_set.dataset_id),
        "dataset_manifest_digest": source["manifest_digest"],
        "modality": source["modality"],
        "generators": sorted(generators),
        "image_set_digest": snapshot.image_set.digest,
    }


def _describe_evaluations(snapshot: Snapshot) -> dict[str, Any] | None:
    """The approved set's own numbers, and the last ones of each batch it was chosen from before it was signed."""
    if snapshot.evaluation is None or snapshot.signed_at is None:
        return None
    batches = snapshot.items.order_by().values("image__batch").distinct()
    earlier = Evaluation.objects.filter(
        image_set__batch__in=batches, state=EvaluationState.SUCCEEDED, completed_at__lte=snapshot.signed_at
    ).select_related("image_set")
    last = {row.image_set.batch_id: row for row in earlier.order_by("completed_at", "pk")}
    return {
        "approved_set": _describe_evaluation(snapshot.evaluation),
        "batches": [
            {"batch": str(batch), **_describe_evaluation(row)}
            for batch, row in sorted(last.items(), key=lambda pair: str(pair[0]))
        ],
    }


def _describe_evaluation(evaluation: Evaluation) -> dict[str, Any]:
    """The numbers of an evaluation; nothing of a single real image."""
    columns = (
        "name", "class_key", "value", "floor", "ratio", "ci_low", "ci_high", "p_value", "n_real", "n_synth",
        "n_groups", "status",
    )  # fmt: skip
    # Not in the order of the database, which is that of its language.
    metrics = sorted(evaluation.metrics.all(), key=lambda row: (row.name, row.extractor, row.class_key))
    return {
        "evaluation": str(evaluation.pk),
        "image_set_digest": evaluation.image_set.digest,
        "extractor": evaluation.extractor,
        "extractor_digest": evaluation.extractor_digest,
        "split": evaluation.split,
        "look_number": evaluation.look_number,
        "verdict": evaluation.verdict,
        "reasons": evaluation.reasons,
        "metrics": [{name: getattr(row, name) for name in columns} for row in metrics],
    }
