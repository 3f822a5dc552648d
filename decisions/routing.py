"""Whose path it is: from paths to the routes of protocols."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from decisions.protocols._base import BODY_LIMIT, Protocol, Route

REMEMBERED = 4_096
REMEMBERED_LENGTH = 512
"""Characters. There are few paths with parameters; longer ones are looked for anew, or somebody fills the memory."""


class Match(NamedTuple):
    """A path that is ours: the protocol, and the routes by method; none of a method means it is not allowed."""

    protocol: Protocol
    routes: dict[str, Route]
    parameters: dict[str, str]

    def body_limit(self, method: str) -> int:
        """How many bytes a call may bring."""
        route = self.routes.get(method)
        return route.body_limit if route else BODY_LIMIT


class Router:
    """Fixed paths in a dictionary, those with parameters in one pattern; methods of one path together."""

    def __init__(self, protocols: Iterable[Protocol]) -> None:
        self._fixed: dict[str, Match] = {}
        self._open: dict[str, Match] = {}
        for protocol, route in _routes(protocols):
            paths = self._open if "{" in route.path else self._fixed
            paths.setdefault(route.path, Match(protocol, {}, {})).routes[route.method] = route
        self._places = [(match, _names(path)) for path, match in self._open.items()]
        self._pattern = re.compile("|".join(f"(?P<r{i}>{_pattern(path)})" for i, path in enumerate(self._open)))
        self._known = lru_cache(REMEMBERED)(self._search)

    def find(self, path: str) -> Match | None:
        """Whose path this is; None if it belongs to no protocol."""
        if match := self._fixed.get(path):
            return match
        return self._known(path) if len(path) <= REMEMBERED_LENGTH else self._search(path)

    def _search(self, path: str) -> Match | None:
        found = self._pattern.fullmatch(path)
        if found is None or found.lastgroup is None:
            return None
        match, names = self._places[int(found.lastgroup[1:])]
        values = found.groups()[found.re.groupindex[found.lastgroup] :]
        return match._replace(parameters=dict(zip(names, values, strict=False)))


def _routes(protocols: Iterable[Protocol]) -> Iterator[tuple[Protocol, Route]]:
    yield from ((protocol, route) for protocol in protocols for route in protocol.routes)


def _pattern(path: str) -> str:
    return re.sub(r"\\\{\w+\\\}", "([^/]+)", re.escape(path))


def _names(path: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", path)
