"""Makes a new installation usable: somebody who can log in, and somewhere to begin. Safe to repeat: every release does,
and so the partitions of the next weeks are made here."""

import os
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand
from django.db import transaction

from audits.partitions import create_ahead_quietly
from audits.services import SYSTEM
from tenants import services
from tenants.models import Environment, Organisation, Project

FIRST_PROJECT = ("main/main/development", "main/main/production")


class Command(BaseCommand):
    help = "Create the first administrator, the first project and the open environment, where they are missing."

    def handle(self, *args: Any, **options: Any) -> None:
        create_ahead_quietly()
        with transaction.atomic():
            first_administrator(self)
            for path in FIRST_PROJECT:
                environment_at(path)
            if settings.OPEN_ENVIRONMENT:
                environment_at(settings.OPEN_ENVIRONMENT, bucketing="feature_hub")


def first_administrator(command: BaseCommand) -> None:
    """Create one, with the configured password or a generated one, unless there is one already."""
    users = get_user_model()._default_manager
    if not users.filter(is_superuser=True).exists():
        password = settings.ADMIN_PASSWORD or token_urlsafe(16)
        users.create_superuser(settings.ADMIN_USERNAME, settings.ADMIN_EMAIL, password)
        if not settings.ADMIN_PASSWORD:
            _keep(password)
            command.stdout.write(f"Administrator {settings.ADMIN_USERNAME!r} created, password: {password}")
    else:
        command.stdout.write("There is an administrator already.")


def environment_at(path: str, *, bucketing: str = "growthbook") -> Environment:
    """The environment "organisation/project/environment", made with all that is missing on the way to it."""
    found = Environment.objects.named(path).select_related("project__organisation").first()
    if found:
        return found
    organisation_key, project_key, key = path.split("/")
    organisation = Organisation.objects.filter(key=organisation_key).first() or services.create_organisation(
        key=organisation_key, name=organisation_key.capitalize(), actor=SYSTEM
    )
    project = Project.objects.filter(organisation=organisation, key=project_key).first() or services.create_project(
        organisation, key=project_key, name=project_key.capitalize(), bucketing=bucketing, actor=SYSTEM
    )
    return services.create_environment(project, key=key, name=key.capitalize(), actor=SYSTEM)


def password_file() -> Path:
    """Where a local installation keeps its generated password, readable by its owner only."""
    return Path(settings.STATE_DIR) / "admin_password"


def _keep(password: str) -> None:
    if settings.ENV_NAME == "local":
        with open(os.open(password_file(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(password)
