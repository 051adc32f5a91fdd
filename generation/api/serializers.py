"""What goes out over REST, and what may come in."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from generation.api.answers import NumberField, StrictSerializer
from generation.models import (
    Batch,
    Dataset,
    DatasetMember,
    DatasetRole,
    Generator,
    Ingest,
    Rejection,
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
        extra_kwargs: ClassVar[dict[str, dict[str, Any]]] = {"name": {"validators": []}}


class MemberSerializer(serializers.ModelSerializer[DatasetMember]):
    username = serializers.CharField(source="user.username", read_only=True)

    class Meta:
        model = DatasetMember
        fields = ("id", "user", "username", "role", "view_real", "created_at")
        read_only_fields = fields


class MemberWriteSerializer(StrictSerializer):
    user = serializers.PrimaryKeyRelatedField(queryset=User.objects.filter(is_active=True))
    role = serializers.ChoiceField(choices=DatasetRole.choices, default=DatasetRole.MEMBER)
    view_real = serializers.BooleanField(default=False)


UPLOAD_FACTS = (
    "id", "dataset", "job", "options", "file_count", "accepted_count", "rejected_count", "created_at",
    "completed_at",
)  # fmt: skip


class IngestSerializer(serializers.ModelSerializer[Ingest]):
    class Meta:
        model = Ingest
        fields = UPLOAD_FACTS
        read_only_fields = fields


class RejectionSerializer(serializers.ModelSerializer[Rejection]):
    class Meta:
        model = Rejection
        fields = ("id", "ordinal", "code", "detail", "decision", "decided_at")
        read_only_fields = fields


class IngestDetailSerializer(serializers.ModelSerializer[Ingest]):
    """One upload with the reasons for what was not taken."""

    rejections = RejectionSerializer(many=True, read_only=True)

    class Meta:
        model = Ingest
        fields = (*UPLOAD_FACTS, "rejections", "deidentification")
        read_only_fields = fields


class TileSerializer(StrictSerializer):
    size = serializers.IntegerField()
    stride = serializers.IntegerField(required=False)


class SplitSerializer(StrictSerializer):
    seed = serializers.IntegerField(min_value=0, max_value=2**63 - 1, default=0)
    train = NumberField(required=False)
    val = NumberField(required=False)
    held_out = NumberField(required=False)


class IngestOptionsSerializer(StrictSerializer):
    """What to make of an upload. Ranges and sums are checked by the ingest's own rules."""

    tile = TileSerializer(required=False, allow_null=True)
    image_size = serializers.ChoiceField(choices=(32, 64, 128), required=False, allow_null=True)
    fit = serializers.ChoiceField(choices=("crop", "pad", "stretch"), default="crop")
    channels = serializers.ChoiceField(choices=("rgb", "grey", "keep"), default="keep")
    classes = serializers.DictField(child=serializers.CharField(max_length=60), required=False)
    groups = serializers.DictField(child=serializers.CharField(max_length=120), required=False)
    split = SplitSerializer(required=False, allow_null=True)
    drop_duplicates = serializers.BooleanField(default=True)
    folder_classes = serializers.BooleanField(default=False)
    burned_in_checked = serializers.BooleanField(default=False)


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


class TrainingWriteSerializer(StrictSerializer):
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
    image_count = serializers.IntegerField(read_only=True, help_text="images that stand so far")

    class Meta:
        model = Batch
        fields = (
            "id", "generator", "job", "state", "count", "image_count", "seed", "truncation", "class_mix",
            "recipe", "created_at", "completed_at",
        )  # fmt: skip
        read_only_fields = fields


class BatchWriteSerializer(StrictSerializer):
    generator = serializers.UUIDField()
    # Ranges are the service's to say, with one code for page, API and command line.
    count = serializers.IntegerField()
    seed = serializers.IntegerField()
    truncation = NumberField(default=1.0)
    class_mix = serializers.DictField(child=NumberField(), required=False)


class SyntheticImageSerializer(serializers.ModelSerializer[SyntheticImage]):
    class Meta:
        model = SyntheticImage
        fields = ("id", "index", "class_key", "digest", "width", "height", "size", "recipe")
        read_only_fields = fields


class SampleSerializer(StrictSerializer):
    count = serializers.IntegerField(min_value=1, max_value=256, default=16)
    seed = serializers.IntegerField(min_value=0, max_value=2**63 - 1)
    truncation = NumberField(default=1.0)
    class_key = serializers.CharField(required=False)
