"""Static files under names that hold their digest, so that browsers may keep them for ever."""

from collections.abc import Callable
from re import Match

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage


class ModuleManifestStorage(ManifestStaticFilesStorage):
    """The manifest storage, with the imports between our ES modules rewritten to the hashed names.

    Modules may not import each other in a circle: a file's name would depend on itself.
    """

    support_js_module_import_aggregation = True
    # One pass settles one level of imports; Django's five are too few for a chain of modules.
    max_post_process_passes = 25

    def url_converter(
        self, name: str, hashed_files: dict[str, str], template: str | None = None
    ) -> Callable[[Match[str]], str]:
        """Rewrite a reference, but leave alone what no browser will ever ask for."""
        convert: Callable[[Match[str]], str] = super().url_converter(name, hashed_files, template)

        def converter(match: Match[str]) -> str:
            url = match.groupdict()["url"]
            if _is_for_tools_only(url, in_script=name.endswith((".js", ".mjs"))):
                return match.groupdict()["matched"]
            return convert(match)

        return converter


def _is_for_tools_only(url: str, *, in_script: bool) -> bool:
    """Source maps and declaration files; in scripts also bare package names inside JSDoc types."""
    path = url.split("#")[0].split("?")[0].strip()
    is_bare = not path.startswith((".", "/", "http:", "https:", "data:"))
    return path.endswith((".map", ".d.ts")) or (in_script and is_bare)
