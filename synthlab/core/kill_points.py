"""Named places at which a test kills the process, to prove that nothing is lost there."""

import os
import signal

_VARIABLE = "SYNTHLAB_KILL_POINT"
_visits: dict[str, int] = {}


def kill_point(name: str) -> None:
    """Do nothing; or, where `SYNTHLAB_KILL_POINT=name` or `name:n` names this place, die here by SIGKILL.

    A call stands after every step that the outside can see: row written, file renamed, message sent.

    Args:
        name: Unique in the code base, `noun.step`.
    """
    wanted = os.environ.get(_VARIABLE)
    if not wanted:
        return
    chosen, _, nth = wanted.partition(":")
    if chosen != name:
        return
    _visits[name] = _visits.get(name, 0) + 1
    if _visits[name] == int(nth or 1):
        os.kill(os.getpid(), signal.SIGKILL)
