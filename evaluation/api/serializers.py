"""What goes out over REST, and what may come in."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework import serializers

from evaluation.models import (
    CopyReview,
    CopyVerdict,
    Decision,
    Evaluation,
    GateDecision,
    GatePolicy,
    ImageScore,
    ImageSet,
    MetricResult,
)
from evaluation.services.copies import MAX_REASON
from evaluation.services.gating import DEFAULT_EXTRACTOR
from generation.api.answers import StrictSerializer


class ImageSetSerializer(serializers.ModelSerializer[ImageSet]):
    class Meta:
        model = ImageSet
        fields = ("id", "kind", "digest", "dataset", "batch", "image_count", "created_at")
        read_only_fields = fields


class MetricSerializer(serializers.ModelSerializer[MetricResult]):
    class Meta:
        model = MetricResult
        fields = (
            "name", "extractor", "class_key", "value", "floor", "ratio", "ci_low", "ci_high", "p_value",
            "n_real", "n_synth", "n_groups", "status", "details",
        )  # fmt: skip
        read_only_fields = fields


class EvaluationSerializer(serializers.ModelSerializer[Evaluation]):
    metrics = MetricSerializer(many=True, read_only=True)

    class Meta:
        model = Evaluation
        fields = (
            "id", "image_set", "dataset", "split", "look_number", "job", "state", "extractor",
            "extractor_digest", "seed", "policy", "verdict", "reasons", "metrics", "created_at", "completed_at",
        )  # fmt: skip
        read_only_fields = fields


class EvaluationWriteSerializer(StrictSerializer):
    """One of `batch` and `image_set` says what to measure."""

    batch = serializers.UUIDField(required=False)
    image_set = serializers.UUIDField(required=False)
    policy = serializers.UUIDField(required=False)
    extractor = serializers.ChoiceField(choices=(DEFAULT_EXTRACTOR, "random-conv"), default=DEFAULT_EXTRACTOR)
    seed = serializers.IntegerField(min_value=0, max_value=2**63 - 1, default=0)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("batch" in attrs) == ("image_set" in attrs):
            raise serializers.ValidationError("Give either batch or image_set.")
        return attrs


class CompareSerializer(StrictSerializer):
    """`with`, which is a word of Python, too."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {"with": serializers.UUIDField()}


class ScoreSerializer(serializers.ModelSerializer[ImageScore]):
    class Meta:
        model = ImageScore
        fields = ("image", "distance", "ratio", "p_value", "flags")
        read_only_fields = fields


class CopyPairSerializer(serializers.ModelSerializer[ImageScore]):
    """A flagged image; the real one beside it is named only to who may see real images."""

    nearest = serializers.SerializerMethodField(
        help_text="the real image beside it; null without `view_real`"
    )
    review = serializers.CharField(
        source="copy_verdict", read_only=True, help_text="cleared, confirmed, or null while nobody has looked"
    )

    class Meta:
        model = ImageScore
        fields = ("image", "nearest", "distance", "ratio", "p_value", "flags", "review")
        read_only_fields = fields

    def get_nearest(self, score: ImageScore) -> UUID | None:
        return score.nearest_id if self.context["shows_real"] else None


class CopyReviewSerializer(serializers.ModelSerializer[CopyReview]):
    class Meta:
        model = CopyReview
        fields = ("id", "image", "nearest", "verdict", "reviewed_by", "reason", "created_at")
        read_only_fields = fields


class CopyReviewWriteSerializer(StrictSerializer):
    nearest = serializers.UUIDField()
    verdict = serializers.ChoiceField(choices=CopyVerdict.choices)
    reason = serializers.CharField(max_length=MAX_REASON, required=False, default="", allow_blank=True)


class PolicySerializer(serializers.ModelSerializer[GatePolicy]):
    is_provisional = serializers.BooleanField(
        read_only=True, help_text="the thresholds that came with the software, set by nobody here"
    )

    class Meta:
        model = GatePolicy
        fields = ("id", "name", "version", "thresholds", "is_provisional", "created_by", "created_at")
        read_only_fields = fields


class PolicyWriteSerializer(StrictSerializer):
    name = serializers.CharField(max_length=80)
    thresholds = serializers.DictField()


class DecisionSerializer(serializers.ModelSerializer[GateDecision]):
    class Meta:
        model = GateDecision
        fields = (
            "id",
            "batch",
            "evaluation",
            "decision",
            "decided_by",
            "reason",
            "created_at",
            "superseded_at",
        )
        read_only_fields = fields


class DecisionWriteSerializer(StrictSerializer):
    decision = serializers.ChoiceField(choices=Decision.choices)
    reason = serializers.CharField(max_length=2000)


class ApproveSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=2000, required=False, default="", allow_blank=True)
