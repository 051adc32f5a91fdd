"""The withdrawal of real images: who, when, why; the images are its tombstones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Count, Q

from generation.models.dataset import Dataset
from synthlab.core.models import Identified, Job

if TYPE_CHECKING:
    from synthlab.accounts.models import User


class WithdrawalQuerySet(models.QuerySet["Withdrawal"]):
    def visible_to(self, user: User) -> WithdrawalQuerySet:
        return self.filter(dataset__in=Dataset.objects.visible_to(user))

    def with_counts(self) -> WithdrawalQuerySet:
        """`image_count`, and `erased_count` of those of which nothing is left."""
        erased = Count("images", filter=Q(images__erased_at__isnull=False))
        return self.annotate(image_count=Count("images"), erased_count=erased)


class Withdrawal(Identified):
    """One decision that images of a data set are no longer to be used; `job` erases their files and features."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="withdrawals")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    job = models.ForeignKey(Job, on_delete=models.PROTECT, null=True, related_name="+")

    objects = WithdrawalQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return f"withdrawal {self.id}"
