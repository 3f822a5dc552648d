"""What a protocol makes of decisions, made once each: all who get an outcome share the decision, and so its words."""

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from decisions.engine.types import Decision, Fault

Made = TypeVar("Made")


class Fragments(Generic[Made]):
    """What `make` makes of the decisions of one snapshot: mostly bytes, which answers are put together from."""

    __slots__ = ("_held", "_make")

    def __init__(self, make: Callable[[Decision], Made]) -> None:
        self._make = make
        self._held: dict[int, tuple[Decision, Made]] = {}

    def of(self, decision: Decision) -> Made:
        """Made now, or before."""
        found = self._held.get(id(decision))
        if found is None:
            if decision.fault is Fault.FLAG_NOT_FOUND:  # made for one caller, and gone with the call
                return self._make(decision)
            # The decision is held too, so that its id stays its own.
            found = self._held[id(decision)] = decision, self._make(decision)
        return found[1]

    def each(self, decisions: Iterable[Decision]) -> list[Made]:
        """In the same order."""
        held = self._held
        return [found[1] if (found := held.get(id(one))) else self.of(one) for one in decisions]
