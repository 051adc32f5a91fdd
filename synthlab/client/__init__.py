"""The Python client for data scientists. Needs httpx and nothing else of ours: no Django, no torch."""

from synthlab.client.batches import Batch
from synthlab.client.client import Client
from synthlab.client.exports import Export
from synthlab.client.folders import BatchFolder
from synthlab.client.local import LocalFiles
from synthlab.client.problems import (
    BadAnswer,
    Conflict,
    InvalidInput,
    JobFailed,
    NotAllowed,
    NotFinished,
    NotFound,
    NotSignedIn,
    OutOfDate,
    Problem,
    ServerFailed,
    TooMany,
    Unavailable,
    UnsafeAddress,
    WrongDigest,
)
from synthlab.client.records import (
    BatchRecord,
    Dataset,
    Evaluation,
    ExportRecord,
    Generator,
    Job,
    Metric,
    Snapshot,
    SyntheticImage,
    Training,
)
from synthlab.client.torch_data import SyntheticImages

__all__ = [
    "BadAnswer",
    "Batch",
    "BatchFolder",
    "BatchRecord",
    "Client",
    "Conflict",
    "Dataset",
    "Evaluation",
    "Export",
    "ExportRecord",
    "Generator",
    "InvalidInput",
    "Job",
    "JobFailed",
    "LocalFiles",
    "Metric",
    "NotAllowed",
    "NotFinished",
    "NotFound",
    "NotSignedIn",
    "OutOfDate",
    "Problem",
    "ServerFailed",
    "Snapshot",
    "SyntheticImage",
    "SyntheticImages",
    "TooMany",
    "Training",
    "Unavailable",
    "UnsafeAddress",
    "WrongDigest",
]
