"""JSON bodies: bounded, and free of what Python accepts and a database refuses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from synthlab.core.exceptions import TooLarge


class BoundedJSONParser(JSONParser):
    """REST framework's parser with a size limit, a depth limit and no unstorable text.

    Its own reads the stream directly, past DATA_UPLOAD_MAX_MEMORY_SIZE; 10 MB of `[` is a
    RecursionError there, and NUL or lone surrogates become a database error later: a 500 each.
    """

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The decoded body.

        Raises:
            ParseError: It is not JSON that can be stored.
            TooLarge: It is longer than DATA_UPLOAD_MAX_MEMORY_SIZE.
        """
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise TooLarge("body_too_large", f"A JSON body may have at most {limit} bytes.")
        try:
            data: Any = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
            if b"\\u" in raw:
                _refuse_unstorable(json.dumps(data, ensure_ascii=False))
        except RecursionError as error:
            raise ParseError("The JSON is nested too deeply.") from error
        except ValueError as error:
            raise ParseError(f"The body is not valid JSON: {error}.") from error
        if not isinstance(data, dict):
            raise ParseError("The body must be a JSON object.")
        return data


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _refuse_unstorable(text: str) -> None:
    text.encode("utf-8")  # UnicodeEncodeError, a ValueError, for a lone surrogate
    if "\\u0000" in text:
        raise ValueError("text may not contain the NUL character")
