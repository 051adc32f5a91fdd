"""What may be said about an image: an immutable, versioned label schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q

from synthlab.core.models import Identified

if TYPE_CHECKING:
    from synthlab.accounts.models import User


class SchemaMode(models.TextChoices):
    """Whether an image has exactly one disease type or may have several."""

    ONE = "one"
    MANY = "many"


class LabelSchemaQuerySet(models.QuerySet["LabelSchema"]):
    def visible_to(self, user: User) -> LabelSchemaQuerySet:
        """Schemas are the house's; a clinician sees those of the studies they take part in."""
        if user.is_admin or user.is_scientist:
            return self
        return self.filter(studies__memberships__user=user).distinct()


class LabelSchema(Identified):
    """An immutable version of what may be said; `mode` tells whether one class or several."""

    name = models.CharField(max_length=120)
    version = models.PositiveIntegerField(default=1)
    mode = models.CharField(max_length=4, choices=SchemaMode, default=SchemaMode.ONE)
    sites = models.JSONField(default=list, help_text='anatomical sites: [{"key", "title"}]')
    discard_reasons = models.JSONField(default=list, help_text='[{"key", "title"}]')
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)

    objects = LabelSchemaQuerySet.as_manager()

    class Meta:
        ordering = ("name", "-version")
        constraints = [models.UniqueConstraint(fields=["name", "version"], name="schema_version_once")]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class ClassKind(models.TextChoices):
    FINDING = "finding"
    NORMAL = "normal"
    CANNOT_ASSESS = "cannot_assess"


class RegionRule(models.TextChoices):
    """Whether a region of a kind must, may or cannot be drawn for a class."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    NONE = "none"


class LabelClass(Identified):
    """One thing that may be said about an image, and which marks it asks for."""

    schema = models.ForeignKey(LabelSchema, on_delete=models.PROTECT, related_name="classes")
    key = models.SlugField(max_length=60)
    title = models.CharField(max_length=120)
    order = models.PositiveSmallIntegerField()
    colour = models.CharField(max_length=7, default="#4f9dde")
    kind = models.CharField(max_length=14, choices=ClassKind, default=ClassKind.FINDING)
    box = models.CharField(max_length=8, choices=RegionRule, default=RegionRule.NONE)
    polygon = models.CharField(max_length=8, choices=RegionRule, default=RegionRule.NONE)
    point = models.CharField(max_length=8, choices=RegionRule, default=RegionRule.NONE)
    mask = models.CharField(max_length=8, choices=RegionRule, default=RegionRule.NONE)
    code_system = models.CharField(max_length=120, blank=True)
    code = models.CharField(max_length=60, blank=True)
    code_display = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("order",)
        constraints = [
            models.UniqueConstraint(fields=["schema", "key"], name="label_class_key_once"),
            models.UniqueConstraint(fields=["schema", "order"], name="label_class_order_once"),
            models.CheckConstraint(
                name="label_class_code_whole",
                condition=Q(code="", code_system="") | (~Q(code="") & ~Q(code_system="")),
            ),
        ]

    def __str__(self) -> str:
        return self.title
