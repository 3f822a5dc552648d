"""Every wire protocol that is spoken here: one module each, found by itself."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from decisions.protocols._base import Protocol


@cache
def protocols() -> tuple[Protocol, ...]:
    """The `PROTOCOL` of each public module of this package, in the order of their names."""
    names = sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))
    return tuple(import_module(f"{__name__}.{name}").PROTOCOL for name in names)
