"""What can go wrong by the rules of the house, each with a stable code.

Services raise these; the API renders them as problem+json (`synthlab.core.api.errors`), pages show
`detail`, and a job that meets one fails at once without another attempt.
"""

from typing import Any, ClassVar


class DomainError(Exception):
    """A rule was broken: the request is refused and nothing was changed.

    Args:
        code: Stable machine-readable slug, unique per cause (`batch_too_large`).
        detail: One or two sentences for a person: what happened, what was kept, what to do.
        extra: Further members for the problem document, JSON-serialisable.
    """

    status: ClassVar[int] = 400
    title: ClassVar[str] = "Request refused"

    def __init__(self, code: str, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.extra = extra


class InvalidInput(DomainError):
    """The input is well-formed but its values are not acceptable."""

    status = 422
    title = "Invalid input"


class NotAllowed(DomainError):
    """The person may see the object but not do this with it."""

    status = 403
    title = "Not allowed"


class NotFound(DomainError):
    """The object does not exist, or is not this person's to see (the two look the same)."""

    status = 404
    title = "Not found"


class Conflict(DomainError):
    """The object is in a state in which this cannot be done."""

    status = 409
    title = "Conflict"


class PreconditionFailed(DomainError):
    """The caller edited an older version than the stored one."""

    status = 412
    title = "Stale version"


class PreconditionRequired(DomainError):
    """The caller must say which version it edits (If-Match)."""

    status = 428
    title = "Version required"


class TooLarge(DomainError):
    """The request is larger than this installation accepts."""

    status = 413
    title = "Too large"


class TooMany(DomainError):
    """It was tried too often in a short time."""

    status = 429
    title = "Too many tries"

    def __init__(self, code: str, detail: str, *, retry_after: int, **extra: Any) -> None:
        super().__init__(code, detail, **extra)
        self.retry_after = retry_after


class Unavailable(DomainError):
    """A part of the installation is down or busy; the same request may succeed later."""

    status = 503
    title = "Unavailable"

    def __init__(self, code: str, detail: str, *, retry_after: int = 5, **extra: Any) -> None:
        super().__init__(code, detail, **extra)
        self.retry_after = retry_after
