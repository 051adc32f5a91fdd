"""allauth by the rules of the house: nobody signs up, nothing is mailed."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet
from django.conf import settings
from django.http import HttpRequest


class InvitedOnlyAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """People come in by a one-time link only."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": "User name and password do not match. An admin can give you a link to set a new password.",
        "too_many_login_attempts": "Too many failed logins. Wait five minutes and try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """There is no mail server, and none is needed."""

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """See `send_mail`; what happens to an account stands in the audit."""


class SealedSecretsAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Second-factor secrets are sealed with the installation's key: a copied database opens no account."""

    def encrypt(self, text: str) -> str:
        return _box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _box().decrypt(encrypted_text.encode()).decode()


def _box() -> Fernet:
    key = hashlib.sha256(b"synthlab.accounts.mfa|" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
