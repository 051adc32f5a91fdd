"""What goes out over REST, and what may come in. Answers are checked by their service, against the schema."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from annotation.export.formats import Option
from annotation.export.registry import FORMATS
from annotation.models import (
    ApprovalPolicy,
    Export,
    HoldDecision,
    LabelClass,
    LabelSchema,
    Membership,
    Review,
    ReviewVerdict,
    SchemaMode,
    SkipKind,
    Snapshot,
    SnapshotHold,
    Study,
    StudyRole,
)
from generation.api.answers import NumberField, StrictSerializer
from synthlab.accounts.models import User


class LabelClassSerializer(serializers.ModelSerializer[LabelClass]):
    class Meta:
        model = LabelClass
        fields = (
            "key", "title", "colour", "kind", "box", "polygon", "point", "mask", "code_system", "code",
            "code_display",
        )  # fmt: skip
        read_only_fields = fields


class LabelSchemaSerializer(serializers.ModelSerializer[LabelSchema]):
    classes = LabelClassSerializer(many=True, read_only=True)

    class Meta:
        model = LabelSchema
        fields = ("id", "name", "version", "mode", "classes", "sites", "discard_reasons", "created_at")
        read_only_fields = fields


class LabelSchemaWriteSerializer(StrictSerializer):
    name = serializers.CharField(max_length=120)
    mode = serializers.ChoiceField(choices=SchemaMode.choices, default=SchemaMode.ONE)
    classes = serializers.ListField(child=serializers.DictField(), min_length=1, max_length=60)
    sites = serializers.ListField(child=serializers.DictField(), default=list, max_length=60)
    discard_reasons = serializers.ListField(child=serializers.DictField(), min_length=1, max_length=60)


class StudySerializer(serializers.ModelSerializer[Study]):
    """A study as its readers see it; `roles` are the caller's own."""

    roles = serializers.SerializerMethodField()

    class Meta:
        model = Study
        fields: tuple[str, ...] = (
            "id", "title", "description", "guideline", "schema", "state", "pixel_size_um", "roles", "created_at"
        )  # fmt: skip
        read_only_fields = fields

    def get_roles(self, study: Study) -> list[str]:
        user = self.context["request"].user
        return sorted({row.role for row in study.memberships.all() if row.user_id == user.pk})


class ManagedStudySerializer(StudySerializer):
    """The same with how it is run."""

    class Meta(StudySerializer.Meta):
        fields = (
            *StudySerializer.Meta.fields, "dataset", "reads_per_item", "approval_policy", "sample_share",
            "signatures_needed", "is_blinded", "created_by",
        )  # fmt: skip
        read_only_fields = fields


class StudyWriteSerializer(StrictSerializer):
    title = serializers.CharField(max_length=160)
    schema = serializers.UUIDField()
    dataset = serializers.UUIDField(required=False)
    description = serializers.CharField(max_length=4000, allow_blank=True, default="")
    guideline = serializers.CharField(max_length=20_000, allow_blank=True, default="")
    reads_per_item = serializers.IntegerField(min_value=1, max_value=9, default=1)
    approval_policy = serializers.ChoiceField(choices=ApprovalPolicy.choices, default=ApprovalPolicy.EVERY)
    sample_share = serializers.FloatField(min_value=0, max_value=1, default=1.0)
    signatures_needed = serializers.IntegerField(min_value=1, max_value=2, default=1)
    pixel_size_um = NumberField(allow_null=True, default=None)


class MembershipSerializer(serializers.ModelSerializer[Membership]):
    name = serializers.CharField(source="user.__str__", read_only=True)

    class Meta:
        model = Membership
        fields = ("id", "user", "name", "role", "created_at")
        read_only_fields = fields


class MembershipWriteSerializer(StrictSerializer):
    user = serializers.PrimaryKeyRelatedField(queryset=User.objects.filter(is_active=True))
    role = serializers.ChoiceField(choices=StudyRole.choices)


class FillSerializer(StrictSerializer):
    batches = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=100)
    limit = serializers.IntegerField(min_value=1, max_value=1_000_000, required=False)


class ControlsSerializer(StrictSerializer):
    count = serializers.IntegerField(min_value=1, max_value=1000)


