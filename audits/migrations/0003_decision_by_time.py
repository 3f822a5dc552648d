"""All decisions of an environment, newest first: the list of decisions without a feature or a user."""

from django.db import migrations, models


def take_time(apps, schema_editor):
    """A long log takes longer than a statement may."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("SET LOCAL statement_timeout = 0")


class Migration(migrations.Migration):
    dependencies = [("audits", "0002_requests")]

    operations = [
        migrations.RunPython(take_time, migrations.RunPython.noop, elidable=True),
        migrations.AddIndex(
            model_name="decision",
            index=models.Index(fields=["environment_id", "-decided_at", "-id"], name="decision_by_time"),
        ),
    ]
