"""Request ids get a table of their own; it is filled where decisions are partitioned."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audits", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Request",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "environment_id", "request_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("environment_id", models.BigIntegerField()),
                ("request_id", models.CharField(max_length=255)),
                ("decision_id", models.BigIntegerField()),
                ("decided_at", models.DateTimeField()),
            ],
        ),
    ]
