"""The decision gateway in front of Django, for WSGI servers and runserver."""

import os

from django.core.wsgi import get_wsgi_application

from app.env import select_settings

select_settings(os.environ, default="production")
django_application = get_wsgi_application()

from decisions.wsgi import mount  # noqa: E402 its models need Django to be set up

application = mount(django_application)