class AssignSerializer(StrictSerializer):
    """These reads, or so many of the pool or (`from_reader`) of another reader; `reader` left out takes them back."""

    reads = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=1000, required=False
    )
    count = serializers.IntegerField(min_value=1, max_value=1000, required=False)
    from_reader = serializers.PrimaryKeyRelatedField(queryset=User.objects.all(), required=False)
    reader = serializers.PrimaryKeyRelatedField(queryset=User.objects.filter(is_active=True), required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("reads" in attrs) == ("count" in attrs):
            raise serializers.ValidationError({"reads": "Name the reads, or how many; one of the two."})
        if "reads" in attrs and "from_reader" in attrs:
            raise serializers.ValidationError(
                {"from_reader": "Reads that are named need no reader to come from."}
            )
        if "count" in attrs and not {"reader", "from_reader"} & set(attrs):
            raise serializers.ValidationError(
                {"reader": "Say to whom the reads go, or from whom they come back."}
            )
        return attrs


class AcceptWaitingSerializer(StrictSerializer):
    """`count` and `selection` as `waiting` told them for the same filters."""

    filters = serializers.DictField(child=serializers.CharField(max_length=120), default=dict)
    count = serializers.IntegerField(min_value=1, max_value=1000)
    selection = serializers.CharField(max_length=64)


class WaitingSerializer(serializers.Serializer[Any]):
    waiting = serializers.IntegerField(help_text="answers that the filters choose")
    count = serializers.IntegerField(help_text="of these, how many can be accepted together")
    selection = serializers.CharField(help_text="names exactly these")
    flagged = serializers.IntegerField(help_text="left out: their readers ask for a second opinion")
    copies = serializers.IntegerField(help_text="left out: flagged as possible copies of real images")
    rest = serializers.IntegerField(help_text="left out: more than can be accepted at once")


class ClaimSerializer(StrictSerializer):
    count = serializers.IntegerField(min_value=1, max_value=3, default=1)


class ReleaseSerializer(StrictSerializer):
    lease_until = serializers.DateTimeField(
        required=False, help_text="the lease that is given back; a newer one stays"
    )


class SkipSerializer(StrictSerializer):
    kind = serializers.ChoiceField(choices=SkipKind.choices)


class ProgressSerializer(serializers.Serializer[Any]):
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    eta_seconds = serializers.IntegerField(allow_null=True)


class PointSerializer(StrictSerializer):
    """A place in pixels of the image, from its top left corner; the service knows how large the image is."""

    x = NumberField(min_value=0)
    y = NumberField(min_value=0)


class ReadSerializer(serializers.Serializer[Any]):
    """A read as its reader sees it: the same fields for every kind of read and of image."""

    id = serializers.UUIDField()
    rev = serializers.IntegerField()
    state = serializers.CharField()
    lease_until = serializers.DateTimeField(allow_null=True)
    pixels_url = serializers.CharField()
    draft = serializers.DictField(allow_null=True)
    note = serializers.CharField(help_text="what a reviewer said who gave this image back to its reader")
    note_at = PointSerializer(allow_null=True, help_text="where on the image that is")
    progress = ProgressSerializer()


class ClaimedSerializer(serializers.Serializer[Any]):
    reads = ReadSerializer(many=True)
    reason = serializers.ChoiceField(choices=("all_done", "leased", "paused", "closed"), allow_null=True)
    until = serializers.DateTimeField(allow_null=True)


class ReviewSerializer(serializers.ModelSerializer[Review]):
    """A review without the names of the two people: `mine` tells which side the caller is on."""

    read = serializers.UUIDField(source="annotation.read_id", read_only=True)
    item = serializers.UUIDField(source="annotation.read.item_id", read_only=True)
    mine = serializers.SerializerMethodField()
    point = PointSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Review
        fields = ("id", "annotation", "read", "item", "verdict", "comment", "point", "mine", "created_at")
        read_only_fields = fields

    def get_mine(self, review: Review) -> str:
        user = self.context["request"].user
        if review.reviewer_id == user.pk:
            return "given"
        return "received" if review.reader_id == user.pk else ""


class ReviewWriteSerializer(StrictSerializer):
    annotation = serializers.UUIDField()
    verdict = serializers.ChoiceField(choices=ReviewVerdict.choices)
    comment = serializers.CharField(max_length=2000, allow_blank=True, default="")
    point = PointSerializer(allow_null=True, default=None)
    answer = serializers.DictField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs["verdict"] == ReviewVerdict.OVERRULE) != ("answer" in attrs):
            raise serializers.ValidationError({"answer": "Give an answer to overrule, and only then."})
        return attrs


