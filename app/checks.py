"""What Django cannot know is wrong with a deployment of Switchyard, said before it serves."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register


@register(Tags.files)
def check_state_dir(**_options: Any) -> list[CheckMessage]:
    """Snapshots, counters and local keys are written there."""
    state_dir = Path(settings.STATE_DIR)
    if state_dir.is_dir() and os.access(state_dir, os.W_OK | os.X_OK):
        return []
    hint = "Create it for the user that runs Switchyard, or point STATE_DIR at a directory it may write to."
    return [Error(f"The state directory {str(state_dir)!r} is not writable.", hint=hint, id="switchyard.E001")]


@register(Tags.security, deploy=True)
def check_open_environment(**_options: Any) -> Sequence[CheckMessage]:
    """Fine on a laptop; elsewhere it should have been somebody's decision."""
    if not settings.OPEN_ENVIRONMENT:
        return []
    message = f"Anyone may read and edit the environment {settings.OPEN_ENVIRONMENT!r} without a key."
    return [Warning(message, hint="Unset OPEN_ENVIRONMENT, unless that is meant.", id="switchyard.W001")]


@register(Tags.security, deploy=True)
def check_database(**_options: Any) -> Sequence[CheckMessage]:
    """A container's disk often goes with the container, and SQLite's file with it."""
    if settings.DATABASES["default"]["ENGINE"] != "django.db.backends.sqlite3":
        return []
    hint = "Set DATABASE_URL to a PostgreSQL, or make sure that the file's disk outlives a release and is backed up."
    return [Warning("Production stores its decisions in SQLite, on one host's disk.", hint=hint, id="switchyard.W002")]
