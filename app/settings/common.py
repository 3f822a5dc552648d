"""What every environment shares. Values that differ come from app.env, never from os.environ directly."""

import os
from contextlib import suppress

from corsheaders.defaults import default_headers

from app import databases, logs
from app.env import BASE_DIR, read

env = read(os.environ)

# Switchyard's own

ENV_NAME = env.name
STATE_DIR = env.state_dir
LAST_GOOD = True
OPEN_ENVIRONMENT = env.open_environment
PORT = env.port
RECORD_DECISIONS = env.record_decisions
STREAM_SLOTS = env.stream_slots
RATE_LIMIT = env.rate_limit
PROTOCOL_OPTIONS = {"abetterchoice": {"clock_skew": env.abc_clock_skew, "strict_status": env.abc_strict_status}}
ADMIN_USERNAME = env.admin_username
ADMIN_EMAIL = env.admin_email
ADMIN_PASSWORD = env.admin_password
# The audit knows no tenants; these functions tell it which rows somebody may read, and how environments are called.
AUDIT_SCOPE = "tenants.querysets.visible_log"
AUDIT_PLACES = "tenants.querysets.visible_places"
# Nor does it know what the other apps can do with what it tells of: take it back, and show its pages.
AUDIT_REVERTS = ("tenants.reverts.REVERTS", "features.reverts.REVERTS", "experiments.reverts.REVERTS")
AUDIT_ACTOR = "tenants.authentication.actor_of"
AUDIT_LINKS = "app.links"

with suppress(OSError):  # check switchyard.E001 explains it better than a traceback here would
    STATE_DIR.mkdir(parents=True, exist_ok=True)

# Django

DEBUG = env.debug
SECRET_KEY = env.secret_key
SECRET_KEY_FALLBACKS = list(env.secret_key_fallbacks)
ALLOWED_HOSTS = list(env.allowed_hosts)
CSRF_TRUSTED_ORIGINS = list(env.csrf_trusted_origins)

INSTALLED_APPS = [
    "app",
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "corsheaders",
    "audits",
    "tenants",
    "features",
    "experiments",
    "decisions",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "app.csp.ContentSecurityPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "app.urls"
WSGI_APPLICATION = "app.wsgi.application"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000  # a feature may have 100 rules, each of a dozen fields
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024 + 64 * 1024  # above the API's own 1 MiB, which answers with a proper 413

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {"default": databases.configure(env.database, statement_timeout=env.statement_timeout)}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

LOGGING = logs.config(level=env.log_level, style=env.log_format)

# Security

X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.trusted_proxy else None
SESSION_COOKIE_HTTPONLY = True

# Browsers may call the API from these origins; the protocols answer CORS themselves, at the gateway.
CORS_ALLOWED_ORIGINS = list(env.cors_allowed_origins)
CORS_ALLOW_HEADERS = [*default_headers, "if-match", "x-environment-key"]
CORS_EXPOSE_HEADERS = ["etag"]

# REST

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tenants.authentication.EnvironmentKeyAuthentication",
        "tenants.authentication.TokenAuthentication",
        "tenants.authentication.PersonAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["tenants.permissions.RolePermission"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "app.errors.handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Switchyard",
    "DESCRIPTION": "Feature flags and experiments, self-hosted.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",
    "SERVE_PUBLIC": True,
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "FeatureStatus": "features.models.StatusChoice",
        "ExperimentStatus": "experiments.models.ExperimentStatus",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "app.schema.add_protocol_routes",
    ],
}

UNFOLD = {
    "SITE_TITLE": "Switchyard",
    "SITE_HEADER": "Switchyard",
    "SITE_SUBHEADER": "Feature flags and experiments",
    "SITE_SYMBOL": "alt_route",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "app.admin.icon"}],
    "STYLES": ["app.admin.stylesheet"],
    "SCRIPTS": ["app.admin.script"],
    "COLORS": "app.admin.colors",
    "SITE_URL": None,
    "SHOW_HISTORY": False,  # audits.Change is the history
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "DASHBOARD_CALLBACK": "app.home.dashboard",
    "SIDEBAR": {"show_search": True, "navigation": "app.admin.navigation"},
}
