"""A laboratory that misbehaves on purpose, over real sockets: it drops lines, lies, and asks for patience."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import uuid
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

API = "/api/v1"
PAGE = 40


class Lab:
    """One batch of `count` small images in two classes, its generator and its job.

    Attributes:
        planned: path → answers (status, headers, body) that come before the true one.
        cuts: path → after how many bytes each of the next answers breaks off.
        ranges: whether the archive takes ranges.
        seen: every request: method, path, headers.
    """

    def __init__(self, count: int = 6) -> None:
        self.planned: defaultdict[str, list[tuple[int, dict[str, str], Any]]] = defaultdict(list)
        self.cuts: defaultdict[str, list[int]] = defaultdict(list)
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.ranges = True
        self.token = "slt_good"
        self.batch_id, self.generator_id, self.job_id = (str(uuid.uuid4()) for _ in range(3))
        self.files = [_png(index) for index in range(count)]
        self.rows = [self._row(index, content) for index, content in enumerate(self.files)]
        self.state, self.job_states = "succeeded", ["succeeded"]
        self.sent = dict(zip((row["id"] for row in self.rows), self.files, strict=True))

    def _row(self, index: int, content: bytes) -> dict[str, Any]:
        return {
            "id": str(uuid.uuid4()), "index": index, "class_key": "rare" if index % 3 == 0 else "common",
            "digest": hashlib.sha256(content).hexdigest(), "width": 8, "height": 8, "size": len(content),
            "recipe": {"generator": "a" * 64, "seed": f"{index:016x}", "index": index}, "added_later": {"x": 1},
        }  # fmt: skip

    def batch(self) -> dict[str, Any]:
        return {
            "id": self.batch_id, "generator": self.generator_id, "job": self.job_id, "state": self.state,
            "count": len(self.files), "image_count": len(self.files), "seed": 7, "truncation": 1.0,
            "class_mix": {"rare": 2, "common": 4}, "recipe": {"generator": "a" * 64, "truncation": 1.0},
            "created_at": "2026-01-02T03:04:05.678901Z", "completed_at": None, "added_later": True,
        }  # fmt: skip

    def job(self) -> dict[str, Any]:
        state = self.job_states.pop(0) if len(self.job_states) > 1 else self.job_states[0]
        done = len(self.files) if state == "succeeded" else 2
        return {
            "id": self.job_id, "kind": "batch", "state": state, "phase": "sampling", "progress_done": done,
            "progress_total": len(self.files), "eta_seconds": 90, "error": "", "error_code": "", "result": None,
        }  # fmt: skip

    def archive(self) -> bytes:
        """Its members bear names that nobody should obey."""
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for row in self.rows:
                # With no time of day in it: the same archive whenever it is asked for.
                archive.writestr(zipfile.ZipInfo(f"../../{row['index']}.png"), self.sent[row["id"]])
        return stream.getvalue()

    def paths(self, method: str = "GET") -> list[str]:
        return [path for verb, path, _ in self.seen if verb == method]

    def answer(self, method: str, path: str, query: str) -> tuple[int, dict[str, str], Any]:
        """The true answer."""
        if path in (f"/batches/{self.batch_id}", "/batches"):
            return 202 if method == "POST" else 200, {}, self.batch()
        if path == f"/generators/{self.generator_id}":
            facts = {"name": "g", "digest": "a" * 64, "state": "approved", "classes": ["common", "rare"]}
            return 200, {}, {"id": self.generator_id, **facts}
        if path == f"/jobs/{self.job_id}":
            return 200, {}, self.job()
        if path == f"/batches/{self.batch_id}/images":
            return 200, {}, self._page(path, query)
        return self._file(path)

    def _page(self, path: str, query: str) -> dict[str, Any]:
        begin = int(query.rpartition("cursor=")[2] or 0) if "cursor=" in query else 0
        more = begin + PAGE < len(self.rows)
        # As behind a proxy that hides the name under which it is called.
        following = f"https://elsewhere.example{API}{path}?cursor={begin + PAGE}" if more else None
        return {"next": following, "previous": None, "results": self.rows[begin : begin + PAGE]}

    def _file(self, path: str) -> tuple[int, dict[str, str], Any]:
        if path == f"/batches/{self.batch_id}/archive" and self.state == "succeeded":
            return 200, {"Accept-Ranges": "bytes"} if self.ranges else {}, self.archive()
        content = self.sent.get(path.removeprefix("/images/").removesuffix("/file"))
        if content is not None:
            return 200, {"Accept-Ranges": "bytes"}, content
        return problem(404, "not_found") if "/batches/" not in path else problem(409, "batch_not_finished")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64  # on a busy machine five would refuse lines that no test broke


def problem(status: int, code: str, **headers: str) -> tuple[int, dict[str, str], Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, named, {"status": status, "code": code, "detail": f"about {code}", "request_id": "r-1"}


@contextmanager
def serving(lab: Lab) -> Iterator[str]:
    """The laboratory's address, while it is open."""
    server = _Server(("127.0.0.1", 0), _handler_of(lab))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler_of(lab: Lab) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.handle_any()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.handle_any()

        def handle_any(self) -> None:
            whole, _, query = self.path.partition("?")
            path = whole.removeprefix(API)
            lab.seen.append((self.command, path, dict(self.headers)))
            status, headers, body = self.truth(path, query)
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            if isinstance(body, bytes):
                headers = {**headers, "ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
                status, headers, content = _ranged(self.headers, status, headers, content)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if lab.cuts[path]:
                content = content[: lab.cuts[path].pop(0)]
                self.close_connection = True
            self.wfile.write(content)

        def truth(self, path: str, query: str) -> tuple[int, dict[str, str], Any]:
            if self.headers.get("Authorization") != f"Bearer {lab.token}":
                return problem(401, "token_invalid")
            return lab.planned[path].pop(0) if lab.planned[path] else lab.answer(self.command, path, query)

        def log_message(self, *_: object) -> None:
            """Silence."""

    return Handler


def _ranged(asked: Any, status: int, headers: dict[str, str], content: bytes) -> tuple[int, Any, bytes]:
    wanted = asked.get("Range")
    if (
        not wanted
        or "Accept-Ranges" not in headers
        or asked.get("If-Range", headers["ETag"]) != headers["ETag"]
    ):
        return status, headers, content
    begin = int(wanted.removeprefix("bytes=").removesuffix("-"))
    if begin >= len(content):
        return 416, {**headers, "Content-Range": f"bytes */{len(content)}"}, b""
    return 206, {
        **headers, "Content-Range": f"bytes {begin}-{len(content) - 1}/{len(content)}"
    }, content[begin:]  # fmt: skip


def _png(seed: int) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()
