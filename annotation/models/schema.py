"""What may be said about an image: an immutable, versioned label schema."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from synthlab.core.models import Identified


class SchemaMode(models.TextChoices):
    """Whether an image has exactly one disease type or may have several."""

    ONE = "one"
    MANY = "many"


class LabelSchema(Identified):
    name = models.CharField(max_length=120)
    version = models.PositiveIntegerField(default=1)
    mode = models.CharField(max_length=4, choices=SchemaMode, default=SchemaMode.ONE)
    sites = models.JSONField(default=list, help_text='anatomical sites: [{"key", "title"}]')
    discard_reasons = models.JSONField(default=list, help_text='[{"key", "title"}]')
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)

    class Meta:
        ordering = ("name", "-version")
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="schema_version_once")
        ]

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
