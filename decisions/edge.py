"""The edge: decisions and nothing else. No admin, no REST, and none of Django's request cycle: whatever belongs to no
protocol is not here. It is ready once it knows the configuration, and stays so while the database is away."""

import os
from collections.abc import Iterable
from multiprocessing.util import Finalize
from typing import Any

import django
from django.apps import apps
from django.conf import settings

APPS = frozenset(
    {"django.contrib.auth", "django.contrib.contenttypes", "audits", "tenants", "features", "experiments", "decisions"}
)
"""Those that configuration is read from. The others are for people, and a third of the memory."""
NOT_FOUND = b'{"detail":"Not Found"}'
STOP_PRIORITY = 10

is_worker = not apps.ready
"""Whether this process was begun to be the edge; in any other, Django was set up before."""

if is_worker:
    named = os.environ.get("DJANGO_SETTINGS_MODULE") or f"app.settings.{os.environ.get('ENV') or 'production'}"
    os.environ["DJANGO_SETTINGS_MODULE"] = named
    settings.INSTALLED_APPS = [name for name in settings.INSTALLED_APPS if name in APPS]
    django.setup()

from decisions.process import settle_in, stop  # noqa: E402 its models need Django to be set up
from decisions.wsgi import Environ, mount  # noqa: E402


def elsewhere(environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Everything that is not a decision: the web process has it."""
    start_response("404 Not Found", [("Content-Type", "application/json"), ("Content-Length", str(len(NOT_FOUND)))])
    return [NOT_FOUND]


application = mount(elsewhere)

if is_worker:
    settle_in()  # so that whoever takes calls has read the configuration, and its threads are alive
    # Granian's workers are processes of multiprocessing, which leave without looking at atexit.
    Finalize(None, stop, exitpriority=STOP_PRIORITY)
