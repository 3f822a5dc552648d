"""When the configuration changes by itself: prepared answers hold from one such moment to the next."""

from bisect import bisect_right
from collections.abc import Callable
from datetime import UTC, datetime
from math import inf
from typing import Generic, NamedTuple, TypeVar

from decisions.engine.choices.timelines import moments_of
from decisions.engine.types import Ramp
from decisions.snapshots import EnvironmentSnapshot

SETTLED = 2.0  # seconds
Made = TypeVar("Made")


class Phase(NamedTuple):
    """The time between two moments: how many have passed, and since when all has been as it is."""

    number: int
    updated_at: datetime
    modified: datetime | None
    """The same in whole seconds, as HTTP tells time; None while those do not tell it from what was before."""


class Phases:
    """The phases of a snapshot. Whoever asks twice within one that is settled gets the very same."""

    def __init__(self, snapshot: EnvironmentSnapshot) -> None:
        self._changed_at = snapshot.changed_at
        self._moments = sorted({at for feature in snapshot.definitions.values() for at in moments_of(feature)})
        self._held: tuple[float, float, Phase] = (inf, -inf, Phase(0, snapshot.changed_at, None))

    def at(self, now: float) -> Phase:
        since, until, phase = self._held
        if since <= now < until:
            return phase
        number = bisect_right(self._moments, now)
        phase, since = self._phase(number, now), self._moments[number - 1] if number else -inf
        until = self._moments[number] if number < len(self._moments) else inf
        settled = since + SETTLED
        self._held = (max(since, settled), until, phase) if now >= settled else (since, min(until, settled), phase)
        return phase

    def end(self, now: float) -> float:
        """When the phase ends that this moment is in (seconds since the epoch)."""
        return self._moments[number] if (number := bisect_right(self._moments, now)) < len(self._moments) else inf

    def _phase(self, number: int, now: float) -> Phase:
        if not number or self._moments[number - 1] <= self._changed_at.timestamp():
            return Phase(number, self._changed_at, self._changed_at)
        # The next whole second comes after an edit in the second of the moment. An edit in the next one would not be
        # told from it, so it is only said once that is over.
        passed = self._moments[number - 1]
        modified = datetime.fromtimestamp(int(passed) + 1, UTC) if now >= passed + SETTLED else None
        return Phase(number, datetime.fromtimestamp(passed, UTC), modified)


def phases(snapshot: EnvironmentSnapshot) -> Phases:
    """The phases of an environment."""
    return snapshot.keep("flagsmith.phases", lambda: Phases(snapshot))


def phase_at(snapshot: EnvironmentSnapshot, now: float) -> Phase:
    """Where an environment stands at a moment (seconds since the epoch)."""
    return phases(snapshot).at(now)


def is_moving(ramp: Ramp, now: float) -> bool:
    """Whether a percentage is on its way at a moment."""
    return ramp.start_at <= now < ramp.end_at and ramp.start_rollout != ramp.end_rollout


class Latest(Generic[Made]):
    """What was made for the phase that was asked for last: one thing is kept, however many phases there are."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: tuple[Phase, Made] | None = None

    def get(self, phase: Phase, make: Callable[[], Made]) -> Made:
        """What is made in a phase, made once. Two threads at once may both make it, and it is the same."""
        held = self._held
        if held is None or held[0] is not phase:
            self._held = held = (phase, make())
        return held[1]
