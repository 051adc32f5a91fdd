"""The client against a server that misbehaves on purpose (httpx's own mock transport)."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import Any

import httpx
import pytest

from synthlab.client import Client, JobFailed, Problem


class Script:
    """Answers requests from a list, and remembers them."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.seen: list[httpx.Request] = []

    def __call__(self, request):
        request.read()
        self.seen.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def no_pause(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)


def client_of(script, **options):
    return Client("https://lab.test", "slt_x", transport=httpx.MockTransport(script), **options)


def json_answer(status, body, **headers):
    return httpx.Response(status, json=body, headers=headers)


def test_a_refusal_carries_its_code():
    script = Script(
        json_answer(422, {"code": "bad_count", "detail": "count: between 1 and …", "request_id": "r1"})
    )
    with client_of(script) as client, pytest.raises(Problem) as refusal:
        client.post("batches", {"count": 0})
    assert (refusal.value.status, refusal.value.code) == (422, "bad_count")
    assert refusal.value.extra["request_id"] == "r1"


def test_a_refusal_that_is_not_json_is_still_a_problem():
    with (
        client_of(Script(httpx.Response(413, text="<html>too big</html>"))) as client,
        pytest.raises(Problem, match="http_413"),
    ):
        client.get("me")


def test_a_repeated_post_keeps_its_key(no_pause):
    script = Script(
        json_answer(503, {}, **{"Retry-After": "1"}), httpx.ReadTimeout("slow"), json_answer(201, {"id": "b"})
    )
    with client_of(script) as client:
        assert client.post("batches", {"count": 1}) == {"id": "b"}
    keys = {request.headers["Idempotency-Key"] for request in script.seen}
    assert len(script.seen) == 3
    assert len(keys) == 1


def test_an_unreachable_server_is_an_error_after_all_tries(no_pause):
    script = Script(*[httpx.ConnectError("refused")] * 3)
    with client_of(script, tries=3) as client, pytest.raises(httpx.ConnectError):
        client.get("me")


def test_waiting_tells_each_state_once(no_pause):
    states = [{"state": "queued"}, {"state": "running"}, {"state": "running"}, {"state": "succeeded"}]
    seen: list[dict[str, Any]] = []
    with client_of(Script(*(json_answer(200, state) for state in states))) as client:
        assert client.wait("j", on_progress=seen.append)["state"] == "succeeded"
    assert [state["state"] for state in seen] == ["queued", "running", "succeeded"]


@pytest.mark.parametrize("state", ["failed", "dead", "cancelled"])
def test_a_job_that_ends_badly_is_an_exception(no_pause, state):
    job = {"kind": "batch", "state": state, "error": "no disk"}
    with client_of(Script(json_answer(200, job))) as client, pytest.raises(JobFailed, match="no disk"):
        client.wait("j")


def test_pages_follow_the_cursor():
    following = "http://lab.test/api/v1/batches?cursor=abc"
    script = Script(
        json_answer(200, {"results": [1, 2], "next": following}),
        json_answer(200, {"results": [3], "next": None}),
    )
    with client_of(script) as client:
        assert list(client.pages("batches", state="succeeded")) == [1, 2, 3]
    assert "cursor=abc" in str(script.seen[1].url)


def test_an_upload_names_no_file(tmp_path):
    path = tmp_path / "MUELLER_ANNA_1961.png"
    path.write_bytes(b"pixels")
    script = Script(json_answer(202, {"job": "j"}))
    with client_of(script) as client:
        client.upload("datasets/d/ingests", [path], {"options": "{}"})
    assert b"MUELLER" not in script.seen[0].content
    assert b"pixels" in script.seen[0].content


def test_a_download_goes_on_where_it_stopped_and_is_checked(tmp_path):
    whole = b"0123456789"
    digest = hashlib.sha256(whole).hexdigest()
    (tmp_path / "set.zip.part").write_bytes(whole[:4])
    script = Script(
        httpx.Response(206, stream=httpx.ByteStream(whole[4:]), headers={"Content-Range": "bytes 4-9/10"})
    )
    with client_of(script) as client:
        path = client.download("exports/e/file", tmp_path / "set.zip", digest=digest)
    assert path.read_bytes() == whole
    assert script.seen[0].headers["Range"] == "bytes=4-"


def test_a_wrong_file_is_not_kept(tmp_path):
    with (
        client_of(Script(httpx.Response(200, stream=httpx.ByteStream(b"other")))) as client,
        pytest.raises(ValueError, match="not the one that was promised"),
    ):
        client.download("exports/e/file", tmp_path / "set.zip", digest="0" * 64)
    assert not any(tmp_path.iterdir())


def test_the_client_needs_neither_django_nor_torch():
    code = (
        "import sys, synthlab.client; "
        "print([name for name in ('django', 'torch', 'numpy', 'rest_framework') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
