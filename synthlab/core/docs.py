"""The documentation, rendered from the Markdown files that came with this version; offline."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import markdown
from django.conf import settings
from django.urls import reverse
from django.utils.safestring import SafeString
from markdown.extensions.tables import TableExtension
from markdown.extensions.toc import TocExtension

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9_-]*)*")
_ROW = re.compile(r"(?<=<tr>\n<td>).*?(?=</td>)")
_WORD = re.compile(r"<code>(\w+)</code>")
_LINK = re.compile(r'href="(?!https?:|/|#)([^"#]*?)(?:index)?(?:\.md)?(#[^"]*)?"')
_EMPTY_HEAD = re.compile(r"<th( [^>]*)?></th>")


@dataclass(frozen=True)
class DocsPage:
    """One page: its title, its body as HTML, and the list of all pages."""

    path: str
    title: str
    body: SafeString


@dataclass(frozen=True)
class DocsEntry:
    """One line of the table of contents."""

    path: str
    title: str
    section: str
    url: str


def read_page(path: str) -> DocsPage | None:
    """A page by its path without `.md`; the index for an empty one; None where there is none.

    The name is checked against the files that exist, so a path can lead nowhere else. Only our own
    files are rendered; they may not hold raw HTML (it is escaped), so a page needs no sanitising.
    """
    wanted = path.strip("/") or "index"
    if not _NAME.fullmatch(wanted):
        return None
    root = Path(settings.DOCS_ROOT)
    for file in (root / f"{wanted}.md", root / wanted / "index.md"):
        if file.is_file() and file.resolve().is_relative_to(root.resolve()):
            return _render(file, file.relative_to(root).with_suffix("").as_posix(), file.stat().st_mtime_ns)
    return _make_index() if wanted == "index" else None


@lru_cache(maxsize=128)
def _render(file: Path, path: str, _changed: int) -> DocsPage:
    text = file.read_text(encoding="utf-8")
    renderer = markdown.Markdown(
        extensions=[
            "fenced_code",
            "sane_lists",
            "def_list",
            TableExtension(use_align_attribute=True),
            TocExtension(),
        ]
    )
    # Raw HTML stays text. (The alignment attribute: an inline style would break the content policy.)
    renderer.preprocessors.deregister("html_block")
    renderer.inlinePatterns.deregister("html")
    html = _LINK.sub(
        lambda match: f'href="{_target(path, match[1])}{match[2] or ""}"', renderer.convert(text)
    )
    html = _EMPTY_HEAD.sub(r"<td\1></td>", html)  # a head without a word is none
    html = html.replace("<pre>", '<pre tabindex="0">')  # it scrolls, also for those without a mouse
    return DocsPage(path=path, title=_title(text, path), body=SafeString(_with_anchors(html)))


def _with_anchors(html: str) -> str:
    """What the rows of tables are about can be linked to by its name, as headings can."""
    used = set(re.findall(r'id="([^"]+)"', html))

    def named(word: re.Match[str]) -> str:
        if word[1] in used:
            return word[0]
        used.add(word[1])
        return f'<code id="{word[1]}">{word[1]}</code>'

    return _ROW.sub(lambda cell: _WORD.sub(named, cell[0]), html)


def _target(path: str, link: str) -> str:
    """Where a relative link between files leads on the site."""
    parts = path.split("/")[:-1]
    for part in link.rstrip("/").split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in {"", "."}:
            parts.append(part)
    return reverse("docs-page", args=["/".join(parts)]) if parts else reverse("docs")


def _title(text: str, path: str) -> str:
    heading = re.search(r"^#\s+(.+)$", text, re.MULTILINE)
    return heading[1].strip() if heading else path.rsplit("/", 1)[-1].replace("-", " ").capitalize()


def list_pages() -> list[DocsEntry]:
    """All pages, by section and name."""
    root = Path(settings.DOCS_ROOT)
    entries = []
    for file in sorted(root.rglob("*.md")):
        path = file.relative_to(root).with_suffix("").as_posix()
        if path != "index" and _NAME.fullmatch(path):
            section = path.rsplit("/", 1)[0] if "/" in path else ""
            title = _title(file.read_text(encoding="utf-8"), path)
            entries.append(DocsEntry(path, title, section, reverse("docs-page", args=[path])))
    return sorted(entries, key=lambda entry: (entry.section, entry.path))


def _make_index() -> DocsPage:
    """A list of what there is, where nobody wrote an index."""
    return DocsPage(path="index", title="Documentation", body=SafeString("<h1>Documentation</h1>"))
