from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("generation", "0003_move_rejections")]

    operations = [migrations.RemoveField(model_name="ingest", name="rejections")]
