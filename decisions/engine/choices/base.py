"""A choice, and those that are made of nothing else: always the same, never any, and the first of several."""

from __future__ import annotations  # closures are made by the thousand: none is to carry types of its own

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from decisions.engine.types import Decision, Holds, Known, Subject

Trace = dict[str, Any]
Choose = Callable[[Subject, Known | None], Decision | None]
"""Answers a subject, or passes it on with None. Made once, for all subjects."""
Gate = tuple[Holds | None, Holds, Choose]
"""A choice in parts: the segment, if it concerns one and nobody else; whom it concerns; what it answers those."""


def everyone(subject: Subject, known: Known | None) -> bool:
    """Whom most choices concern."""
    return True


class Choice:
    """Answers a subject by `choose`, and explains itself."""

    __slots__ = ("choose",)
    choose: Choose

    def gate(self) -> Gate:
        """The same in parts."""
        return None, everyone, self.choose

    def explain(self, subject: Subject) -> list[Trace]:
        """What was compared with what, in order."""
        raise NotImplementedError


class Final(Protocol):
    """A choice that passes nobody on."""

    @property
    def choose(self) -> Callable[[Subject, Known | None], Decision]: ...

    def explain(self, subject: Subject) -> list[Trace]: ...


Finals = Mapping[str, Final]
"""Features' choices by the features' keys."""


class Always(Choice):
    """The same for everybody."""

    __slots__ = ("decision",)

    def __init__(self, decision: Decision) -> None:
        self.decision = decision
        self.choose = lambda subject, known: decision

    def explain(self, subject: Subject) -> list[Trace]:
        return [{"step": "status", "status": self.decision.feature.status.value, "reason": self.decision.reason.value}]


class Never(Choice):
    """Passes everybody on, and has nothing to say."""

    __slots__ = ()

    def __init__(self) -> None:
        self.choose = lambda subject, known: None

    def explain(self, subject: Subject) -> list[Trace]:
        return []


class Chain(Choice):
    """Choices in order: the first that answers. The last of them answers everybody."""

    __slots__ = ("parts",)

    def __init__(self, gates: tuple[Choice, ...], last: Choice) -> None:
        self.parts = (*gates, last)
        self.choose = _first_of(tuple(choice.gate() for choice in gates), last.choose)

    def explain(self, subject: Subject) -> list[Trace]:
        found: list[Trace] = []
        for part in self.parts:
            found += part.explain(subject)
            if part.choose(subject, None) is not None:
                break
        return found


def _first_of(gates: tuple[Gate, ...], last: Choose) -> Choose:
    def choose(subject: Subject, known: Known | None) -> Decision | None:
        for segment, concerns, answer in gates:
            if known is None or segment is None:
                is_meant = concerns(subject, known)
            else:  # as `concerns` would, without the call, which costs as much again
                found = known.get(segment)
                if found is None:
                    found = known[segment] = segment(subject, known)
                is_meant = found
            if is_meant:
                decision = answer(subject, known)
                if decision is not None:
                    return decision
        return last(subject, known)

    return choose
