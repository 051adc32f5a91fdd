"""Logs: one line an event, for people or for machines, with the request's and the job's id on each line."""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer

_UNTOLD = {"request_started"}  # `request_finished` says the same and more
_UNTOLD_REQUESTS = ("GET /livez", "GET /readyz", "GET /static/")


def _leave_out(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop what would be said thousands of times a day and never read."""
    request = str(event.get("request", ""))
    healthy = method == "info" and request.startswith(_UNTOLD_REQUESTS)
    if event.get("event") in _UNTOLD or (healthy and event.get("code", 200) < 400):
        raise structlog.DropEvent
    return event


# Run on every event, whether it came through structlog or through the standard library.
_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.StackInfoRenderer(),
]


def logging_config(style: str, level: int | str) -> dict[str, Any]:
    """Configure structlog and return Django's `LOGGING`.

    Args:
        style: `console` for people, `json` for machines.
        level: The lowest level that is written, as `logging` names or numbers it.

    Raises:
        SystemExit: The style is unknown.
    """
    if style not in {"console", "json"}:
        raise SystemExit("synthlab: refusing to start: SYNTHLAB_LOG_FORMAT must be console or json")
    _configure_structlog()
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *_rendering(style),
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # django-q tells of every message it moves; the job's own lines say the same with its id.
            "django-q": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
            "django.db.backends": {"level": "WARNING"},
            "PIL": {"level": "INFO"},
            # A line for every poll of the client, or every module of a DICOM object, tells nobody anything.
            "highdicom": {"level": "WARNING"},
            "httpx": {"level": "WARNING"},
            "httpcore": {"level": "WARNING"},
        },
    }


def _configure_structlog() -> None:
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            _leave_out,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _rendering(style: str) -> list[Any]:
    if style == "json":
        return [
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(),
        ]
    # Both defaults would print the local variables of each frame, tokens and passwords among them.
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    ]


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose events carry keyword facts: `log.info("job_started", attempt=1)`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
