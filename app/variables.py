"""One environment variable: what its text becomes, and the sentence to say when it cannot."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlsplit

import dj_database_url
import environ

T = TypeVar("T")

TRUE = environ.Env.BOOLEAN_TRUE_STRINGS
FALSE = ("false", "off", "n", "no", "0")
ENGINES = ("django.db.backends.sqlite3", "django.db.backends.postgresql")
DATABASE_URL_FORM = (
    "write postgres://user:password@host:5432/name or sqlite:////absolute/path, and percent-encode the rest"
)


class Variables:
    """Reads variables one by one and remembers what was wrong, so that one message can tell it all."""

    def __init__(self, source: Mapping[str, str]) -> None:
        self.source = source
        self.faults: list[str] = []

    def take(self, name: str, cast: Callable[[str], T], default: T, *, secret: bool = False) -> T:
        """The variable, cast. An empty one counts as unset, as `docker run -e NAME=` and compose files leave them."""
        text = self.source.get(name, "").strip()
        if not text:
            return default
        try:
            return cast(text)
        except ValueError as error:
            self.faults.append(f"{name}={'(hidden)' if secret else repr(text)}: {error}.")
            return default

    def require(self, name: str, way_out: str) -> None:
        """Note a fault when nobody set the variable."""
        if not self.source.get(name, "").strip():
            self.faults.append(f"{name} is missing: {way_out}.")

    def given(self, names: Iterable[str]) -> tuple[str, ...]:
        """The values of those variables that are set, in order."""
        return tuple(value for name in names if (value := self.source.get(name, "").strip()))


def boolean(text: str) -> bool:
    """Strict, because django-environ reads `flase` as False, and a typing error would switch security off."""
    if text.lower() not in (*TRUE, *FALSE):
        raise ValueError("write true or false")
    return text.lower() in TRUE


def number(least: int, most: int) -> Callable[[str], int]:
    """A whole number in a closed range."""

    def cast(text: str) -> int:
        if not text.isdecimal() or len(text) > len(str(most)) or not least <= int(text) <= most:
            raise ValueError(f"write a whole number from {least} to {most}")
        return int(text)

    return cast


def one_of(*choices: str) -> Callable[[str], str]:
    """One of a few words, in either case."""
    known = {choice.lower(): choice for choice in choices}

    def cast(text: str) -> str:
        if text.lower() not in known:
            raise ValueError(f"choose one of {', '.join(choices)}")
        return known[text.lower()]

    return cast


def words(text: str) -> tuple[str, ...]:
    """Words between commas."""
    return tuple(word for part in text.split(",") if (word := part.strip()))


def secret(least: int) -> Callable[[str], str]:
    """A text too long to guess."""

    def cast(text: str) -> str:
        if len(text) < least:
            raise ValueError(f"{len(text)} characters are too few, write at least {least} random ones")
        return text

    return cast


def origins(text: str) -> tuple[str, ...]:
    """Origins between commas: a scheme and a host, which is what browsers send."""
    for origin in (found := words(text)):
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path or parts.query or parts.fragment:
            raise ValueError(f"{origin!r} is not an origin, write https://flags.example.com")
    return found


def environment_path(text: str) -> str:
    """The keys that lead to one environment."""
    if len(text.split("/")) != 3 or not all(text.split("/")):
        raise ValueError("write organisation/project/environment, three keys")
    return text


def database(text: str) -> dj_database_url.DBConfig:
    """Django's settings for a database URL. Messages never repeat the URL, because it holds a password."""
    try:
        config = dj_database_url.parse(text)
    except ValueError as error:
        raise ValueError(DATABASE_URL_FORM) from error
    if config["ENGINE"] not in ENGINES or not config["NAME"]:
        raise ValueError(DATABASE_URL_FORM)
    return config


def sqlite(path: Path) -> dj_database_url.DBConfig:
    """Django's settings for a SQLite file."""
    return dj_database_url.parse(f"sqlite:///{quote(str(path))}")
