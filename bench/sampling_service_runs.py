"""The two servers that `bench.sampling_service` compares, each a process group that cannot outlive the benchmark.

`python -m bench.sampling_service_runs SPEC.json` is the plain one: LitServe as its manual begins, with a naive `predict`.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from bench.harness import ROOT
from generation.child import die_with_parent
from synthlab.core.numerics import NUMERICS

SECRET_HEADER, SECRET_VARIABLE = "X-Model-Service-Secret", "SYNTHLAB_MODEL_SERVICE_SECRET"
START_SECONDS, STOP_SECONDS, ANSWER_SECONDS = 120, 10, 35


class Server:
    """A server of samples on a free port of loopback, with one generator.

    Args:
        weights: the generator.
        digest: SHA-256 of that file.
        folder: an empty one for what the server needs.
        plain: LitServe's defaults in place of the service.
    """

    def __init__(self, weights: Path, digest: str, folder: Path, *, plain: bool) -> None:
        folder.mkdir()
        shutil.copy(weights, folder / f"{digest}.safetensors")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        spec = folder / "serve.json"
        spec.write_text(json.dumps({"folder": str(folder), "digest": digest, "port": port}))
        module = ["bench.sampling_service_runs"] if plain else ["generation.ml", "serve"]
        numerics = {} if plain else NUMERICS  # as `synthlab up` starts it
        self._digest, self._secret = digest, secrets.token_urlsafe()
        self._url = f"http://127.0.0.1:{port}"
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", *module, str(spec)],
            cwd=ROOT,
            env={**os.environ, **numerics, SECRET_VARIABLE: self._secret, "TMPDIR": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )

    def client(self) -> httpx.Client:
        """A connection of one caller's own."""
        headers = {SECRET_HEADER: self._secret, "Accept-Encoding": "identity"}
        return httpx.Client(base_url=self._url, headers=headers, timeout=ANSWER_SECONDS, trust_env=False)

    def ask(self, client: httpx.Client, count: int, seed: int) -> None:
        """So many images."""
        body = {"digest": self._digest, "seed": seed, "count": count}
        client.post("/sample", json=body).raise_for_status()

    def wait_ready(self) -> None:
        """Until it answers.

        Raises:
            RuntimeError: It ended, or did not come up in time.
        """
        deadline = time.monotonic() + START_SECONDS
        with self.client() as client:
            while time.monotonic() < deadline and self._process.poll() is None:
                try:
                    if client.get("/health", timeout=5).status_code == 200:
                        return
                except httpx.HTTPError:
                    pass
                time.sleep(0.1)
        raise RuntimeError("a server did not come up:\n" + Path(self._log.name).read_text()[-2000:])

    def close(self) -> None:
        """End the whole group; asked first, then by force."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            if self._process.stdin:
                self._process.stdin.close()
            self._log.close()


def serve_plainly(spec: dict[str, Any]) -> None:
    """One request, one forward pass of its own size, one JSON answer; everything else as LitServe has it."""
    import litserve

    from bench.plain_litserve import PlainAPI

    os.register_at_fork(after_in_child=_tame_fork)  # its processes would stay when it is killed
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    server = litserve.LitServer(PlainAPI(Path(spec["folder"]), spec["digest"]), accelerator="cpu")
    server.run(host="127.0.0.1", port=spec["port"], log_level="warning", generate_client_file=False)


def _tame_fork() -> None:
    die_with_parent()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


if __name__ == "__main__":
    serve_plainly(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
