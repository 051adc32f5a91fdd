"""Static files under names that hold their digest, so that browsers may keep them for ever."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from re import Match
from typing import Any

from django.core.files.base import ContentFile, File
from whitenoise.storage import CompressedManifestStaticFilesStorage

# A doc comment on lines of its own.
_DOC_COMMENT = re.compile(rb"^[ \t]*/\*\*(?:(?!\*/).)*\*/[ \t]*$", re.MULTILINE | re.DOTALL)
_LINE_COMMENT = re.compile(r"(?:^|[\s;{}])//")


class ModuleManifestStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """The manifest storage, with the imports between our ES modules rewritten to the hashed names.

    Beside each file stands its compressed form, which WhiteNoise sends to browsers that take it: that is all of them.

    Modules may not import each other in a circle: a file's name would depend on itself.
    """

    support_js_module_import_aggregation = True

    def _save(self, name: str, content: File[bytes]) -> str:
        """Doc comments are for those who read the source, and are a quarter of it. Line numbers stay as they are."""
        if name.startswith("js/") and name.endswith(
            ".js"
        ):  # of others' scripts, such comments hold the licence
            with content.open("rb"):
                script = content.read()
            content = ContentFile(_DOC_COMMENT.sub(lambda found: b"\n" * found[0].count(b"\n"), script))
        saved: str = super()._save(name, content)
        return saved

    # One pass settles one level of imports; Django's five are too few for a chain of modules.
    max_post_process_passes = 25

    def url_converter(
        self, name: str, hashed_files: dict[str, str], *args: Any, **kwargs: Any
    ) -> Callable[[Match[str]], str]:
        """Rewrite a reference, but leave alone what no browser will ever ask for."""
        convert: Callable[[Match[str]], str] = super().url_converter(name, hashed_files, *args, **kwargs)
        in_script = name.endswith((".js", ".mjs"))

        def converter(match: Match[str]) -> str:
            matched = match.groupdict()["matched"]
            end = _comment_end(match.string, match.start()) if in_script else None
            if end is not None:
                # Types in comments may name each other in circles, and no browser follows them. But a match that
                # begins at a word in a comment may swallow a real import behind it.
                inside = min(max(end - match.start(), 0), len(matched))
                return matched[:inside] + match.re.sub(converter, matched[inside:])
            url = match.groupdict()["url"]
            if _is_for_tools_only(url, in_script=in_script) or _is_hashed(name, url, hashed_files):
                return matched
            return convert(match)

        return converter


def _is_hashed(name: str, url: str, hashed_files: dict[str, str]) -> bool:
    """Whether an earlier pattern has rewritten this reference already.

    The pattern for `export … from` runs on to the next `from`, be it that of an import.
    """
    target = posixpath.normpath(posixpath.join(posixpath.dirname(name), url))
    return target in hashed_files.values()


def _comment_end(script: str, at: int) -> int | None:
    """Where the comment that holds this place ends; none where it stands in no comment."""
    opened = script.rfind("/*", 0, at)
    if opened > script.rfind("*/", 0, at):
        closed = script.find("*/", at)
        return len(script) if closed < 0 else closed + 2
    line = script.rfind("\n", 0, at) + 1
    if _LINE_COMMENT.search(script[line:at]):
        ended = script.find("\n", at)
        return len(script) if ended < 0 else ended
    return None


def _is_for_tools_only(url: str, *, in_script: bool) -> bool:
    """Source maps and declaration files; in scripts also bare package names inside JSDoc types."""
    path = url.split("#")[0].split("?")[0].strip()
    is_bare = not path.startswith((".", "/", "http:", "https:", "data:"))
    return path.endswith((".map", ".d.ts")) or (in_script and is_bare)
