"""ETags over answers, and a memory of them: whoever asks again what was answered before needs no decisions.

Between two moments at which anything may change with time, the same question to the same snapshot has the same answer.
"""

from bisect import bisect_right
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from decisions.engine.choices.timelines import moments_of, ramps_of
from decisions.engine.types import Feature

REMEMBERED = 4_096
Span = tuple[float, float]


class Tags:
    """The ETags of the answers of one snapshot, by question; forgotten when there are too many."""

    def __init__(self, features: Iterable[Feature]) -> None:
        found = list(features)
        self._moments = sorted({moment for feature in found for moment in moments_of(feature)})
        self._ramps = [(ramp.start_at, ramp.end_at) for feature in found for ramp in ramps_of(feature)]
        self._tags: dict[Any, str] = {}

    def question(self, body: bytes, at: float, *seen: Any) -> Any:
        """What the answer to a body depends on beside the snapshot; None while it may change at any moment."""
        if any(start <= at <= end for start, end in self._ramps):
            return None
        return bisect_right(self._moments, at), blake2b(body, digest_size=16).digest(), *seen

    def known(self, question: Any) -> str | None:
        return self._tags.get(question)

    def remember(self, question: Any, tag: str) -> None:
        if question is None:
            return
        if len(self._tags) >= REMEMBERED:
            self._tags.clear()
        self._tags[question] = tag
