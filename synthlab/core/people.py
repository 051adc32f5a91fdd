"""The person behind a request, typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from synthlab.accounts.models import User


def person_of(request: Any) -> User:
    """The signed-in person of an HttpRequest or API request.

    Call it only behind `@login_required` or `SignedIn`, where nobody is anonymous.
    """
    return cast("User", request.user)
