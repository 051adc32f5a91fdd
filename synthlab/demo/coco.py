"""Reading an export back with somebody else's reader."""

from __future__ import annotations

import contextlib
import io
import zipfile
from pathlib import Path
from typing import Any

from annotation.export.coco import IMAGES, INSTANCES
from annotation.export.verify import verify_archive


def read_back(archive: Path, folder: Path) -> dict[str, Any]:
    """Verify an export and open it with pycocotools where that is installed.

    Raises:
        BadArchiveError: The archive does not verify.
        RuntimeError: Its annotations and images do not belong together.
    """
    verified = verify_archive(archive)
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    found = _counts(folder)
    if found.get("exported", verified.images) != verified.images:
        raise RuntimeError(f"pycocotools sees {found['exported']} images, the manifest {verified.images}")
    return {"verified_images": verified.images, "verified_regions": verified.regions, **found}


def _counts(folder: Path) -> dict[str, Any]:
    try:
        from pycocotools.coco import COCO
    except ImportError:
        return {}
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(folder / INSTANCES))
    images = coco.loadImgs(coco.getImgIds())
    missing = [row["file_name"] for row in images if not (folder / IMAGES / row["file_name"]).is_file()]
    if missing:
        raise RuntimeError(f"{len(missing)} images of the export are not in it")
    regions = coco.loadAnns(coco.getAnnIds())
    wrong = [row["id"] for row in regions if abs(float(coco.annToMask(row).sum()) - row["area"]) > 1]
    if wrong:
        raise RuntimeError(f"{len(wrong)} regions have another area than they say")
    return {"exported": len(images), "regions": len(regions), "classes": len(coco.getCatIds())}
