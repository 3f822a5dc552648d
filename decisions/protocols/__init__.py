"""Every wire protocol that is spoken here: one module each, found by itself."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from decisions.protocols._base import Protocol

Options = Mapping[str, Mapping[str, Any]]
"""What an installation sets of its protocols, by slug; those that take options have a function `configured`."""


def protocols(options: Options | None = None) -> tuple[Protocol, ...]:
    """The `PROTOCOL` of each public module of this package, in the order of their names, with its options if any."""
    return tuple(_protocol(name, module, options or {}) for name, module in _modules().items())


def _protocol(name: str, module: ModuleType, options: Options) -> Protocol:
    protocol: Protocol = module.configured(**options[name]) if name in options else module.PROTOCOL
    return protocol


@cache
def _modules() -> dict[str, ModuleType]:
    names = sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))
    return {name: import_module(f"{__name__}.{name}") for name in names}
