"""Writes the release of the cast to the archive named on the command line: for runs under another environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.annotation.export.dicom.cast import answers, make_release, pack


def main() -> None:
    os.umask(int(sys.argv[2], 8))
    packed = pack(Path(sys.argv[1]), lambda folder: make_release(folder, given=answers(64)[:5]))
    print(packed.archive)


if __name__ == "__main__":
    main()
