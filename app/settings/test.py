"""Tests: production's behaviour where it can be had quickly."""

import os

from tests import database

database.choose(os.environ)

from app.settings.common import *  # noqa: E402  reads the database that was chosen

STATE_DIR = STATE_DIR / os.environ.get("PYTEST_XDIST_WORKER", "alone")
OPEN_ENVIRONMENT = ""
LAST_GOOD = False  # the disk is slow, and only some tests are about it
STATE_DIR.mkdir(parents=True, exist_ok=True)
STATIC_ROOT.mkdir(exist_ok=True)
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # real ones are slow on purpose
ALLOWED_HOSTS = ["*"]

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, because threads and other processes are part of what is tested and memory is not shared with those.
    DATABASES["default"]["TEST"] = {"NAME": STATE_DIR / "test.sqlite3"}
