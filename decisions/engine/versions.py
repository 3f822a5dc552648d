"""Semantic versions 2.0.0, compared by precedence (semver.org, section 11)."""

import re
from functools import lru_cache
from typing import NamedTuple

_SEMVER = re.compile(
    r"(0|[1-9][0-9]{0,17})\.(0|[1-9][0-9]{0,17})\.(0|[1-9][0-9]{0,17})"
    r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
Identifier = tuple[int, int, str]


class Version(NamedTuple):
    """A version in the order of precedence: a release comes after its pre-releases, build metadata do not count."""

    major: int
    minor: int
    patch: int
    is_release: bool
    identifiers: tuple[Identifier, ...]


def parse(text: object) -> Version | None:
    """A version, or None for anything that is not exactly one."""
    return _parse(text) if isinstance(text, str) and len(text) <= 256 else None


@lru_cache(maxsize=4096)  # an application's users have few versions between them
def _parse(text: str) -> Version | None:
    found = _SEMVER.fullmatch(text)
    if found is None:
        return None
    major, minor, patch, prerelease = found.groups()
    parts = prerelease.split(".") if prerelease else []
    if any(part.isdigit() and part != str(int(part)) for part in parts):
        return None
    return Version(int(major), int(minor), int(patch), not parts, tuple(_identifier(part) for part in parts))


def _identifier(part: str) -> Identifier:
    """Numeric identifiers compare as numbers, and come before the others."""
    return (0, int(part), "") if part.isdigit() else (1, 0, part)
