"""Which server a command speaks to: the arguments that such commands share."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthlab.client.client import DEFAULT_URL, Client


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


def client_of(options: Mapping[str, Any]) -> Client:
    """The client that the arguments ask for.

    The token comes from a file or the environment: an argument could be read by everybody on the machine.

    Raises:
        OSError: The token's file cannot be read.
        ValueError: There is no token.
        UnsafeAddress: Plain HTTP to another machine, or no address of a server.
    """
    file: Path | None = options["token_file"]
    token = file.read_text(encoding="utf-8").strip() if file else None
    return Client(options["url"], token, allow_http=options["allow_http"])
