"""The rows of annotation: schemas, studies, reads, reviews, snapshots, exports."""

from annotation.models.read import (
    LIVE_READ_STATES,
    Annotation,
    AnswerDecision,
    Read,
    ReadKind,
    ReadSkip,
    ReadState,
    Region,
    RegionKind,
    Review,
    ReviewVerdict,
    SkipKind,
)
from annotation.models.schema import ClassKind, LabelClass, LabelSchema, RegionRule, SchemaMode
from annotation.models.snapshot import Export, ExportState, Snapshot, SnapshotItem
from annotation.models.study import (
    ApprovalPolicy,
    Item,
    ItemState,
    Membership,
    Study,
    StudyRole,
    StudyState,
)

__all__ = [
    "LIVE_READ_STATES",
    "Annotation",
    "AnswerDecision",
    "ApprovalPolicy",
    "ClassKind",
    "Export",
    "ExportState",
    "Item",
    "ItemState",
    "LabelClass",
    "LabelSchema",
    "Membership",
    "Read",
    "ReadKind",
    "ReadSkip",
    "ReadState",
    "Region",
    "RegionKind",
    "RegionRule",
    "Review",
    "ReviewVerdict",
    "SchemaMode",
    "SkipKind",
    "Snapshot",
    "SnapshotItem",
    "Study",
    "StudyRole",
    "StudyState",
]
