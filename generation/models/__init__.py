"""The rows of generation: data sets in, generators trained, batches out."""

from generation.models.batch import (
    MAX_BATCH_SIZE,
    MAX_CANDIDATE_IMAGES,
    Batch,
    BatchState,
    SyntheticImage,
)
from generation.models.dataset import (
    Dataset,
    DatasetMember,
    DatasetRole,
    Group,
    Ingest,
    Rejection,
    RejectionDecision,
    SourceImage,
from generation.models.ingest import Ingest, Rejection, RejectionDecision, Upload
from generation.models.manifest import Manifest
    Split,
    Symmetries,
)
from generation.models.training import (
    Generator,
    GeneratorState,
    Training,
    TrainingMetric,
from generation.models.withdrawal import Withdrawal
    TrainingSample,
    TrainingState,
)

__all__ = [
    "MAX_BATCH_SIZE",
    "MAX_CANDIDATE_IMAGES",
    "Batch",
    "BatchState",
    "Dataset",
    "DatasetMember",
    "DatasetRole",
    "Generator",
    "Manifest",
    "GeneratorState",
    "Group",
    "Ingest",
    "Rejection",
    "RejectionDecision",
    "SourceImage",
    "Split",
    "Symmetries",
    "SyntheticImage",
    "Training",
    "Upload",
    "Withdrawal",
    "TrainingMetric",
    "TrainingSample",
    "TrainingState",
]
