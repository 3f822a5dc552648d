"""Where strangers come by. `manage.py check --deploy` holds it to Django's list."""

from app.settings.common import *

SECURE_SSL_REDIRECT = env.secure_ssl_redirect
SECURE_REDIRECT_EXEMPT = [r"^(health|livez|readyz|metrics)$"]  # asked from inside, over http
SECURE_HSTS_SECONDS = env.secure_hsts_seconds

# Together with the redirect: where there is no https, browsers would not send these back and nobody could sign in.
SESSION_COOKIE_SECURE = env.secure_ssl_redirect
CSRF_COOKIE_SECURE = env.secure_ssl_redirect

# Both ask for promises about the domain's other hosts, which are not ours to make.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
