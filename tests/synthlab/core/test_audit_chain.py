"""The audit: appended in the caller's transaction, never changed, never forked, erasable where it is personal."""

import threading
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from synthlab.core.audit import (
    chain_names,
    erase_personal,
    record_event,
    salted_digest,
    verify_chain,
)
from synthlab.core.checks import missing_audit_triggers
from synthlab.core.models import AuditChain, AuditEvent
from tests.factories import make_admin
from tests.support.management.commands.flush import triggers_suspended

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


def record(chain: str = "site", **options: Any) -> AuditEvent:
    actor = options.pop("actor", None) or make_admin()
    return record_event(chain=chain, actor=actor, action="thing.done", target=actor, **options)


def tamper(sql: str, *parameters: Any) -> None:
    """Change what the triggers guard, as somebody with the database in hand would."""
    with triggers_suspended("default"), connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def test_events_follow_each_other_and_verify() -> None:
    actor = make_admin()
    facts = {"count": 3, "share": 0.1, "whole": 2.0, "big": 1e16, "id": actor.pk, "list": [1, "ä"]}
    events = [record(actor=actor, facts=facts) for _ in range(3)]
    assert [event.sequence for event in events] == [1, 2, 3]
    assert events[1].previous_digest == events[0].digest
    record(chain="study:1", actor=actor)
    assert list(chain_names()) == ["site", "study:1"]
    report = verify_chain("site")
    assert (report.events, report.erased, report.problems) == (3, 0, ())


def test_it_stands_only_if_what_it_tells_of_stands() -> None:
    actor = make_admin()
    with pytest.raises(RuntimeError):
        record_and_fail(actor)
    assert not AuditEvent.objects.exists()
    record(actor=actor)
    assert verify_chain("site").intact


@transaction.atomic
def record_and_fail(actor: Any) -> None:
    record(actor=actor)
    raise RuntimeError


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("UPDATE core_auditevent SET action = 'other' WHERE sequence = 2", "event 2 was changed"),
        ("UPDATE core_auditevent SET request_id = 'x' WHERE sequence = 1", "event 1 was changed"),
        ("DELETE FROM core_auditevent WHERE sequence = 2", "event 2 is missing"),
        ("DELETE FROM core_auditevent WHERE sequence = 3", "the head names event 3"),
        ("UPDATE core_auditevent SET sequence = 9 WHERE sequence = 3", "event 3 is missing"),
    ],
)
def test_tampering_shows(sql: str, problem: str) -> None:
    for _ in range(3):
        record()
    tamper(sql)
    report = verify_chain("site")
    assert not report.intact
    assert any(problem in line for line in report.problems)


def test_the_database_refuses_change_and_removal() -> None:
    event = record(personal={"reason": "because"})
    attempts: list[tuple[str, tuple[Any, ...]]] = [
        ("UPDATE core_auditevent SET action = 'other'", ()),
        ('UPDATE core_auditevent SET personal = \'{"reason": "other"}\'', ()),
        ("UPDATE core_auditevent SET personal = '{}', action = 'other'", ()),
        ("DELETE FROM core_auditevent", ()),
    ]
    if connection.vendor == "sqlite":
        attempts.append(
            (
                "INSERT OR REPLACE INTO core_auditevent SELECT * FROM core_auditevent WHERE id = %s",
                (event.pk,),
            )
        )
    else:
        attempts.append(("TRUNCATE core_auditevent", ()))
    for sql, parameters in attempts:
        with pytest.raises(DatabaseError, match="audit events cannot be"), connection.cursor() as cursor:
            cursor.execute(sql, parameters)
    assert missing_audit_triggers() == []
    assert verify_chain("site").intact


def test_personal_text_can_be_erased_and_cannot_be_guessed() -> None:
    event = record(personal={"reason": "Mrs Miller asked"})
    stored = AuditEvent.objects.get(pk=event.pk)
    assert stored.personal["reason"] == "Mrs Miller asked"
    assert "Miller" not in str(stored.facts)
    again = record(personal={"reason": "Mrs Miller asked"})
    assert stored.facts["personal_digest"] != again.facts["personal_digest"]
    erase_personal(stored)
    report = verify_chain("site")
    assert (report.erased, report.problems) == (1, ())
    assert AuditEvent.objects.get(pk=event.pk).personal == {}


def test_changed_personal_text_shows() -> None:
    record(personal={"reason": "a"})
    tamper('UPDATE core_auditevent SET personal = \'{"reason": "b"}\'')
    assert verify_chain("site").problems == ("the personal text of event 1 was changed",)


def test_many_at_once_make_one_chain() -> None:
    actor = make_admin()

    def append() -> None:
        for _ in range(5):
            record(actor=actor)
        connection.close()

    threads = [threading.Thread(target=append) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verify_chain("site").events == 30
    assert verify_chain("site").intact


def test_salted_digests_differ_between_chains() -> None:
    assert salted_digest("site", "Miller") == salted_digest("site", "Miller")
    assert salted_digest("site", "Miller") != salted_digest("study:1", "Miller")
    assert AuditChain.objects.count() == 2
