"""torch-fidelity from PyPI beside our own packages: a contender here, an oracle in the tests.

Its wheel holds a package called `tests`, which would hide ours. So it lies in a folder of its own, the last to be searched,
with our own torch.
"""

import subprocess
import sys

from bench.harness import ROOT

PINNED = ("torch-fidelity==0.4.0", "tqdm==4.70.1")
FOLDER = ROOT / "var" / "peers" / "torch-fidelity"


def install() -> None:
    """Make `import torch_fidelity` work in this process; fetched at the first call."""
    mark = FOLDER / "complete"
    if not mark.exists():
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--target",
            str(FOLDER),
            *PINNED,
        ]
        subprocess.run(command, check=True, stdout=sys.stderr)
        mark.touch()
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
