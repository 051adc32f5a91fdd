"""Jobs that behave well or badly on purpose. Their effect is an audit event, so that a second one would be seen."""

import os
import signal
import time
from typing import Any

from synthlab.core.audit import record_event
from synthlab.core.exceptions import InvalidInput
from synthlab.core.files import store_bytes
from synthlab.core.job_context import JobContext
from synthlab.core.jobs import enqueue_job
from synthlab.core.models import AuditEvent, Job

CHILD = "tests.support"


def take_effect(context: JobContext) -> None:
    with context.commit():
        record_event(chain="site", actor=None, action="test.effect", target=context.job)


def record_end(job: Job) -> None:
    record_event(chain="site", actor=None, action="test.ended", target=job, facts={"state": job.state})


def answer_job(context: JobContext) -> dict[str, Any]:
    context.progress("answering", 1, 2, colour="blue")
    return {"answer": 42}


def refuse_job(context: JobContext) -> None:
    raise InvalidInput("too_blue", "The picture is too blue.")


def raise_job(context: JobContext) -> None:
    raise RuntimeError("a bug with a secret text")


def effect_job(context: JobContext) -> None:
    with context.commit(finish_with={"done": True}):
        time.sleep(context.job.payload.get("seconds", 0))
        record_event(chain="site", actor=None, action="test.effect", target=context.job)


def steps_job(context: JobContext) -> dict[str, Any]:
    spec = {"start": context.cursor.get("step", 0), **context.job.payload}
    result = context.run_child(CHILD, "steps", spec)
    take_effect(context)
    return result


def poison_job(context: JobContext) -> dict[str, Any]:
    return context.run_child(CHILD, "poison", dict(context.job.payload))


def stumble_job(context: JobContext) -> dict[str, Any]:
    return context.run_child(
        CHILD, "stumble", {"start": context.cursor.get("step", 0), **context.job.payload}
    )


def suicide_job(context: JobContext) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def poll_job(context: JobContext) -> dict[str, Any]:
    """Works without a child, looking up now and then; writes its effect at the end."""
    end = time.monotonic() + context.job.payload.get("seconds", 30)
    while time.monotonic() < end:
        if not context.job.payload.get("deaf"):
            context.check()
        time.sleep(0.05)
    take_effect(context)
    return {}


def fan_job(context: JobContext) -> dict[str, Any]:
    """Makes its shards itself, then joins them."""
    if context.shards_done:
        return {"joined": context.job.children.count()}
    with context.commit():
        for number in range(context.job.payload["shards"]):
            enqueue_job(
                context.job.payload.get("kind", "test_answer"),
                actor=None,
                subject=None,
                parent=context.job,
                payload={"number": number},
            )
    return {}


def join_job(context: JobContext) -> dict[str, Any]:
    assert context.shards_done
    return {"joined": context.job.children.count()}


def thorough_job(context: JobContext) -> dict[str, Any]:
    """Passes every kill point of a job, and may be done twice: its effect is keyed by the job."""
    stored = store_bytes(b"the picture")
    result = context.run_child(CHILD, "steps", {"start": context.cursor.get("step", 0), "steps": 2})
    if not AuditEvent.objects.filter(action="test.effect", target_id=context.job.pk).exists():
        take_effect(context)
    return {"step": result["step"], "digest": stored.digest}
