"""A decision with every step that led to it, for people who ask why."""

from dataclasses import dataclass

from decisions.engine.choices.base import Trace
from decisions.engine.evaluate import Snapshot, decide
from decisions.engine.types import Decision, Subject


@dataclass(frozen=True, slots=True)
class Explanation:
    """The decision, and what was compared with what on the way to it, in order."""

    decision: Decision
    steps: list[Trace]


def explain(snapshot: Snapshot, feature_key: str, subject: Subject) -> Explanation:
    """The same decision as `decide`, explained: every choice tells of the comparisons that it chose by."""
    choice = snapshot.get(feature_key)
    steps = choice.explain(subject) if choice else [{"step": "feature", "feature": feature_key, "known": False}]
    return Explanation(decide(snapshot, feature_key, subject), steps)
