"""Writes an archive and kills itself on the way: `FORMAT TARGET POINT`, for the test that nothing half-made has a name."""

import os
import signal
import sys
from pathlib import Path

from annotation.export.package import write_package
from tests.annotation.export.rich import make_rich_release

sys.dont_write_bytecode = True


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    format, target, point = sys.argv[1:]
    images = Path(target).parent / "images"
    images.mkdir(exist_ok=True)
    release = make_rich_release(images)
    if point == "sync":
        os.fsync = die  # type: ignore[assignment]
    if point == "rename":
        Path.replace = die  # type: ignore[assignment,method-assign]
    write_package(
        release,
        format=format,
        image_path=images.joinpath,
        target=Path(target),
        on_progress=lambda done, total: die() if str(done) == point else None,
    )


if __name__ == "__main__":
    main()
