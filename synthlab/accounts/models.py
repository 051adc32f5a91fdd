"""People, the one-time links that let them in, and their API tokens."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now
from django.utils.crypto import salted_hmac

from synthlab.core.models import Identified


class Role(models.TextChoices):
    """What a person is; study roles come only from `annotation.Membership`."""

    ADMIN = "admin"
    SCIENTIST = "scientist"
    CLINICIAN = "clinician"


class UserQuerySet(models.QuerySet["User"]):
    def visible_to(self, user: User) -> UserQuerySet:
        """Admins manage everyone; others see active people, to name them as members."""
        return self if user.is_admin else self.filter(is_active=True)


class UserManager(DjangoUserManager["User"].from_queryset(UserQuerySet)):  # type: ignore[misc]
    """Django's user creation with our reads."""


class User(AbstractUser):
    """A person. Deactivated, never deleted: their signatures and readings must stay attributable."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    role = models.CharField(max_length=10, choices=Role, default=Role.CLINICIAN)
    display_name = models.CharField(max_length=120, blank=True)
    deactivated_at = models.DateTimeField(null=True, blank=True)
    session_epoch = models.PositiveIntegerField(default=0)
    preferences = models.JSONField(default=dict, blank=True)

    objects = UserManager()  # type: ignore[misc]

    class Meta:
        ordering = ("username",)
        constraints = [
            models.CheckConstraint(name="user_role_known", condition=Q(role__in=Role.values)),
            # Logins ignore case, so two names that differ only by it would lock both out.
            models.UniqueConstraint(Lower("username"), name="user_username_any_case"),
            models.CheckConstraint(
                name="user_inactive_iff_deactivated",
                condition=Q(is_active=True, deactivated_at__isnull=True)
                | Q(is_active=False, deactivated_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.display_name or self.username

    def get_short_name(self) -> str:
        return str(self)

    def get_full_name(self) -> str:
        return str(self)

    def _get_session_auth_hash(self, secret: str | bytes | None = None) -> str:
        """Django's, with the epoch: raising it ends every session of this person at once."""
        text = f"{self.password}|{self.session_epoch}"
        return salted_hmac("synthlab.accounts.session", text, secret=secret, algorithm="sha256").hexdigest()

    @property
    def is_admin(self) -> bool:
        return self.role == Role.ADMIN

    @property
    def is_scientist(self) -> bool:
        return self.role == Role.SCIENTIST

    @property
    def is_clinician(self) -> bool:
        return self.role == Role.CLINICIAN


class LinkPurpose(models.TextChoices):
    INVITE = "invite"
    RESET = "reset"


class OneTimeLinkQuerySet(models.QuerySet["OneTimeLink"]):
    def usable(self) -> OneTimeLinkQuerySet:
        return self.filter(used_at__isnull=True, expires_at__gt=Now(), user__is_active=True)


class OneTimeLink(Identified):
    """A link that lets a person set a password once; only its digest is stored."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    purpose = models.CharField(max_length=8, choices=LinkPurpose)
    token_digest = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="links_made"
    )
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    objects = OneTimeLinkQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="link_expires_later", condition=Q(expires_at__gt=F("created_at")))
        ]

    def __str__(self) -> str:
        return f"{self.purpose} for {self.user_id}"


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def visible_to(self, user: User) -> ApiTokenQuerySet:
        return self if user.is_admin else self.filter(user=user)

    def usable(self) -> ApiTokenQuerySet:
        return self.filter(revoked_at__isnull=True, expires_at__gt=Now(), user__is_active=True)


class TokenScope(models.TextChoices):
    READ = "read"
    WRITE = "write"


class ApiToken(Identified):
    """A bearer token: hashed at rest, scoped, expiring after at most 90 days."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    scope = models.CharField(max_length=8, choices=TokenScope, default=TokenScope.WRITE)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
