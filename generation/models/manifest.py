"""Which real images a manifest digest means: what a training on it saw, whatever is withdrawn later."""

from __future__ import annotations

from django.db import models

from generation.models.dataset import Dataset, SourceImage
from synthlab.core.models import Identified


class Manifest(Identified):
    """The training images of a data set at one moment, named by the data set's manifest digest.

    Trainings and generator files know their data by this digest alone. The rows are written when something is first
    built on a digest, so they stay exact when images are withdrawn and the data set's own digest moves on.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="manifests")
    digest = models.CharField(max_length=64)
    images = models.ManyToManyField(SourceImage, related_name="manifests")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["dataset", "digest"], name="manifest_digest_once")]

    def __str__(self) -> str:
        return f"manifest {self.digest[:12]}"
