"""Each rejected place becomes a row of its own; apart from the schema changes, as PostgreSQL wants it."""

from typing import Any

from django.db import migrations


def rows_from_json(apps: Any, schema_editor: Any) -> None:
    ingests = apps.get_model("generation", "Ingest")
    rejections = apps.get_model("generation", "Rejection")
    for ingest in ingests.objects.exclude(rejections=[]).iterator():
        rejections.objects.bulk_create(
            (
                rejections(ingest=ingest, ordinal=row["ordinal"], code=row["code"], detail=row["detail"])
                for row in ingest.rejections
            ),
            batch_size=500,
        )


class Migration(migrations.Migration):
    dependencies = [("generation", "0002_reviewable_ingest")]

    operations = [migrations.RunPython(rows_from_json, migrations.RunPython.noop)]
