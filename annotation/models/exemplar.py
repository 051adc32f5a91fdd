"""Pictures beside the guideline: what a class looks like, as the study's manager chose it."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from annotation.models.schema import LabelClass
from annotation.models.study import Study
from generation.models import SyntheticImage
from synthlab.core.models import Identified


class ExemplarQuerySet(models.QuerySet["StudyExemplar"]):
    def shown(self) -> ExemplarQuerySet:
        """In the order of the classes; an image that was put aside since is not held up as an example any more."""
        rows = self.filter(image__discard__isnull=True).select_related("image", "label_class")
        return rows.order_by("label_class__order", "created_at", "id")


class StudyExemplar(Identified):
    """A synthetic image with its class and a line of text. Real images cannot be exemplars: there is no column for them."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="exemplars")
    image = models.ForeignKey(SyntheticImage, on_delete=models.PROTECT, related_name="+")
    label_class = models.ForeignKey(LabelClass, on_delete=models.PROTECT, related_name="+")
    caption = models.CharField(max_length=200)
    chosen_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    objects = ExemplarQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study", "image"], name="exemplar_once")]

    def __str__(self) -> str:
        return self.caption
