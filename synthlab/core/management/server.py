"""Commands that speak to a server, this one or another, through the client: their arguments and what may go wrong."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from django.core.management.base import CommandError

from synthlab.client import Client, JobFailed, Problem, UnsafeAddress, WrongDigest
from synthlab.client.client import DEFAULT_URL


def add_server_arguments(parser: ArgumentParser) -> None:
    """`--url`, `--token-file`, `--allow-http`."""
    url = os.environ.get("SYNTHLAB_URL", DEFAULT_URL)
    parser.add_argument("--url", default=url, help="the server; SYNTHLAB_URL, else %(default)s")
    parser.add_argument("--token-file", type=Path, help="holds an API token; else SYNTHLAB_TOKEN")
    parser.add_argument(
        "--allow-http",
        action="store_true",
        help="send the token unencrypted to another machine, where the network is yours alone",
    )


@contextmanager
def client_of(options: Mapping[str, Any]) -> Iterator[Client]:
    """The client that the arguments ask for; whatever goes wrong in this context ends the command with a sentence.

    Raises:
        CommandError: No token, an unsafe address, no server there, its refusal, a job that failed, a wrong download.
    """
    token = _token(options["token_file"])
    try:
        with Client(options["url"], token, allow_http=options["allow_http"]) as client:
            yield client
    except Problem as problem:
        raise CommandError(f"{problem.detail} ({problem.code})") from None
    except UnsafeAddress as error:
        words = str(error).replace("say allow_http=True", "say --allow-http")
        raise CommandError(f"--url: {words}") from None
    except httpx.TransportError as error:
        raise CommandError(f"{options['url']} cannot be reached: {error}") from None
    except (JobFailed, WrongDigest) as error:
        raise CommandError(str(error)) from None


def _token(file: Path | None) -> str:
    """From a file or the environment: an argument could be read by everybody on the machine."""
    try:
        token = file.read_text(encoding="utf-8").strip() if file else os.environ.get("SYNTHLAB_TOKEN", "")
    except OSError as error:
        raise CommandError(f"the token cannot be read: {error}") from None
    if not token:
        raise CommandError(
            "an API token is needed: SYNTHLAB_TOKEN, or --token-file (see `synthlab create-token`)"
        )
    return token
