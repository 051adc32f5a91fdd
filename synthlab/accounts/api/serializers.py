"""How people and tokens look from outside, and what may be sent about them."""

from __future__ import annotations

import json
from typing import Any

from rest_framework import serializers

from synthlab.accounts.models import ApiToken, Role, TokenScope, User
from synthlab.accounts.services.tokens import LONGEST_DAYS

THEMES = ("system", "dark", "light")


class PersonSerializer(serializers.ModelSerializer[User]):
    """A colleague, as anybody may see them: enough to name them as a member."""

    class Meta:
        model = User
        fields = ("id", "username", "display_name", "role")
        read_only_fields = fields


class ManagedPersonSerializer(PersonSerializer):
    """The same for admins."""

    class Meta:
        model = User
        fields = (*PersonSerializer.Meta.fields, "is_active", "date_joined", "last_login", "deactivated_at")
        read_only_fields = fields


class InviteSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=150)
    display_name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    role = serializers.ChoiceField(choices=Role.choices)


class RoleSerializer(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=Role.choices)


class IssuedLinkSerializer(serializers.Serializer[Any]):
    """A one-time link, shown in this answer only. Open it as it stands; the part behind `#` is the secret."""

    user = ManagedPersonSerializer()
    purpose = serializers.CharField()
    link = serializers.SerializerMethodField()
    expires_at = serializers.DateTimeField()

    def get_link(self, issued: Any) -> str:
        return str(self.context["request"].build_absolute_uri(issued.path))


class PreferencesSerializer(serializers.Serializer[Any]):
    """Looks and key bindings; the keys are changed at `me/shortcuts`, which knows what may be bound."""

    theme = serializers.ChoiceField(choices=THEMES, required=False)
    keys = serializers.DictField(child=serializers.CharField(), read_only=True)


class MeSerializer(serializers.ModelSerializer[User]):
    """Oneself. Role, name and state are not one's own to change."""

    preferences = PreferencesSerializer(required=False)

    class Meta:
        model = User
        fields = ("id", "username", "display_name", "role", "preferences")
        read_only_fields = ("id", "username", "role")

    def validate_preferences(self, value: dict[str, Any]) -> dict[str, Any]:
        return dict(json.loads(json.dumps(value)))


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    """A token without its secret, which is stored nowhere."""

    user = serializers.UUIDField(source="user_id", read_only=True)

    class Meta:
        model = ApiToken
        fields = (
            "id",
            "user",
            "name",
            "prefix",
            "scope",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
        )
        read_only_fields = fields


class TokenWriteSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=80)
    scope = serializers.ChoiceField(choices=TokenScope.choices, default=TokenScope.READ)
    days = serializers.IntegerField(min_value=1, max_value=LONGEST_DAYS, default=30)


class IssuedTokenSerializer(TokenSerializer):
    """The same with its secret, in this answer only."""

    token = serializers.CharField(read_only=True)

    class Meta:
        model = ApiToken
        fields = (*TokenSerializer.Meta.fields, "token")
        read_only_fields = fields
