import tenants.models
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0005_give_environments_public_ids")]

    operations = [
        migrations.AlterField(
            model_name="environment",
            name="public_id",
            field=models.CharField(
                editable=False,
                help_text="Names the environment to clients, and salts Flagsmith's hash; never another one.",
                max_length=32,
                default=tenants.models.new_public_id,
                unique=True,
            ),
        ),
    ]
