"""Trainings that stand already: until now no image could be withdrawn, so the present split is what they saw."""

from typing import Any

from django.db import migrations
from django.db.models import F


def record(apps: Any, schema_editor: Any) -> None:
    dataset_model = apps.get_model("generation", "Dataset")
    manifest_model = apps.get_model("generation", "Manifest")
    built_on = dataset_model.objects.exclude(manifest_digest="").filter(
        trainings__manifest_digest=F("manifest_digest")
    )
    for dataset in built_on.distinct():
        manifest, created = manifest_model.objects.get_or_create(
            dataset=dataset, digest=dataset.manifest_digest
        )
        if created:
            images = dataset.images.filter(group__split="train", withdrawn_at__isnull=True)
            manifest.images.add(*images)


class Migration(migrations.Migration):
    dependencies = [("generation", "0005_withdrawals")]

    operations = [migrations.RunPython(record, migrations.RunPython.noop)]
