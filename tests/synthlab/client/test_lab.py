"""Asking, waiting and being refused, over real sockets."""

from __future__ import annotations

import copy
import io
import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

import httpx
import pytest

import synthlab.client as package
from synthlab.client import BatchRecord, Client, JobFailed, NotFinished, Problem, UnsafeAddress
from synthlab.client.progress import Bar, in_words
from tests.synthlab.client.lab import Lab, problem, serving


def batch_path(lab: Lab) -> str:
    return f"/batches/{lab.batch_id}"


def request(lab: Lab, client: Client, **changes: Any) -> Any:
    return client.request_batch(generator=lab.generator_id, count=6, seed=7, **changes)


def test_a_batch_is_asked_for_waited_for_and_found_again(open_lab: Any, pauses: list[float]) -> None:
    lab, client = open_lab()
    lab.state, lab.job_states = "queued", ["queued", "running", "succeeded"]
    batch = request(lab, client, classes={"rare": 1 / 3, "common": 2 / 3})
    assert (batch.state, batch.id) == ("queued", lab.batch_id)
    lab.state = "succeeded"
    assert batch.wait().state == "succeeded"
    # After a restart there is only the id.
    again = client.batch(lab.batch_id).wait()
    assert again.record.created_at == datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    assert [image.index for image in again.images()] == list(range(6))
    assert next(again.images()).recipe["seed"] == "0" * 16
    assert "6 of 6" in repr(again)


def test_waiting_survives_a_server_that_restarts(open_lab: Any, pauses: list[float]) -> None:
    lab, client = open_lab(tries=2)
    lab.state, lab.job_states = "running", ["running", "succeeded"]
    batch = client.batch(lab.batch_id)
    job = f"/jobs/{lab.job_id}"
    lab.planned[job] = [problem(503, "starting") for _ in range(5)]
    lab.cuts[job] = [10] * 3
    lab.state = "succeeded"
    assert batch.wait().state == "succeeded"
    assert lab.paths().count(job) == 7


def test_a_batch_that_ends_badly_or_late(open_lab: Any, pauses: list[float]) -> None:
    lab, client = open_lab()
    lab.state, lab.job_states = "running", ["running"]
    batch = client.batch(lab.batch_id)
    with pytest.raises(TimeoutError):
        batch.wait(timeout=0.0)
    job = {**lab.job(), "state": "failed", "error": "No space is left.", "error_code": "disk_full"}
    lab.planned[f"/jobs/{lab.job_id}"] = [(200, {}, job)]
    with pytest.raises(JobFailed, match="No space is left") as failure:
        batch.wait()
    assert (failure.value.code, failure.value.detail) == ("disk_full", "No space is left.")
    assert copy.copy(failure.value).code == "disk_full"
    lab.planned[batch_path(lab)] = [(200, {}, {**lab.batch(), "job": None})]
    with pytest.raises(NotFinished):
        client.batch(lab.batch_id).wait()


def test_a_key_of_ones_own_is_sent_and_others_differ(open_lab: Any) -> None:
    lab, client = open_lab()
    request(lab, client, key="tonight-1")
    request(lab, client)
    request(lab, client)
    keys = [headers["Idempotency-Key"] for method, _, headers in lab.seen if method == "POST"]
    assert keys[0] == "tonight-1"
    assert len(set(keys)) == 3


def test_a_request_that_is_still_at_work_is_asked_for_again(open_lab: Any, pauses: list[float]) -> None:
    lab, client = open_lab()
    lab.planned["/batches"] = [(202, {}, lab.batch()), problem(409, "idempotency_in_flight")]
    lab.cuts["/batches"] = [0]  # the answer to the first try is lost on its way
    assert request(lab, client).id == lab.batch_id
    keys = [headers["Idempotency-Key"] for method, _, headers in lab.seen if method == "POST"]
    assert len(keys) == 3
    assert len(set(keys)) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured(open_lab: Any, pauses: list[float], status: int) -> None:
    lab, client = open_lab()
    when = formatdate(time.time() + 40, usegmt=True)
    lab.planned["/batches"] = [problem(status, "busy", Retry_After=said) for said in ("7", when, "nonsense")]
    assert request(lab, client).id == lab.batch_id
    assert pauses[0] == 7
    assert 30 < pauses[1] <= 40
    assert pauses[2] <= 2


@pytest.mark.parametrize(("status", "name"), [(429, "TooMany"), (503, "Unavailable")])
def test_a_server_that_asks_for_too_much_patience_is_not_waited_for(
    open_lab: Any, pauses: list[float], status: int, name: str
) -> None:
    lab, client = open_lab()
    lab.planned["/batches"] = [problem(status, "busy", Retry_After="3600")]
    with pytest.raises(getattr(package, name)) as refusal:
        request(lab, client)
    assert refusal.value.retry_after == 3600
    assert not pauses


