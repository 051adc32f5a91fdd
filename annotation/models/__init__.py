"""The rows of annotation: schemas, studies, reads, reviews, snapshots, exports."""

from annotation.models.exemplar import StudyExemplar
from annotation.models.hold import HoldDecision, SnapshotHold
from annotation.models.read import (
    LIVE_READ_STATES,
    Annotation,
    AnswerDecision,
    Read,
    ReadHolder,
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
from annotation.models.snapshot import Export, ExportState, Snapshot, SnapshotItem, SnapshotSplit
from annotation.models.study import (
    DECIDED_ITEM_STATES,
    ApprovalPolicy,
    Item,
    ItemState,
    Membership,
    Study,
    StudyRole,
    StudyState,
)

__all__ = [
    "DECIDED_ITEM_STATES",
    "LIVE_READ_STATES",
    "Annotation",
    "AnswerDecision",
    "ApprovalPolicy",
    "ClassKind",
    "Export",
    "ExportState",
    "HoldDecision",
    "Item",
    "ItemState",
    "LabelClass",
    "LabelSchema",
    "Membership",
    "Read",
    "ReadHolder",
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
    "SnapshotHold",
    "SnapshotItem",
    "SnapshotSplit",
    "Study",
    "StudyExemplar",
    "StudyRole",
    "StudyState",
]
