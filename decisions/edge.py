"""The edge: decisions and nothing else. No admin, no REST, and none of Django's request cycle: whatever belongs to no
protocol is not here. It is ready once it knows the configuration, and stays so while the database is away."""

import os

import django
from django.apps import apps
from django.conf import settings

APPS = frozenset(
    {"django.contrib.auth", "django.contrib.contenttypes", "audits", "tenants", "features", "experiments", "decisions"}
)
"""Those that configuration is read from. The others are for people, and a third of the memory."""

if not apps.ready:  # in a process that was begun to be the edge; in any other, Django was set up before
    named = os.environ.get("DJANGO_SETTINGS_MODULE") or f"app.settings.{os.environ.get('ENV') or 'production'}"
    os.environ["DJANGO_SETTINGS_MODULE"] = named
    settings.INSTALLED_APPS = [name for name in settings.INSTALLED_APPS if name in APPS]
    django.setup()

from decisions.asgi import NOT_FOUND, Receive, Scope, Send, mount, send_response  # noqa: E402 its models need Django to be set up


async def elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
    """Everything that is not a decision: the web process has it."""
    await send_response(send, NOT_FOUND)


application = mount(elsewhere)