def test_pauses_grow_and_end(open_lab: Any, pauses: list[float]) -> None:
    lab, client = open_lab(tries=6)
    lab.planned["/batches"] = [problem(502, "gateway")] * 9
    with pytest.raises(Problem, match="gateway"):
        request(lab, client)
    assert len(pauses) == 5
    assert all(0.5 * 0.25 * 2**n <= pause <= 0.25 * 2**n for n, pause in enumerate(pauses))


def test_what_could_happen_twice_is_not_repeated(open_lab: Any, pauses: list[float]) -> None:
    lab, client = open_lab()
    lab.cuts["/batches"] = [0]
    with pytest.raises(httpx.RemoteProtocolError):
        client.request("POST", "batches", json={})
    lab.planned["/batches"] = [problem(502, "gateway")]
    with pytest.raises(Problem):
        client.request("POST", "batches", json={})
    assert lab.paths("POST") == ["/batches"] * 2
    lab.planned["/batches"] = [problem(503, "starting")]  # says itself that it did not begin
    assert client.request("POST", "batches", json={}).status_code == 202


def test_an_expired_token_is_told_at_once(open_lab: Any, pauses: list[float]) -> None:
    lab, client = open_lab()
    lab.token = "slt_other"
    with pytest.raises(package.NotSignedIn) as refusal:
        request(lab, client)
    assert (refusal.value.code, refusal.value.request_id) == ("token_invalid", "r-1")
    assert len(lab.seen) == 1
    assert not pauses


FAMILIES = {
    400: "InvalidInput", 401: "NotSignedIn", 403: "NotAllowed", 404: "NotFound", 409: "Conflict",
    412: "OutOfDate", 413: "InvalidInput", 418: "Problem", 422: "InvalidInput", 428: "OutOfDate",
    429: "TooMany", 500: "ServerFailed", 502: "Unavailable", 504: "Unavailable",
}  # fmt: skip


@pytest.mark.parametrize(("status", "family"), FAMILIES.items())
def test_each_family_of_refusals_is_a_class(status: int, family: str) -> None:
    told = httpx.Response(
        status, json={"code": "some_code", "detail": "words", "request_id": "r", "errors": []}
    )
    refusal = Problem.of(told)
    assert type(refusal) is getattr(package, family)
    assert (refusal.code, refusal.detail, refusal.request_id) == ("some_code", "words", "r")
    # As a pool of processes hands it on.
    again = copy.copy(refusal)
    assert (again.code, again.status, again.request_id) == ("some_code", status, "r")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'{"code": 5, "detail": null}'])
def test_a_refusal_in_another_shape_is_still_one(body: bytes) -> None:
    refusal = Problem.of(httpx.Response(503, content=body, headers={"Retry-After": "soon"}))
    assert isinstance(refusal, package.Unavailable)
    assert refusal.detail
    assert refusal.retry_after is None


# --- the token and the address -------------------------------------------------------------------


