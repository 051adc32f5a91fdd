"""Settings from the environment: one reader, typed, with `*_FILE` secrets and one-line refusals."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from environs import Env

env = Env()

MIN_SECRET_LENGTH = 40


class BadConfiguration(SystemExit):
    """The configuration is unsafe or unreadable: one clear line, and no start."""

    def __init__(self, line: str) -> None:
        super().__init__(f"synthlab: refusing to start: {line}")


def read_secret(name: str, fallback_file: Path) -> str:
    """Read a secret from `NAME`, from the file named by `NAME_FILE`, or from one made at first start.

    Args:
        name: The environment variable.
        fallback_file: Where a random secret is kept, readable by its owner only.

    Raises:
        BadConfiguration: The secret is too short, or its file can be read by others.
    """
    secret = env.str(name, "")
    if not secret:
        given = env.str(f"{name}_FILE", "")
        secret = _read_secret_file(Path(given) if given else fallback_file, make=not given)
    if len(secret) < MIN_SECRET_LENGTH or len(set(secret)) < 10:
        raise BadConfiguration(
            f"{name} is too weak: give at least {MIN_SECRET_LENGTH} random characters, "
            f"or unset it and one is made for you"
        )
    return secret


def _read_secret_file(path: Path, *, make: bool) -> str:
    if make and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # O_EXCL: of two processes that start together one makes the file, the other reads it.
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(50))
    try:
        if path.stat().st_mode & 0o077:
            raise BadConfiguration(f"{path.name} can be read by others: run chmod 600 on it")
        return path.read_text().strip()
    except OSError as error:
        raise BadConfiguration(f"cannot read the secret file: {error.strerror}") from error


def is_loopback(bind: str) -> bool:
    """Whether an address `host:port` can be reached from this machine only."""
    host = bind.rsplit(":", 1)[0].strip("[]")
    return host in {"localhost", "::1"} or host.startswith("127.")
