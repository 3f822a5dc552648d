"""The judges of conditions: a vendor's own evaluator holds our conditions, in its words, for the subjects that we do.

Every run draws other cases; `pytest --randomly-seed=…`, with the seed that a failure shows, draws those of that run.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from decisions.engine.conditions.binding import Binder
from decisions.engine.types import Subject
from tests.sdks import in_flagsmith, in_go_feature_flag, in_growthbook
from tests.sdks.drawing import Language

TREES = 600
SUBJECTS = 5  # of each tree: 3,000 cases

Holds = Callable[[Any, Any, Subject], bool]
"""A tree, the segments it may name, and a subject: whether the vendor's evaluator thinks that it is meant."""


@dataclass(frozen=True)
class Case:
    """One subject and one tree; a failing test prints it whole."""

    tree: Any
    segments: Any
    subject: Subject

    def ours(self) -> bool:
        """What the engine says."""
        return Binder(self.segments).bind(self.tree)(self.subject)


def test_growthbook_agrees(seed: int) -> None:
    def holds(tree: Any, segments: Any, subject: Subject) -> bool:
        flag = {"defaultValue": False, "rules": [{"condition": in_growthbook.condition(tree), "force": True}]}
        judge = in_growthbook.Judge({"asked": flag}, segments)
        try:
            return bool(judge.value("asked", subject))
        finally:
            judge.close()

    assert_agreement(in_growthbook.LANGUAGE, holds, seed)


def test_flagsmith_agrees(seed: int) -> None:
    def holds(tree: Any, segments: Any, subject: Subject) -> bool:
        asked = in_flagsmith.segment("asked", in_flagsmith.rule_of(tree, segments))
        return bool(in_flagsmith.evaluate(subject, {}, {"asked": asked})["segments"])

    assert_agreement(in_flagsmith.LANGUAGE, holds, seed)


def test_go_feature_flag_agrees(seed: int, go_feature_flag: in_go_feature_flag.Judge) -> None:
    def holds(tree: Any, segments: Any, subject: Subject) -> bool:
        return go_feature_flag.holds(in_go_feature_flag.query(tree, segments), subject)

    assert_agreement(in_go_feature_flag.LANGUAGE, holds, seed)


def assert_agreement(language: Language, holds: Holds, seed: int) -> None:
    """Ours and the judge's answer to every case, of which some are meant and some are not."""
    found = [(case, case.ours()) for case in cases(language)]
    wrong = [
        (case, "we", ours, "they", not ours)
        for case, ours in found
        if holds(case.tree, case.segments, case.subject) is not ours
    ]

    assert (seed, wrong[:3]) == (seed, [])
    assert 0.1 < sum(ours for _, ours in found) / len(found) < 0.9
    assert set(language.operators) <= {leaf for case, _ in found for leaf in operators_in(case.tree)}


def cases(language: Language) -> Iterator[Case]:
    """Half of the trees are single conditions, so that no group hides one."""
    for number in range(TREES):
        segments = language.segments() if number % 2 else {}
        tree = language.tree(list(segments)) if number % 2 else language.leaf()
        yield from (Case(tree, segments, language.subject()) for _ in range(SUBJECTS))


def operators_in(tree: Any) -> Iterator[str]:
    """Every operator that a tree names."""
    for kind in ("all", "any", "none"):
        for part in tree.get(kind, []):
            yield from operators_in(part)
    if "operator" in tree:
        yield tree["operator"]