@pytest.fixture
def everything_logged() -> Iterator[io.StringIO]:
    """What the libraries below would write, down to the last detail."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    names = ("httpx", "httpcore", "httpcore.http11", "httpcore.connection")
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger.level, logger.disabled) for logger in loggers]
    for logger in loggers:
        logger.disabled = False
        logger.setLevel(logging.DEBUG)
        logger.addHandler(handler)
    yield stream
    for logger, (level, disabled) in zip(loggers, before, strict=True):
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.disabled = disabled


def test_the_token_is_shown_nowhere(
    open_lab: Any, everything_logged: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    lab, client = open_lab()
    batch = client.batch(lab.batch_id)
    lab.planned["/batches"] = [problem(401, "token_invalid")]
    with pytest.raises(Problem) as refusal:
        request(lab, client)
    shown = [repr(client), str(client), repr(batch), repr(refusal.value), str(refusal.value)]
    log = everything_logged.getvalue()
    assert "send_request_headers" in log
    assert lab.token not in "".join([*shown, log, *capfd.readouterr()])


def test_address_and_token_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab()
    with serving(lab) as url:
        monkeypatch.setenv("SYNTHLAB_URL", url)
        monkeypatch.setenv("SYNTHLAB_TOKEN", f"{lab.token}\n")
        with Client() as client:
            assert client.batch(lab.batch_id).state == "succeeded"
    monkeypatch.delenv("SYNTHLAB_TOKEN")
    with pytest.raises(ValueError, match="token is needed"):
        Client()


@pytest.mark.parametrize(
    "url",
    [
        "http://lab.example", "http://10.0.0.5:8000", "http://127.0.0.1.lab.example", "http://localhost.example",
        "ftp://127.0.0.1", "lab.example", "", "https://", "https://a:b@lab.example", "https://lab.example?x=1", "http://[",
    ],
)  # fmt: skip
def test_an_address_that_would_give_the_token_away_is_refused(url: str) -> None:
    with pytest.raises(UnsafeAddress):
        Client(url or " ", "slt_x")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/", "http://localhost:1", "http://[::1]:8000", "https://lab.example"]
)
def test_other_addresses_are_taken(url: str) -> None:
    with Client(url, "slt_x") as client:
        assert client.url == url.rstrip("/")
    with Client("http://lab.example", "slt_x", allow_http=True) as client:
        assert repr(client) == "<Client http://lab.example>"


@pytest.mark.parametrize("token", ["slt x", "slt\r\nX-Evil: 1", "slt_ü"])
def test_a_token_that_is_none_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="token is needed") as refusal:
        Client("https://lab.example", token)
    assert token not in str(refusal.value)


def test_the_token_follows_no_redirect(open_lab: Any) -> None:
    lab, client = open_lab()
    lab.planned["/batches"] = [(302, {"Location": "http://127.0.0.1:9/"}, b"")]
    with pytest.raises(package.BadAnswer, match="pointed elsewhere"):
        request(lab, client)


def test_pages_named_by_another_host_are_asked_of_this_one(open_lab: Any) -> None:
    lab, client = open_lab(50)
    assert len(list(client.batch(lab.batch_id).images())) == 50
    assert lab.paths().count(f"{batch_path(lab)}/images") == 2


@pytest.mark.parametrize("body", [b"<html>a portal</html>", b"[]", b'"words"'])
def test_a_page_of_something_else_is_no_answer(open_lab: Any, body: bytes) -> None:
    lab, client = open_lab()
    lab.planned[batch_path(lab)] = [(200, {}, body)]
    with pytest.raises(package.BadAnswer, match="SynthLab server"):
        client.batch(lab.batch_id)


@pytest.mark.parametrize("what", ["../me", "x", ""])
def test_what_is_no_id_reaches_no_address(open_lab: Any, what: str) -> None:
    lab, client = open_lab()
    for ask in (
        client.batch,
        client.dataset,
        client.generator,
        client.training,
        client.evaluation,
        client.job,
    ):
        with pytest.raises(ValueError, match="badly formed"):
            ask(what)
    assert not lab.seen


# --- records and the bar -------------------------------------------------------------------------


def test_records_pass_over_what_they_do_not_know() -> None:
    body = Lab().batch()
    assert BatchRecord.from_json(body).count == 6
    assert not hasattr(BatchRecord.from_json(body), "added_later")
    for broken in ({"id": "b"}, {**body, "created_at": "yesterday"}, {**body, "created_at": 5}):
        with pytest.raises(package.BadAnswer, match="BatchRecord"):
            BatchRecord.from_json(broken)


def test_numbers_of_an_evaluation_are_read() -> None:
    row = {"id": "e", "image_set": "i", "state": "succeeded", "verdict": "insufficient", "new": 1}
    metric = {"name": "kid", "status": "ok", "value": 0.1, "floor": None, "details": {}}
    evaluation = package.Evaluation.from_json({**row, "metrics": [metric]})
    assert evaluation.metrics == (package.Metric(name="kid", status="ok", value=0.1),)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_is_one_line_on_a_terminal_and_silent_elsewhere() -> None:
    now = iter([0.0, 1.0, 1.01, 2.0, 3.0]).__next__
    terminal, file = Terminal(), io.StringIO()
    bar = Bar("sampling", stream=terminal, clock=now)
    bar.tell(500, 2000, eta=90)
    bar.tell(501, 2000, eta=89)  # too soon
    bar.tell(2000, 2000)
    bar.close()
    shown = terminal.getvalue()
    assert "######..................] 500 of 2,000  2 min left" in shown
    assert "501" not in shown
    assert shown.endswith("2,000 of 2,000\n")
    silent = Bar("sampling", stream=file)
    silent.tell(1, 2)
    silent.close()
    assert file.getvalue() == ""


def test_the_bar_gives_a_terminal_no_orders() -> None:
    terminal = Terminal()
    Bar("x", stream=terminal).tell(1, 2, phase="\x1b[2Jsampling\r")
    assert "\x1b[2J" not in terminal.getvalue()


def test_waiting_shows_the_jobs_end_on_a_terminal(
    open_lab: Any, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    lab, client = open_lab()
    lab.state, lab.job_states = "running", ["running", "succeeded"]
    batch = client.batch(lab.batch_id)
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    batch.wait()
    assert "2 of 6  2 min left" in terminal.getvalue()
    assert terminal.getvalue().endswith("6 of 6\n")


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "0 s"), (59, "59 s"), (90, "2 min"), (7300, "2 h 2 min")]
)
def test_lengths_of_time_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_nothing_waits_in_these_tests(pauses: list[float]) -> None:
    before = time.monotonic()
    time.sleep(30)
    assert time.monotonic() - before < 5
    assert pauses == [30]
