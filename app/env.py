"""Every environment variable, read once and checked, so that a wrong deployment says everything at once."""

import fcntl
import os
import secrets
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

from dj_database_url import DBConfig
from django.core.exceptions import ImproperlyConfigured

from app.variables import (
    Variables,
    boolean,
    database,
    environment_path,
    number,
    one_of,
    origins,
    secret,
    sqlite,
    words,
)

BASE_DIR = Path(__file__).resolve().parent.parent
SETTINGS = "app.settings."
NAMES = ("local", "test", "production")
SECRET_LENGTH = 32
MONTH = 30 * 24 * 60 * 60
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

# Health checks come from inside, under these names, whatever the public one is.
INSIDE_HOSTS = ("localhost", "127.0.0.1", "[::1]")
LOCAL_HOSTS = (*INSIDE_HOSTS, "0.0.0.0", "testserver")  # noqa: S104 a name in a Host header, nothing is bound to it

# Platforms name the app's public host here …
PLATFORM_HOSTS = ("HEROKU_APP_DEFAULT_DOMAIN_NAME", "RENDER_EXTERNAL_HOSTNAME", "RAILWAY_PUBLIC_DOMAIN")
# … and these tell of a router that is the only way in: believe its X-Forwarded-Proto, or https redirects for ever.
PLATFORM_ROUTERS = ("DYNO", "DOKKU_APP_TYPE", *PLATFORM_HOSTS)


@dataclass(frozen=True, kw_only=True)
class Env:
    """What the environment asks for, as typed values. Secrets stay out of its repr."""

    name: str
    debug: bool
    secret_key: str = field(repr=False)
    secret_key_fallbacks: tuple[str, ...] = field(repr=False)
    database: DBConfig = field(repr=False)
    statement_timeout: int  # seconds; 0 is none
    state_dir: Path
    allowed_hosts: tuple[str, ...]
    csrf_trusted_origins: tuple[str, ...]
    cors_allowed_origins: tuple[str, ...]
    record_decisions: bool  # off only to measure what recording costs
    open_environment: str  # organisation/project/environment; "" is none
    abc_clock_skew: int  # seconds that a signature of ABetterChoice is good for; 0 is for ever
    abc_strict_status: bool  # errors of ABetterChoice have their own HTTP status, not 200
    stream_slots: int  # open streams a process
    rate_limit: int  # calls a second of one key and process; 0 is no limit
    bind: str
    port: int
    web_concurrency: int
    log_level: str
    log_format: str
    secure_ssl_redirect: bool
    secure_hsts_seconds: int
    trusted_proxy: bool
    admin_username: str
    admin_email: str
    admin_password: str = field(repr=False)


def select_settings(environ: MutableMapping[str, str], *, default: str) -> None:
    """Name Django's settings module after ENV, unless it is named already."""
    name = environment_name(environ, default=default)
    if name not in NAMES:
        raise ImproperlyConfigured(f"ENV={name!r}: choose one of {', '.join(NAMES)}.")
    environ["DJANGO_SETTINGS_MODULE"] = environ.get("DJANGO_SETTINGS_MODULE") or SETTINGS + name


def environment_name(environ: Mapping[str, str], *, default: str = "production") -> str:
    """The settings module decides where it is named, then ENV; who says nothing gets the safe settings."""
    module = environ.get("DJANGO_SETTINGS_MODULE", "")
    if module.startswith(SETTINGS):
        return module.removeprefix(SETTINGS)
    return environ.get("ENV") or default


def read(environ: Mapping[str, str]) -> Env:
    """The whole environment; one ImproperlyConfigured names every variable that is missing or malformed."""
    name = environment_name(environ)
    if name not in NAMES:
        raise ImproperlyConfigured(f"ENV={name!r}: choose one of {', '.join(NAMES)}.")
    variables = Variables(environ)
    env = collect(variables, name)
    if name == "production":
        require_for_production(variables, env)
    if variables.faults:
        raise ImproperlyConfigured("\n  ".join(["Environment variables to put right:", *variables.faults]))
    return env


