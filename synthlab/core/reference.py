"""The id that joins an answer, its log lines, its audit events and the jobs it started."""

import structlog


def current_reference() -> str:
    """The request id bound to this request (or job), or an empty string outside of one."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))
