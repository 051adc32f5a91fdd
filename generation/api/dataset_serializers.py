"""The body of one data set, of its withdrawals, and of a generator that may have learnt from what was withdrawn."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from generation.api.answers import StrictSerializer
from generation.api.serializers import DatasetSerializer, GeneratorSerializer
from generation.models import Dataset, Generator, Withdrawal
from generation.services.access import is_owner
from generation.services.composition import composition_of
from generation.services.consequences import withdrawn_since
from generation.services.looks import looks_at_validation
from synthlab.core.people import person_of

MOST_TEXT = 2000


class AdviceSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    detail = serializers.CharField()


class DatasetDetailSerializer(DatasetSerializer):
    """One data set with what it is too small for, and how often its validation images were looked at."""

    advice = serializers.SerializerMethodField()
    validation_looks = serializers.SerializerMethodField()

    class Meta:
        model = Dataset
        fields = (*DatasetSerializer.Meta.fields, "advice", "validation_looks")
        read_only_fields = fields

    @extend_schema_field(AdviceSerializer(many=True))
    def get_advice(self, dataset: Dataset) -> list[dict[str, str]]:
        """What is too little, the gravest first."""
        return [advice.to_mapping() for advice in composition_of(dataset).advice()]

    def get_validation_looks(self, dataset: Dataset) -> int:
        """Evaluations asked for so far; each makes the next choice by these images a little less independent."""
        return looks_at_validation(dataset)


class GeneratorDetailSerializer(GeneratorSerializer):
    """One generator with how many of its training images were withdrawn since."""

    images_withdrawn_since = serializers.SerializerMethodField()

    class Meta:
        model = Generator
        fields = (*GeneratorSerializer.Meta.fields, "images_withdrawn_since")
        read_only_fields = fields

    @extend_schema_field({"type": "integer", "nullable": True})
    def get_images_withdrawn_since(self, generator: Generator) -> int | None:
        """A number; null where the file came from elsewhere and nobody can say."""
        return withdrawn_since(generator)


class WithdrawalChoiceSerializer(StrictSerializer):
    """Which images: by their ids, or whole groups (a patient, a slide)."""

    images = serializers.ListField(child=serializers.UUIDField(), default=list)
    groups = serializers.ListField(child=serializers.UUIDField(), default=list)


class WithdrawalWriteSerializer(WithdrawalChoiceSerializer):
    # That it may not be empty is the service's to say, with a code of its own.
    reason = serializers.CharField(max_length=MOST_TEXT, allow_blank=True)


class WithdrawalSerializer(serializers.ModelSerializer[Withdrawal]):
    image_count = serializers.IntegerField(read_only=True)
    erased_count = serializers.IntegerField(
        read_only=True, help_text="of which all files and features are gone"
    )
    reason = serializers.SerializerMethodField()

    class Meta:
        model = Withdrawal
        fields = ("id", "dataset", "job", "reason", "image_count", "erased_count", "created_at")
        read_only_fields = fields

    @extend_schema_field(OpenApiTypes.STR)
    def get_reason(self, withdrawal: Withdrawal) -> str:
        """For the owner only: the words may say something about a person."""
        owner = is_owner(person_of(self.context["request"]), withdrawal.dataset)
        return withdrawal.reason if owner else ""
