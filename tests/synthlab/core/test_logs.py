"""One line an event, with the ids that tie it to a request and a job."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import logging, logging.config, structlog
from synthlab.logs import get_logger, logging_config
logging.config.dictConfig(logging_config("{style}", "INFO"))
log = get_logger("ours")
with structlog.contextvars.bound_contextvars(request_id="r1", job_id="j1"):
    log.info("job_started", attempt=2)
    log.debug("hidden")
    log.info("request_started", request="GET /jobs/")
    log.info("request_finished", request="GET /livez", code=200)
    log.info("request_finished", request="GET /livez", code=500)
    logging.getLogger("theirs").warning("plain %s", "words")
    try:
        secret = "hunter2" + "!"
        raise ValueError("broken")
    except ValueError:
        log.exception("failed")
"""


def lines(style: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.replace("{style}", style)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[3],
        env=os.environ,
    )
    return done.stderr.splitlines()


def test_json_lines_carry_the_ids() -> None:
    events = [json.loads(line) for line in lines("json")]
    assert [event["event"] for event in events] == [
        "job_started",
        "request_finished",
        "plain words",
        "failed",
    ]
    for event in events:
        assert (event["request_id"], event["job_id"]) == ("r1", "j1")
        assert event["timestamp"].endswith("Z")
    assert events[0]["attempt"] == 2
    assert events[2]["logger"] == "theirs"
    assert events[3]["exception"][0]["exc_value"] == "broken"
    assert "hunter2!" not in json.dumps(events[3])


def test_console_lines_carry_the_ids() -> None:
    text = "\n".join(lines("console"))
    assert "job_started" in text
    assert "job_id=j1" in text
    assert "hidden" not in text


def test_an_unknown_style_is_refused() -> None:
    from synthlab.logs import logging_config

    with pytest.raises(SystemExit, match="SYNTHLAB_LOG_FORMAT"):
        logging_config("xml", "INFO")
