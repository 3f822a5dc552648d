"""Why something was changed, in the words of whoever did it. Empty for what was changed before."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audits", "0004_partition_decisions")]

    operations = [
        migrations.AddField(
            model_name="change",
            name="reason",
            field=models.CharField(blank=True, default="", help_text="Why, in a person's words.", max_length=500),
        ),
    ]
