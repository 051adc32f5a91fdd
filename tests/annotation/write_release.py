"""Writes the small release to the archive named on the command line: for runs under another environment."""

import os
import sys
import tempfile
from pathlib import Path

from annotation.export.package import write_package
from tests.annotation.releases import make_release


def main() -> None:
    os.umask(int(sys.argv[2], 8))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        release = make_release(folder)
        write_package(release, format="coco", image_path=folder.joinpath, target=Path(sys.argv[1]))


if __name__ == "__main__":
    main()
