from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def join_frozen_sets(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """What snapshots froze so far are sets of their studies, too."""
    through = apps.get_model("annotation", "Study").image_sets.through
    pairs = (
        apps.get_model("annotation", "Snapshot")
        .objects.order_by()
        .values_list("study", "image_set")
        .distinct()
    )
    through.objects.bulk_create(through(study_id=study, imageset_id=image_set) for study, image_set in pairs)


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0004_pinned_comments_and_review_reasons"),
        ("evaluation", "0004_scores_by_ratio"),
    ]

    operations = [
        migrations.AddField(
            model_name="study",
            name="image_sets",
            field=models.ManyToManyField(
                blank=True,
                help_text="its accepted images, as often as they were frozen",
                related_name="studies",
                to="evaluation.imageset",
            ),
        ),
        migrations.RunPython(join_frozen_sets, migrations.RunPython.noop),
    ]
