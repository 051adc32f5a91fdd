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
from generation.services.estimating import MEASURE
from generation.services.model_service import FORMATS
from generation.services.rejections import reasons_of
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
    has_thumbnail = serializers.BooleanField(read_only=True)
    is_overrulable = serializers.BooleanField(
        read_only=True, help_text="whether its picture waits to be taken in or kept out"
    )

    class Meta:
        model = Rejection
        fields = (
            "id", "ingest", "ordinal", "code", "detail", "has_thumbnail", "is_overrulable", "decision", "decided_at",
        )  # fmt: skip
        read_only_fields = fields


class IngestDetailSerializer(serializers.ModelSerializer[Ingest]):
    """One upload with what was made of it; what was not taken stands at `datasets/{id}/rejections?ingest=…`."""

    rejection_counts = serializers.SerializerMethodField(help_text="refused places by reason")

    class Meta:
        model = Ingest
        fields = (*UPLOAD_FACTS, "facts", "rejection_counts", "deidentification")
        read_only_fields = fields

    def get_rejection_counts(self, ingest: Ingest) -> dict[str, int]:
        return reasons_of(ingest.rejections.all())


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
            "id", "dataset", "job", "state", "config", "seed", "code_version", "manifest_digest", "classes", "step",
            "warnings", "cloned_from", "generators", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class TrainingWriteSerializer(StrictSerializer):
    dataset = serializers.UUIDField()
    config = serializers.DictField(default=dict)
    seed = serializers.IntegerField(min_value=0, max_value=2**63 - 1, required=False)
    confirmed = serializers.BooleanField(
        default=False, help_text="that what may spoil the result is known; asked for by `needs_confirmation`"
    )


class CloneSerializer(StrictSerializer):
    """What shall differ from the parent."""

    config = serializers.DictField(default=dict)
    seed = serializers.IntegerField(min_value=0, max_value=2**63 - 1, required=False)
    confirmed = serializers.BooleanField(default=False)


class EstimateWriteSerializer(StrictSerializer):
    dataset = serializers.UUIDField()
    config = serializers.DictField(default=dict)
    seed = serializers.IntegerField(min_value=0, max_value=2**63 - 1, required=False)
    cloned_from = serializers.UUIDField(required=False)
    measure = serializers.ChoiceField(choices=MEASURE, default="missing")


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
    """A number and a seed, or latent vectors."""

    count = serializers.IntegerField(
        min_value=1, max_value=256, required=False, help_text="16 where left out"
    )
    seed = serializers.IntegerField(min_value=0, max_value=2**63 - 1, required=False)
    latents = serializers.ListField(
        child=serializers.ListField(child=NumberField(), min_length=1, max_length=4096),
        min_length=1,
        max_length=256,
        required=False,
        help_text="in place of a seed: one vector for each image, as long as the generator's latent_size",
    )
    truncation = NumberField(required=False)
    class_key = serializers.CharField(required=False)
    format = serializers.ChoiceField(
        choices=FORMATS, default="zip", error_messages={"invalid_choice": f"one of {', '.join(FORMATS)}."}
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "latents" not in attrs:
            if "seed" not in attrs:
                raise serializers.ValidationError({"seed": ["Give a seed, or latents."]})
            return {"count": 16, **attrs}
        if beside := sorted({"seed", "count", "truncation"} & set(attrs)):
            raise serializers.ValidationError({name: ["Latents stand for themselves."] for name in beside})
        return attrs
