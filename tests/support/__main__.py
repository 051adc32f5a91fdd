"""Child processes that behave well or badly on purpose."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from generation.child import BadInput, Reporter, child_main


def steps(spec: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Counts, saving each step; stops when told, unless deaf."""
    _tell_pid(spec)
    work = Path(spec["work"])
    for step in range(spec["start"], spec.get("steps", 5)):
        time.sleep(spec.get("delay", 0.01))
        reporter.progress("counting", step + 1, spec.get("steps", 5), step=step)
        reporter.metric(step, {"loss": 1.0 / (step + 1)})
        if spec.get("save", True):
            checkpoint = work / f"checkpoint-{step + 1}"
            checkpoint.mkdir()
            reporter.cursor({"step": step + 1, "checkpoint": str(checkpoint)})
        if reporter.should_stop and not spec.get("deaf"):
            return {"stopped": True, "step": step + 1}
    print("counted", file=sys.stderr)
    return {"stopped": False, "step": spec.get("steps", 5)}


def poison(spec: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Ends without an answer, in the way that it is asked to."""
    way = spec.get("way", "kill")
    print(f"poison: {way}", file=sys.stderr)
    if way == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if way == "exit":
        os._exit(7)
    if way == "silence":
        os._exit(0)
    if way == "babble":
        reporter._send("not json\n")
        time.sleep(30)
    if way == "refuse":
        raise BadInput("bad_picture", "The picture cannot be read.")
    raise RuntimeError("a bug")


def stumble(spec: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Gets one step further each time, and is killed."""
    step = spec["start"] + 1
    reporter.cursor({"step": step})
    if step < spec["steps"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"step": step}


def _tell_pid(spec: dict[str, Any]) -> None:
    if "pid_file" in spec:
        Path(spec["pid_file"]).write_text(str(os.getpid()))


if __name__ == "__main__":
    child_main({"steps": steps, "poison": poison, "stumble": stumble})
