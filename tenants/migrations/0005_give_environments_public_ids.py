from django.db import migrations

from tenants.models import new_public_id


def give(apps, schema_editor):
    environments = apps.get_model("tenants", "Environment")
    for environment in environments.objects.filter(public_id=None).only("pk").iterator():
        environments.objects.filter(pk=environment.pk).update(public_id=new_public_id())


class Migration(migrations.Migration):
    dependencies = [("tenants", "0004_environment_public_id")]

    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
