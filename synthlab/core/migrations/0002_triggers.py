"""The database itself refuses to change or remove an audit event; only its personal text may be erased.

SQLite rebuilds a table to alter it and loses its triggers: a later migration that alters `AuditEvent` must run
`install` again (the system check synthlab.E006 says so when it was forgotten).
"""

from collections.abc import Sequence

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

KEPT = (
    "id",
    "chain_id",
    "sequence",
    "at",
    "actor_id",
    "action",
    "target_type",
    "target_id",
    "request_id",
    "facts",
    "previous_digest",
    "digest",
)

SQLITE = (
    f"""
    CREATE TRIGGER audit_event_no_update BEFORE UPDATE ON core_auditevent
    WHEN NOT (NEW.personal = '{{}}' AND {" AND ".join(f'NEW."{name}" IS OLD."{name}"' for name in KEPT)})
    BEGIN SELECT RAISE(ABORT, 'audit events cannot be changed'); END
    """,
    """
    CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON core_auditevent
    BEGIN SELECT RAISE(ABORT, 'audit events cannot be removed'); END
    """,
    # INSERT OR REPLACE removes the old row without asking the trigger above.
    """
    CREATE TRIGGER audit_event_no_replace BEFORE INSERT ON core_auditevent
    WHEN EXISTS (
        SELECT 1 FROM core_auditevent
        WHERE id = NEW.id OR digest = NEW.digest OR (chain_id = NEW.chain_id AND sequence = NEW.sequence)
    )
    BEGIN SELECT RAISE(ABORT, 'audit events cannot be replaced'); END
    """,
)

POSTGRESQL = (
    """
    CREATE FUNCTION audit_event_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' AND NEW.personal = '{}'::jsonb
            AND to_jsonb(NEW) - 'personal' = to_jsonb(OLD) - 'personal' THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'audit events cannot be changed or removed' USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    """
    CREATE TRIGGER audit_event_no_update BEFORE UPDATE ON core_auditevent
    FOR EACH ROW EXECUTE FUNCTION audit_event_refuse()
    """,
    """
    CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON core_auditevent
    FOR EACH ROW EXECUTE FUNCTION audit_event_refuse()
    """,
    """
    CREATE TRIGGER audit_event_no_truncate BEFORE TRUNCATE ON core_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION audit_event_refuse()
    """,
)

REMOVE_SQLITE = tuple(
    f"DROP TRIGGER IF EXISTS audit_event_{name}" for name in ("no_update", "no_delete", "no_replace")
)
REMOVE_POSTGRESQL = ("DROP FUNCTION IF EXISTS audit_event_refuse() CASCADE",)


def install(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    run(schema_editor, SQLITE, POSTGRESQL)


def remove(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    run(schema_editor, REMOVE_SQLITE, REMOVE_POSTGRESQL)


def run(schema_editor: BaseDatabaseSchemaEditor, sqlite: Sequence[str], postgresql: Sequence[str]) -> None:
    statements = {"sqlite": sqlite, "postgresql": postgresql}[schema_editor.connection.vendor]
    for statement in statements:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]
    operations = [migrations.RunPython(install, remove, elidable=False)]
