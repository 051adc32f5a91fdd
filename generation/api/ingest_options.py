"""What may be asked of an upload, member by member; ranges and sums are checked by the ingest's own rules."""

from __future__ import annotations

from rest_framework import serializers

from generation.api.answers import NumberField, StrictSerializer


class TileSerializer(StrictSerializer):
    size = serializers.IntegerField()
    stride = serializers.IntegerField(required=False)


class CropSerializer(StrictSerializer):
    """How objects are cut out of pictures that have boxes."""

    margin = NumberField(required=False, help_text="around a box, as a share of its longer side; 0.2")
    square = serializers.BooleanField(default=True)
    side = serializers.IntegerField(
        required=False, allow_null=True, help_text="one edge in pixels for all, so that sizes stay comparable"
    )


class SplitSerializer(StrictSerializer):
    seed = serializers.IntegerField(min_value=0, max_value=2**63 - 1, default=0)
    train = NumberField(required=False)
    val = NumberField(required=False)
    held_out = NumberField(required=False)


class IngestOptionsSerializer(StrictSerializer):
    """What to make of an upload.

    `groups` and `names` may name patients: both lie beside the upload and go with it.
    """

    tile = TileSerializer(required=False, allow_null=True)
    crop = CropSerializer(required=False, allow_null=True)
    image_size = serializers.ChoiceField(choices=(32, 64, 128), required=False, allow_null=True)
    fit = serializers.ChoiceField(choices=("crop", "pad", "stretch"), default="crop")
    channels = serializers.ChoiceField(choices=("rgb", "grey", "keep"), default="keep")
    bits = serializers.ChoiceField(
        choices=(8, 16), default=8, help_text="16 keeps the depth of grey pictures that have more than 8"
    )
    classes = serializers.DictField(child=serializers.CharField(max_length=60), required=False)
    groups = serializers.DictField(child=serializers.CharField(max_length=120), required=False)
    names = serializers.DictField(
        child=serializers.CharField(max_length=1000),
        required=False,
        help_text="place → name, only where a table or annotations speak of files by their names",
    )
    split = SplitSerializer(required=False, allow_null=True)
    drop_duplicates = serializers.BooleanField(default=True)
    folder_classes = serializers.BooleanField(default=False)
    burned_in_checked = serializers.BooleanField(default=False)
    drop_blurred = serializers.BooleanField(default=False)
