"""Trainings that were asked for before step sizes could shrink keep theirs, also when they are resumed or cloned."""

from typing import Any

from django.db import migrations


def keep_step_sizes(apps: Any, schema_editor: Any) -> None:
    trainings = apps.get_model("generation", "Training")
    for training in trainings.objects.iterator():
        if "lr_decay_kimg" not in training.config:
            training.config = {**training.config, "lr_decay_kimg": 0.0}
            training.save(update_fields=["config"])


class Migration(migrations.Migration):
    dependencies = [("generation", "0008_training_costs")]

    operations = [migrations.RunPython(keep_step_sizes, migrations.RunPython.noop)]
