"""The environment is read once, refused in one message, and safe when it says nothing."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from app.env import Env, read, remembered_secret, select_settings

KEY = "k" * 32


def production(**changes: str) -> Env:
    return read({"ENV": "production", "SECRET_KEY": KEY, "ALLOWED_HOSTS": "flags.example.com", **changes})


def local(state_dir: Path, **changes: str) -> Env:
    return read({"ENV": "local", "STATE_DIR": str(state_dir), **changes})


def test_who_says_nothing_gets_production_and_is_told_what_it_needs() -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        read({})

    assert "SECRET_KEY is missing" in str(caught.value)
    assert "ALLOWED_HOSTS is missing" in str(caught.value)


def test_one_message_names_every_fault_with_its_value() -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        production(PORT="65536", SECURE_SSL_REDIRECT="flase", LOG_FORMAT="xml", OPEN_ENVIRONMENT="a/b")

    for fault in ("PORT='65536'", "SECURE_SSL_REDIRECT='flase'", "LOG_FORMAT='xml'", "OPEN_ENVIRONMENT='a/b'"):
        assert fault in str(caught.value)


def test_messages_do_not_repeat_secrets() -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        production(SECRET_KEY="hunter2", DATABASE_URL="mysql://root:hunter3@db/flags")

    assert "SECRET_KEY=(hidden): 7 characters are too few" in str(caught.value)
    assert "DATABASE_URL=(hidden)" in str(caught.value)
    assert "hunter" not in str(caught.value)


def test_what_is_read_can_be_printed_without_secrets() -> None:
    env = production(DATABASE_URL="postgres://app:hunter2@db/flags", ADMIN_PASSWORD="hunter2", SECRET_KEY="hunter2" * 5)

    assert "hunter2" not in repr(env)


@pytest.mark.parametrize(
    "url", ["nonsense", "mysql://a@b/c", "postgres://db:port/flags", "postgres://db", "postgres://["]
)
def test_a_database_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL"):
        production(DATABASE_URL=url)


def test_a_database_url_keeps_its_parts() -> None:
    database = production(DATABASE_URL="postgres://app:p%40ss@db:5433/flags?sslmode=require").database

    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert (database["USER"], database["PASSWORD"], database["HOST"]) == ("app", "p@ss", "db")
    assert (database["PORT"], database["NAME"], database["OPTIONS"]) == (5433, "flags", {"sslmode": "require"})


def test_without_a_database_url_the_file_stands_in_the_state_directory(tmp_path: Path) -> None:
    odd = tmp_path / "50% of it? yes #1"

    assert local(odd).database["NAME"] == str(odd / "db.sqlite3")


def test_production_is_strict_where_local_is_open(tmp_path: Path) -> None:
    assert production().open_environment == ""
    assert production().secure_ssl_redirect
    assert local(tmp_path).open_environment == "local/open/development"
    assert not local(tmp_path).secure_ssl_redirect
    assert local(tmp_path).bind == "127.0.0.1"


def test_an_empty_open_environment_closes_it_even_locally(tmp_path: Path) -> None:
    assert local(tmp_path, OPEN_ENVIRONMENT="").open_environment == ""


def test_an_empty_variable_counts_as_unset(tmp_path: Path) -> None:
    assert local(tmp_path, PORT="", WEB_CONCURRENCY=" ").port == 6789


def test_production_never_debugs() -> None:
    with pytest.raises(ImproperlyConfigured, match="DEBUG"):
        production(DEBUG="true")


def test_a_platform_that_names_its_host_needs_no_allowed_hosts() -> None:
    env = read({"ENV": "production", "SECRET_KEY": KEY, "RENDER_EXTERNAL_HOSTNAME": "flags.onrender.com"})

    assert env.allowed_hosts[0] == "flags.onrender.com"
    assert env.trusted_proxy


def test_a_proxy_is_not_trusted_unasked() -> None:
    assert not production().trusted_proxy
    assert production(TRUSTED_PROXY="true").trusted_proxy


def test_origins_carry_a_scheme_and_no_path() -> None:
    assert production(CORS_ALLOWED_ORIGINS="https://a.example, http://b.example:8000").cors_allowed_origins == (
        "https://a.example",
        "http://b.example:8000",
    )
    for wrong in ("a.example", "https://a.example/", "ftp://a.example"):
        with pytest.raises(ImproperlyConfigured, match="not an origin"):
            production(CORS_ALLOWED_ORIGINS=wrong)


def test_a_local_secret_is_made_once_for_the_owner_only(tmp_path: Path) -> None:
    first, second = local(tmp_path).secret_key, local(tmp_path).secret_key

    assert first == second
    assert len(first) >= 32
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_processes_that_start_together_agree_on_the_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(remembered_secret, [tmp_path / "secret_key"] * 64))

    assert len(found) == 1


def test_an_empty_secret_file_left_by_a_crash_is_filled(tmp_path: Path) -> None:
    (tmp_path / "secret_key").touch(mode=0o600)

    assert len(local(tmp_path).secret_key) >= 32


def test_a_settings_module_that_is_named_wins_over_env() -> None:
    environ = {"DJANGO_SETTINGS_MODULE": "app.settings.test", "ENV": "local"}

    select_settings(environ, default="production")

    assert environ["DJANGO_SETTINGS_MODULE"] == "app.settings.test"
    assert read(environ).name == "test"


def test_an_unknown_env_is_refused_before_anything_is_imported() -> None:
    with pytest.raises(ImproperlyConfigured, match="choose one of local, test, production"):
        select_settings({"ENV": "staging"}, default="local")
