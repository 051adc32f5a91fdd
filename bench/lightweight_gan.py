"""lightweight-gan from PyPI as a contender, where a GPU is at hand: without CUDA it refuses to be imported.

As a script this is the driver that runs inside an environment of its own, with the peer's defaults of the command line,
and imports nothing of this project.
"""

import json
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

VERSION = "1.2.1"


def environment(folder: Path) -> Path:
    """The Python of an environment with the peer in it; made at the first call."""
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        venv.create(folder, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "--quiet", f"lightweight-gan=={VERSION}"]
        subprocess.run(command, check=True)
        (folder / "complete").touch()
    return python


def drive(spec: dict[str, Any]) -> dict[str, Any]:
    """Train until `seconds` on the clock are spent over all calls, then draw `count` images of the averaged generator."""
    import torch
    from lightweight_gan import Trainer  # type: ignore[import-not-found]

    work = Path(spec["work"])
    torch.manual_seed(spec["seed"])
    trainer = Trainer(
        name="run",
        base_dir=str(work),
        image_size=64,
        batch_size=10,
        gradient_accumulate_every=4,
        attn_res_layers=[32],
        disc_output_size=1,
        save_every=10**9,
        evaluate_every=10**9,
        use_aim=False,
    )
    spent = 0.0
    if (work / "spent.json").exists():
        spent = json.loads((work / "spent.json").read_text())
        trainer.load(0)
    else:
        trainer.clear()
    trainer.set_data_src(spec["images"])
    started = time.monotonic()
    while spent + time.monotonic() - started < spec["seconds"]:
        trainer.train()
    torch.cuda.synchronize()
    spent += time.monotonic() - started
    trainer.save(0)
    (work / "spent.json").write_text(json.dumps(spent))
    folder = trainer.generate("drawn", spec["count"], "mark", ["ema"])
    return {
        "folder": str(folder),
        "step": trainer.steps,
        "batch_size": 40,
        "seconds": spent,
        "peak_mib": torch.cuda.max_memory_allocated() // 2**20,
    }


if __name__ == "__main__":
    order = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    (Path(order["work"]) / "result.json").write_text(json.dumps(drive(order)), encoding="utf-8")
