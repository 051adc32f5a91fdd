"""The console script `synthlab`: our management commands, under the names that people type."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

# `check` is Django's own name for another thing.
_RENAMED = {"check": "check_data"}
_FROM_DJANGO = {"migrate", "shell", "createcachetable", "collectstatic", "dbshell"}
_PIPE_CLOSED = 128 + signal.SIGPIPE  # what shells call it
_OUR_APPS = ("synthlab.", "generation", "evaluation", "annotation")


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with its status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "synthlab.settings")
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        print(_usage())
        sys.exit(0)
    if arguments[0] in {"-V", "--version"}:
        from synthlab.version import code_version

        print(code_version())
        sys.exit(0)
    name, command = arguments[0], command_name(arguments[0])
    if command not in _commands():
        print(f"synthlab: there is no command {name!r}\n\n{_usage()}", file=sys.stderr)
        sys.exit(2)
    from django.core.management import execute_from_command_line
    from django.db import OperationalError, ProgrammingError

    try:
        execute_from_command_line(["synthlab", command, *arguments[1:]])
        sys.stdout.flush()
    except (OperationalError, ProgrammingError) as error:
        reason = str(error).strip().splitlines()[0]
        sys.exit(
            f"synthlab: the database is not ready ({reason}). "
            f"Run `synthlab migrate`, or start everything with `synthlab up`, and try again."
        )
    except BrokenPipeError:
        # Who read the answer has left, as `| head` does: nobody is there to be told, and closing the pipe would fail again.
        os._exit(_PIPE_CLOSED)
    sys.exit(0)


def command_name(name: str) -> str:
    """The management command that a typed name stands for."""
    return _RENAMED.get(name, name.replace("-", "_"))


def _commands() -> dict[str, str]:
    import django
    from django.core.management import get_commands

    django.setup()
    return {
        command: app
        for command, app in get_commands().items()
        if app.startswith(_OUR_APPS) or command in _FROM_DJANGO
    }


def _usage() -> str:
    from django.core.management import load_command_class

    typed = {command: shown for shown, command in _RENAMED.items()}
    lines = ["usage: synthlab COMMAND [options]   (synthlab COMMAND --help tells more)", ""]
    for command, app in sorted(_commands().items()):
        shown = typed.get(command, command.replace("_", "-"))
        lines.append(f"  {shown:<18} {load_command_class(app, command).help}")
    return "\n".join(lines)
