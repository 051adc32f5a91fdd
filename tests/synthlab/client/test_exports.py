"""Exports by client and command: asked for, waited for, downloaded, gone on with, and refused in words."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import CommandError, call_command

from synthlab.client import Client, NotFinished, Problem, WrongDigest
from synthlab.client import client as client_module

SNAPSHOT = "5f0c6a52-9d0a-4f0e-9f6e-0d1a1f6f0001"
EXPORT = "5f0c6a52-9d0a-4f0e-9f6e-0d1a1f6f0002"
JOB = "5f0c6a52-9d0a-4f0e-9f6e-0d1a1f6f0003"
CONTENT = bytes(range(256)) * 4000


class Server:
    """A server that has one export, and breaks its download off where it is told to."""

    def __init__(self, *, breaks_at: int = 0, content: bytes = CONTENT, state: str = "succeeded"):
        self.breaks_at, self.content, self.state = breaks_at, content, state
        self.asked: list[dict[str, Any]] = []
        self.ranges: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1").strip("/")
        if request.method == "POST" and path == "exports":
            self.asked.append(json.loads(request.content))
            if self.asked[-1]["format"] == "floppy":
                return httpx.Response(422, json={"code": "format_unknown", "detail": "no floppies"})
            return httpx.Response(202, json=self.row("queued"))
        if path == f"jobs/{JOB}":
            return httpx.Response(200, json={"id": JOB, "kind": "export", "state": "succeeded"})
        if path == f"exports/{EXPORT}/file":
            return self.file(request.headers.get("Range", ""))
        if path == f"snapshots/{SNAPSHOT}/formats":
            return httpx.Response(200, json=[{"key": "coco", "losses": []}])
        return httpx.Response(200, json=self.row(self.state))

    def row(self, state: str) -> dict[str, Any]:
        digest = hashlib.sha256(CONTENT).hexdigest() if state == "succeeded" else ""
        return {
            "id": EXPORT, "snapshot": SNAPSHOT, "job": JOB, "format": "yolo", "options": {"task": "segment"}, "state": state,
            "digest": digest, "size": len(CONTENT),
        }  # fmt: skip

    def file(self, asked: str) -> httpx.Response:
        self.ranges.append(asked)
        start = int(match[1]) if (match := re.fullmatch(r"bytes=(\d+)-", asked)) else 0
        end = len(self.content)
        headers = {"ETag": '"e"', "Accept-Ranges": "bytes", "Content-Length": str(end - start)}
        if start:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{end}"
        return httpx.Response(
            206 if start else 200, headers=headers, stream=Broken(self, self.content[start:])
        )


class Broken(httpx.SyncByteStream):
    """A body that ends too early, once."""

    def __init__(self, server: Server, content: bytes):
        self.server, self.content = server, content

    def __iter__(self):
        cut, self.server.breaks_at = self.server.breaks_at, 0
        if cut:
            yield self.content[:cut]
            raise httpx.ReadError("the line broke")
        yield self.content


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)


def client_of(server):
    return Client("https://lab.test", "slt_x", transport=httpx.MockTransport(server))


def test_an_export_is_asked_for_waited_for_and_downloaded(tmp_path):
    server = Server()
    with client_of(server) as client:
        assert client.formats(SNAPSHOT) == [{"key": "coco", "losses": []}]
        export = client.export(snapshot=SNAPSHOT, format="yolo", options={"task": "segment"})
        path = export.wait(progress=False).download(tmp_path, progress=False)
    assert server.asked == [{"snapshot": SNAPSHOT, "format": "yolo", "options": {"task": "segment"}}]
    assert path.name == f"synthlab-yolo-{hashlib.sha256(CONTENT).hexdigest()[:12]}.zip"
    assert path.read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [path]


def test_a_broken_download_goes_on_where_it_stopped(tmp_path):
    server = Server(breaks_at=300_000)
    with client_of(server) as client:
        client.export_of(EXPORT).download(tmp_path / "a.zip", progress=False)
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert server.ranges == ["", "bytes=300000-"]


def test_another_file_than_the_promised_one_gets_no_name(tmp_path):
    with client_of(Server(content=CONTENT[::-1])) as client, pytest.raises(WrongDigest):
        client.export_of(EXPORT).download(tmp_path / "a.zip", progress=False)
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_written_is_not_downloaded(tmp_path):
    with client_of(Server(state="running")) as client, pytest.raises(NotFinished):
        client.export_of(EXPORT).download(tmp_path / "a.zip", progress=False)


def test_a_refusal_is_a_problem():
    with client_of(Server()) as client, pytest.raises(Problem, match="no floppies"):
        client.export(snapshot=SNAPSHOT, format="floppy")


@pytest.fixture
def command(monkeypatch, tmp_path):
    """`synthlab export` against a server of ours."""
    server = Server()
    made = client_module.Client.__init__

    def init(self, url=None, token=None, **options):
        made(self, "https://lab.test", token, transport=httpx.MockTransport(server))

    monkeypatch.setattr(client_module.Client, "__init__", init)
    monkeypatch.setenv("SYNTHLAB_TOKEN", "slt_x")
    return server


def test_the_command_writes_the_archive_and_says_its_digest(command, tmp_path, capsys):
    call_command("export", SNAPSHOT, format="yolo", option=["task=segment"], out=tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert command.asked[0]["options"] == {"task": "segment"}
    assert hashlib.sha256(CONTENT).hexdigest() in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"option": ["task"]}, "NAME=VALUE"),
        ({"token_file": Path("/nonexistent/token")}, "No such file"),
    ],
)
def test_the_command_says_what_is_wrong(command, tmp_path, wish, words):
    with pytest.raises(CommandError, match=words):
        call_command("export", SNAPSHOT, out=tmp_path / "a.zip", **wish)
