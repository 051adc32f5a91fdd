"""XML text: elements from names, attributes and text, everything escaped, in the order given."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'
# What XML 1.0 cannot hold at all.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def element(name: str, content: str = "", /, **attributes: object) -> str:
    """`<name a="1">content</name>`; content is XML already."""
    return f"{opening(name, **attributes)}{content}</{name}>"


def opening(name: str, /, **attributes: object) -> str:
    """`<name a="1">`."""
    told = "".join(f" {key}={quoteattr(plain(value))}" for key, value in attributes.items())
    return f"<{name}{told}>"


def leaf(name: str, value: object) -> str:
    """`<name>value</name>`."""
    return f"<{name}>{escape(plain(value))}</{name}>"


def plain(value: object) -> str:
    """Text without what XML cannot hold."""
    return _FORBIDDEN.sub("\ufffd", str(value))


def lines(parts: Iterable[str]) -> str:
    """Parts under each other."""
    return "\n".join(parts)
