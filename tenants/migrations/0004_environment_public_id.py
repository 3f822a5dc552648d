from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0003_settings_of_environments_and_keys")]

    operations = [
        migrations.AddField(
            model_name="environment",
            name="public_id",
            field=models.CharField(
                editable=False,
                help_text="Names the environment to clients, and salts Flagsmith's hash; never another one.",
                max_length=32,
                null=True,
            ),
        ),
    ]