def collect(variables: Variables, name: str) -> Env:
    """Every variable with its cast and its default."""
    take, production = variables.take, name == "production"
    state_dir = take("STATE_DIR", Path, BASE_DIR / "var").absolute()
    return Env(
        name=name,
        debug=take("DEBUG", boolean, False),
        secret_key=take("SECRET_KEY", secret(SECRET_LENGTH), "", secret=True) or default_secret(name, state_dir),
        secret_key_fallbacks=take("SECRET_KEY_FALLBACKS", words, (), secret=True),
        database=take("DATABASE_URL", database, sqlite(state_dir / "db.sqlite3"), secret=True),
        statement_timeout=take("STATEMENT_TIMEOUT", number(0, 86_400), 5),
        state_dir=state_dir,
        allowed_hosts=allowed_hosts(variables, name),
        csrf_trusted_origins=take("CSRF_TRUSTED_ORIGINS", origins, ()),
        cors_allowed_origins=take("CORS_ALLOWED_ORIGINS", origins, ()),
        open_environment=open_environment(variables, name),
        record_decisions=take("RECORD_DECISIONS", boolean, True),
        abc_clock_skew=take("ABC_CLOCK_SKEW", number(0, 86_400), 300),
        abc_strict_status=take("ABC_STRICT_STATUS", boolean, False),
        rate_limit=take("RATE_LIMIT", number(0, 1_000_000), 0),
        stream_slots=take("STREAM_SLOTS", number(0, 100_000), 2_500),
        bind=take("BIND", str, "127.0.0.1" if name == "local" else "0.0.0.0"),  # noqa: S104 containers listen outward
        port=take("PORT", number(1, 65_535), 6789),
        web_concurrency=take("WEB_CONCURRENCY", number(1, 512), 2),
        log_level=take("LOG_LEVEL", one_of(*LOG_LEVELS), "INFO"),
        log_format=take("LOG_FORMAT", one_of("console", "json"), "json" if production else "console"),
        secure_ssl_redirect=take("SECURE_SSL_REDIRECT", boolean, production),
        secure_hsts_seconds=take("SECURE_HSTS_SECONDS", number(0, 10**9), MONTH if production else 0),
        trusted_proxy=take("TRUSTED_PROXY", boolean, bool(variables.given(PLATFORM_ROUTERS))),
        admin_username=take("ADMIN_USERNAME", str, "admin"),
        admin_email=take("ADMIN_EMAIL", str, ""),
        admin_password=take("ADMIN_PASSWORD", str, "", secret=True),
    )


def require_for_production(variables: Variables, env: Env) -> None:
    """What has no safe default where strangers can reach it."""
    variables.require(
        "SECRET_KEY", f"set {SECRET_LENGTH} random characters or more, such as {secrets.token_urlsafe(48)}"
    )
    if env.debug:
        variables.faults.append("DEBUG='true': it shows settings to visitors, unset it or use ENV=local.")
    if not variables.given(PLATFORM_HOSTS):
        variables.require("ALLOWED_HOSTS", "set the public host names, such as flags.example.com,.example.org")


def allowed_hosts(variables: Variables, name: str) -> tuple[str, ...]:
    """The public names in production; this machine's elsewhere."""
    if name != "production":
        return variables.take("ALLOWED_HOSTS", words, LOCAL_HOSTS)
    return (*variables.take("ALLOWED_HOSTS", words, variables.given(PLATFORM_HOSTS)), *INSIDE_HOSTS)


def open_environment(variables: Variables, name: str) -> str:
    """Answers calls without a key. Unlike elsewhere, empty is an answer: none, even locally."""
    if variables.source.get("OPEN_ENVIRONMENT") == "":
        return ""
    return variables.take("OPEN_ENVIRONMENT", environment_path, "local/open/development" if name == "local" else "")


def default_secret(name: str, state_dir: Path) -> str:
    """Nothing in production, where it is required; elsewhere nobody should have to think of one."""
    if name == "local":
        return remembered_secret(state_dir / "secret_key")
    return "test-" * 10 if name == "test" else ""


def remembered_secret(path: Path) -> str:
    """Made once and kept in a file only its owner reads.

    The lock makes processes that start together agree, and an empty file left by a crash is filled by the next.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not (found := file.read().strip()):
            found = secrets.token_urlsafe(48)
            file.write(found)
        return found