class SnapshotHoldSerializer(serializers.ModelSerializer[SnapshotHold]):
    """A withdrawal that bars the export; `decision` is empty until a manager has decided."""

    class Meta:
        model = SnapshotHold
        fields = (
            "id", "withdrawal", "member_count", "decision", "decided_by", "decided_at", "reason", "created_at"
        )  # fmt: skip
        read_only_fields = fields


class SnapshotSerializer(serializers.ModelSerializer[Snapshot]):
    is_signed = serializers.BooleanField(read_only=True, help_text="everybody who must sign has signed")
    is_held = serializers.BooleanField(read_only=True, help_text="a withdrawal bars the export")
    holds = SnapshotHoldSerializer(many=True, read_only=True)

    class Meta:
        model = Snapshot
        fields = (
            "id", "study", "name", "filters", "facts", "digest", "item_count", "image_set", "evaluation",
            "signatures_needed", "is_signed", "signed_by", "signed_at", "meaning", "signature", "countersigned_by",
            "countersigned_at", "countersigned_meaning", "countersignature", "is_held", "holds", "created_by",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields


class ShareSerializer(StrictSerializer):
    """How much of the images each split gets; together 1."""

    train = NumberField(min_value=0, max_value=1, required=False)
    val = NumberField(min_value=0, max_value=1, required=False)
    test = NumberField(min_value=0, max_value=1, required=False)


class SplitsSerializer(StrictSerializer):
    seed = serializers.IntegerField(min_value=0, max_value=2**53 - 1, default=0)
    shares = ShareSerializer()


class PlanSerializer(StrictSerializer):
    """What a snapshot would take: see the reference for the filters."""

    study = serializers.UUIDField()
    filters = serializers.DictField(default=dict)
    splits = SplitsSerializer(allow_null=True, default=None)


class SnapshotWriteSerializer(PlanSerializer):
    name = serializers.CharField(max_length=120)


class HoldDecisionSerializer(StrictSerializer):
    decision = serializers.ChoiceField(choices=HoldDecision.choices)
    reason = serializers.CharField(max_length=2000)


class SignSerializer(StrictSerializer):
    password = serializers.CharField(max_length=4096, trim_whitespace=False)
    meaning = serializers.CharField(max_length=200)


class ExportSerializer(serializers.ModelSerializer[Export]):
    class Meta:
        model = Export
        fields = (
            "id", "snapshot", "job", "format", "options", "state", "digest", "size", "requested_by", "created_at", "completed_at"
        )  # fmt: skip
        read_only_fields = fields


class ExportWriteSerializer(StrictSerializer):
    snapshot = serializers.UUIDField()
    format = serializers.ChoiceField(choices=sorted(FORMATS), default="coco")
    options = serializers.DictField(default=dict)


class FormatOptionSerializer(serializers.Serializer[Option]):
    name = serializers.CharField(read_only=True)
    title = serializers.CharField(read_only=True)
    default = serializers.JSONField(read_only=True)
    choices = serializers.ListField(child=serializers.CharField(), read_only=True)
    lowest = serializers.IntegerField(read_only=True)
    highest = serializers.IntegerField(read_only=True)


class LossSerializer(serializers.Serializer[dict[str, Any]]):
    code = serializers.CharField(read_only=True)
    sentence = serializers.CharField(read_only=True)
    values = serializers.IntegerField(read_only=True)
    only_with = serializers.DictField(
        child=serializers.CharField(),
        read_only=True,
        allow_null=True,
        help_text="the option and its value with which it is lost; null: it always is",
    )


class FormatSerializer(serializers.Serializer[Any]):
    """A format, and what it cannot hold of one snapshot."""

    key = serializers.CharField(read_only=True)
    title = serializers.CharField(read_only=True)
    summary = serializers.CharField(read_only=True)
    is_available = serializers.BooleanField(read_only=True)
    options = FormatOptionSerializer(many=True, read_only=True)
    losses = LossSerializer(many=True, read_only=True)
