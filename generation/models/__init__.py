"""The rows of generation: data sets in, generators trained, batches out."""

from generation.models.batch import (
    MAX_BATCH_SIZE,
    MAX_CANDIDATE_IMAGES,
    Batch,
    BatchState,
    SyntheticImage,
)
from generation.models.cost import CostMeasurement, CostSource
from generation.models.curation import DiscardReason, ImageAction, ImageDecision
from generation.models.dataset import (
    Dataset,
    DatasetMember,
    DatasetRole,
    Group,
    SourceImage,
    Split,
    Symmetries,
)
from generation.models.ingest import Ingest, Rejection, RejectionDecision, Upload
from generation.models.manifest import Manifest
from generation.models.training import (
    Generator,
    GeneratorState,
    Training,
    TrainingMetric,
    TrainingSample,
    TrainingState,
)
from generation.models.withdrawal import Withdrawal

__all__ = [
    "MAX_BATCH_SIZE",
    "MAX_CANDIDATE_IMAGES",
    "Batch",
    "BatchState",
    "CostMeasurement",
    "CostSource",
    "Dataset",
    "DatasetMember",
    "DatasetRole",
    "DiscardReason",
    "Generator",
    "GeneratorState",
    "Group",
    "ImageAction",
    "ImageDecision",
    "Ingest",
    "Manifest",
    "Rejection",
    "RejectionDecision",
    "SourceImage",
    "Split",
    "Symmetries",
    "SyntheticImage",
    "Training",
    "TrainingMetric",
    "TrainingSample",
    "TrainingState",
    "Upload",
    "Withdrawal",
]
