"""This machine: everything works right after cloning, served by the same server as in production."""

from app.settings.common import *

STATIC_ROOT.mkdir(exist_ok=True)
STORAGES["staticfiles"] = {"BACKEND": "app.static.PlainStorage"}
WHITENOISE_USE_FINDERS = True
