"""What goes out over REST, and what may come in."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from generation.models import (
    Batch,
    Dataset,
    DatasetMember,
    DatasetRole,
    Generator,
    Ingest,
    SourceImage,
    SyntheticImage,
    Training,
)
from synthlab.accounts.models import User

DESCRIPTIVE = ("name", "description", "modality", "licence", "provenance", "lawful_basis", "symmetries")


class DatasetSerializer(serializers.ModelSerializer[Dataset]):
    class Meta:
        model = Dataset
        fields = (
            "id", *DESCRIPTIVE, "owner", "classes", "image_size", "channels", "data_sheet",
            "manifest_digest", "rev", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class DatasetWriteSerializer(serializers.ModelSerializer[Dataset]):
    class Meta:
        model = Dataset
        fields = DESCRIPTIVE
        # Uniqueness is the service's to say, with a code of its own.
        extra_kwargs = {"name": {"validators": []}}


class MemberSerializer(serializers.ModelSerializer[DatasetMember]):
    username = serializers.CharField(source="user.username", read_only=True)

    class Meta:
        model = DatasetMember
        fields = ("id", "user", "username", "role", "view_real", "created_at")
        read_only_fields = fields


class MemberWriteSerializer(serializers.Serializer[Any]):
    user = serializers.PrimaryKeyRelatedField(queryset=User.objects.filter(is_active=True))
    role = serializers.ChoiceField(choices=DatasetRole.choices, default=DatasetRole.MEMBER)
    view_real = serializers.BooleanField(default=False)


class IngestSerializer(serializers.ModelSerializer[Ingest]):
    class Meta:
        model = Ingest
        fields = (
            "id", "dataset", "job", "options", "file_count", "accepted_count", "rejected_count",
            "rejections", "deidentification", "created_at", "completed_at",
        )  # fmt: skip
        read_only_fields = fields


class TileSerializer(serializers.Serializer[Any]):
    size = serializers.IntegerField(min_value=16, max_value=1024)
    stride = serializers.IntegerField(min_value=1, max_value=1024)


class SplitSerializer(serializers.Serializer[Any]):
    seed = serializers.IntegerField(min_value=0, default=0)
    train = serializers.FloatField(min_value=0, max_value=1)
    val = serializers.FloatField(min_value=0, max_value=1)
    held_out = serializers.FloatField(min_value=0, max_value=1, default=0)


class IngestOptionsSerializer(serializers.Serializer[Any]):
    tile = TileSerializer(required=False, allow_null=True)
    image_size = serializers.ChoiceField(choices=(32, 64, 128), required=False, allow_null=True)
    channels = serializers.ChoiceField(choices=("rgb", "grey", "keep"), default="keep")
    classes = serializers.DictField(child=serializers.CharField(max_length=60), required=False)
    groups = serializers.DictField(child=serializers.CharField(max_length=120), required=False)
    split = SplitSerializer(required=False, allow_null=True)
    drop_duplicates = serializers.BooleanField(default=True)


class SourceImageSerializer(serializers.ModelSerializer[SourceImage]):
    split = serializers.CharField(source="group.split", read_only=True)

    class Meta:
        model = SourceImage
        fields = (
            "id", "group", "split", "class_key", "digest", "width", "height", "channels", "withdrawn_at"
        )  # fmt: skip
        read_only_fields = fields


class TrainingSerializer(serializers.ModelSerializer[Training]):
    class Meta:
        model = Training
        fields = (
            "id", "dataset", "job", "state", "config", "seed", "code_version", "manifest_digest", "step",
            "warnings", "generators", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class TrainingWriteSerializer(serializers.Serializer[Any]):
    dataset = serializers.UUIDField()
    config = serializers.DictField(default=dict)
    seed = serializers.IntegerField(min_value=0, max_value=2**63 - 1, required=False)


class GeneratorSerializer(serializers.ModelSerializer[Generator]):
    class Meta:
        model = Generator
        fields = (
            "id", "name", "dataset", "training", "digest", "size", "architecture", "image_size", "channels",
            "latent_size", "classes", "card", "state", "approved_by", "approved_at", "approval_reason",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields


class BatchSerializer(serializers.ModelSerializer[Batch]):
    image_count = serializers.IntegerField(read_only=True)

    class Meta:
        model = Batch
        fields = (
            "id", "generator", "job", "state", "count", "image_count", "seed", "truncation", "class_mix",
            "recipe", "created_at", "completed_at",
        )  # fmt: skip
        read_only_fields = fields


class BatchWriteSerializer(serializers.Serializer[Any]):
    generator = serializers.UUIDField()
    # Ranges are the service's to say, with one code for page, API and command line.
    count = serializers.IntegerField()
    seed = serializers.IntegerField()
    truncation = serializers.FloatField(default=1.0)
    class_mix = serializers.DictField(child=serializers.FloatField(), required=False)


class SyntheticImageSerializer(serializers.ModelSerializer[SyntheticImage]):
    class Meta:
        model = SyntheticImage
        fields = ("id", "index", "class_key", "digest", "width", "height", "size", "recipe")
        read_only_fields = fields


class SampleSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField(min_value=1, max_value=256, default=16)
    seed = serializers.IntegerField(min_value=0, max_value=2**63 - 1)
    truncation = serializers.FloatField(default=1.0)
    class_key = serializers.CharField(required=False)


class StopSerializer(serializers.Serializer[Any]):
    """Nothing to say: the address says it."""
