"""The decision gateway in front of Django, for ASGI servers."""

import os
import warnings

from django.core.asgi import get_asgi_application

from app.env import select_settings

select_settings(os.environ, default="production")
# WhiteNoise reads files synchronously; they are few, small and kept by browsers.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
django_application = get_asgi_application()

from decisions.asgi import mount  # noqa: E402 its models need Django to be set up

application = mount(django_application)
