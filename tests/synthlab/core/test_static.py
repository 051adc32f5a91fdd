"""Static files under hashed names, with the imports between modules rewritten and nothing else."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command

MAIN = """// @ts-check
/** @import {Thing} from "./types.d.ts"; */
/** @type {import("./b.js").Thing} */
// Things that we import from elsewhere
/* import { nothing } from "./missing.js"; */
import { one } from "./b.js";
import "./c.js";
export { two } from "./deep/d.js";
/** @param {import("@annotorious/annotorious").Shape} shape */
export const lazy = () => import("./c.js");
export const cast = /** @type {import("./b.js").Thing} */ (one);
const text = "see https://example.org//path"; import three from "./c.js";
//# sourceMappingURL=main.js.map
"""


@pytest.fixture
def collected(settings: Any, tmp_path: Path) -> tuple[Path, dict[str, str]]:
    source = tmp_path / "source"
    (source / "js" / "deep").mkdir(parents=True)
    (source / "js" / "main.js").write_text(MAIN)
    # Types refer back: a circle that only lives in comments.
    (source / "js" / "b.js").write_text('/** @type {import("./main.js").X} */\nexport const one = 1;\n')
    (source / "js" / "c.js").write_text("export default 3;\n")
    (source / "js" / "deep" / "d.js").write_text('import "../c.js";\nexport const two = 2;\n')
    (source / "css").mkdir()
    (source / "css" / "base.css").write_text('@import "tokens.css";\nbody { background: url(dot.svg); }\n')
    (source / "css" / "tokens.css").write_text(":root { --a: 1; }\n")
    (source / "css" / "dot.svg").write_text("<svg/>")
    settings.STATICFILES_DIRS = [source]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STORAGES = {
        **django_settings.STORAGES,
        "staticfiles": {"BACKEND": "synthlab.core.static.ModuleManifestStorage"},
    }
    call_command("collectstatic", interactive=False, verbosity=0)
    manifest = json.loads((settings.STATIC_ROOT / "staticfiles.json").read_text())
    return settings.STATIC_ROOT, manifest["paths"]


def test_imports_are_rewritten_and_comments_are_not(collected: tuple[Path, dict[str, str]]) -> None:
    root, names = collected
    text = (root / names["js/main.js"]).read_text()
    hashed = {name: Path(target).name for name, target in names.items()}
    assert f'import {{ one }} from "./{hashed["js/b.js"]}";' in text
    assert f'import"./{hashed["js/c.js"]}";' in text
    assert f'export {{ two }} from "./deep/{hashed["js/deep/d.js"]}";' in text
    assert f'import("./{hashed["js/c.js"]}")' in text
    assert f'import three from "./{hashed["js/c.js"]}";' in text
    for untouched in (
        'import("./b.js").Thing',
        '"./missing.js"',
        "main.js.map",
    ):
        assert untouched in text
    code = re.sub(r"/\*.*?\*/|^//.*$", "", text, flags=re.S | re.M)
    assert not re.search(r'"\./[a-z]+\.js"', code)


def test_doc_comments_stay_here_and_lines_keep_their_numbers(collected: tuple[Path, dict[str, str]]) -> None:
    root, names = collected
    lines = (root / names["js/main.js"]).read_text().splitlines()
    assert len(lines) == len(MAIN.splitlines())
    assert "types.d.ts" not in "".join(lines)
    assert "annotorious" not in "".join(lines)
    for number, line in enumerate(MAIN.splitlines()):
        kept = line if not line.startswith("/**") else ""
        plain = re.sub(r"\.[0-9a-f]{12}\.js", ".js", lines[number])
        assert plain.replace(" ", "") == kept.replace(" ", "")


def test_styles_are_rewritten(collected: tuple[Path, dict[str, str]]) -> None:
    root, names = collected
    text = (root / names["css/base.css"]).read_text()
    assert Path(names["css/tokens.css"]).name in text
    assert Path(names["css/dot.svg"]).name in text


def test_our_own_files_can_be_collected(settings: Any, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STORAGES = {
        **django_settings.STORAGES,
        "staticfiles": {"BACKEND": "synthlab.core.static.ModuleManifestStorage"},
    }
    call_command("collectstatic", interactive=False, verbosity=0)
    names = json.loads((settings.STATIC_ROOT / "staticfiles.json").read_text())["paths"]
    for name in ("js/pages/workbench.js", "css/base.css"):
        plain = settings.STATIC_ROOT / names[name]
        packed = plain.with_name(f"{plain.name}.gz").read_bytes()
        assert gzip.decompress(packed) == plain.read_bytes()
        assert len(packed) < plain.stat().st_size / 2
    sent = _reached_from("annotation/workbench.html", settings.STATIC_ROOT, names)
    assert any(path.name.startswith("reading.") for path in sent), "modules behind modules are counted"
    weight = sum(path.with_name(f"{path.name}.gz").stat().st_size for path in sent)
    assert weight < 100_000, "the reading page's script and style, as they are sent"


def _reached_from(template: str, root: Path, names: dict[str, str]) -> set[Path]:
    """Scripts and styles that a page loads, and what these load."""
    templates = django_settings.SHARE / "templates"
    text = (templates / "base.html").read_text() + (templates / template).read_text()
    waiting = [root / names[name] for name in re.findall(r"""static '([\w/-]+\.(?:js|css))'""", text)]
    reached: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path in reached:
            continue
        reached.add(path)
        found = re.findall(r"""(?:from|import|url)[ (]*"(\.[^"]+)\"""", path.read_text())
        waiting += [(path.parent / name).resolve() for name in found]
    return reached
