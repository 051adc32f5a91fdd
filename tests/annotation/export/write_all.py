"""Writes the rich release in every format to a folder: `FOLDER UMASK [reversed]`, for runs under another environment."""

import os
import sys
import tempfile
from pathlib import Path

from annotation.export.package import write_package
from annotation.export.registry import FORMATS
from tests.annotation.export.rich import make_rich_release


def main() -> None:
    target, umask, *rest = sys.argv[1:]
    os.umask(int(umask, 8))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first = folder / "first"
        first.mkdir()
        release = make_rich_release(first, split=True)
        if rest:  # the same files, made in another order
            images = folder / "again"
            images.mkdir()
            for path in sorted(first.iterdir(), reverse=True):
                (images / path.name).write_bytes(path.read_bytes())
            first = images
        for key in FORMATS:
            write_package(release, format=key, image_path=first.joinpath, target=Path(target) / f"{key}.zip")


if __name__ == "__main__":
    main()
