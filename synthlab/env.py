"""Settings from the environment: one reader, typed, with `*_FILE` secrets and one-line refusals."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, TypeVar

import dj_database_url
from dj_database_url import DBConfig
from environs import Env, EnvError

MIN_SECRET_LENGTH = 40

T = TypeVar("T")


class BadConfiguration(SystemExit):
    """The configuration is unsafe or unreadable: one clear line, and no start."""

    def __init__(self, line: str) -> None:
        super().__init__(f"synthlab: refusing to start: {line}")


# The readers are called after the types they give, so inside the class the types need other names.
Text: TypeAlias = str
Whole: TypeAlias = int
Flag: TypeAlias = bool
Real: TypeAlias = float
Words: TypeAlias = list[str]


class Settings:
    """environs' readers, except that an unreadable value ends the start with one line."""

    def __init__(self) -> None:
        self._env = Env()

    def str(self, name: Text, default: Text) -> Text:
        return self._read(name, lambda: self._env.str(name, default), "a text")

    def bool(self, name: Text, default: Flag) -> Flag:
        return self._read(name, lambda: self._env.bool(name, default), "true or false")

    def int(
        self, name: Text, default: Whole, *, low: Whole | None = None, high: Whole | None = None
    ) -> Whole:
        """A whole number, refused outside of `low` to `high`."""
        value = self._read(name, lambda: self._env.int(name, default), "a whole number")
        if (low is not None and value < low) or (high is not None and value > high):
            raise BadConfiguration(f"{name} is {value}; it must lie between {low} and {high or 'any number'}")
        return value

    def float(self, name: Text, default: Real) -> Real:
        return self._read(name, lambda: self._env.float(name, default), "a number")

    def list(self, name: Text, default: Words) -> Words:
        return self._read(name, lambda: self._env.list(name, default), "a list, parted by commas")

    def path(self, name: Text, default: Path) -> Path:
        return self._read(name, lambda: Path(self._env.path(name, default)), "a path")

    def log_level(self, name: Text, default: Text) -> Whole:
        return self._read(
            name,
            lambda: self._env.log_level(name, logging.getLevelNamesMapping()[default]),
            "a log level such as INFO",
        )

    @staticmethod
    def _read(name: Text, reader: Callable[[], T], expected: Text) -> T:
        try:
            return reader()
        except (EnvError, ValueError):
            # The value itself is not shown: it may be a secret that was put in the wrong place.
            raise BadConfiguration(f"{name} must be {expected}") from None


env = Settings()


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


def refuse_unsafe_listening(
    *,
    on_loopback: bool,
    debug: bool,
    https: bool,
    hosts: list[str],
    local_hosts: list[str],
    origins: list[str],
) -> None:
    """Refuse what is convenient on one's own machine and dangerous on a network.

    Raises:
        BadConfiguration: Naming the first setting that is unsafe here.
    """
    if env.bool("SYNTHLAB_OPEN_SIGNUP", False):
        raise BadConfiguration("SYNTHLAB_OPEN_SIGNUP does not exist: people are invited by a link")
    if any("*" in origin for origin in origins):
        raise BadConfiguration("SYNTHLAB_TRUSTED_ORIGINS must name origins, without wildcards")
    if on_loopback:
        return
    if debug:
        raise BadConfiguration("SYNTHLAB_DEBUG is on while listening beyond this machine")
    if not https:
        raise BadConfiguration("SYNTHLAB_HTTPS is off while listening beyond this machine")
    if any("*" in host or host.startswith(".") for host in hosts):
        raise BadConfiguration("SYNTHLAB_ALLOWED_HOSTS must name hosts, without wildcards")
    if hosts == local_hosts:
        raise BadConfiguration("SYNTHLAB_ALLOWED_HOSTS must name the host that people will open")
    if any(not origin.startswith("https://") for origin in origins):
        raise BadConfiguration(
            "SYNTHLAB_TRUSTED_ORIGINS must start with https:// while listening beyond this machine"
        )


def parse_database_url(url: str) -> DBConfig:
    """Django's settings for a database URL, with connections that are kept and checked.

    Raises:
        BadConfiguration: It is no URL of SQLite or PostgreSQL. The URL, which may hold a password, is not shown.
    """
    try:
        config = dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True)
    except (ValueError, dj_database_url.UnknownSchemeError, dj_database_url.ParseError):
        raise BadConfiguration("DATABASE_URL cannot be read as a database URL") from None
    if config.get("ENGINE") not in {"django.db.backends.sqlite3", "django.db.backends.postgresql"}:
        raise BadConfiguration("DATABASE_URL must name SQLite or PostgreSQL")
    return config
