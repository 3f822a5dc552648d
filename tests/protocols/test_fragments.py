"""What is made of a decision is made once, and never of one that is gone."""

from decisions.engine.evaluate import compile_snapshot, decide
from decisions.engine.types import Decision, Feature, Status, Subject
from decisions.protocols._fragments import Fragments

SNAPSHOT = compile_snapshot([Feature("checkout", status=Status.ON), Feature("search")])


def test_a_fragment_is_made_once_for_all_who_get_the_decision() -> None:
    made: list[Decision] = []

    def make(decision: Decision) -> bytes:
        made.append(decision)
        return decision.feature.key.encode()

    fragments = Fragments(make)

    one, other = (decide(SNAPSHOT, "checkout", Subject(key)) for key in ("ann", "bob"))
    search = decide(SNAPSHOT, "search", Subject("ann"))

    assert fragments.each([one, search, other]) == [b"checkout", b"search", b"checkout"]
    assert fragments.of(other) == b"checkout"
    assert made == [one, search]


def test_the_decision_about_an_unknown_feature_is_not_kept() -> None:
    fragments = Fragments(lambda decision: decision.feature.key)

    asked = [fragments.of(decide(SNAPSHOT, f"unknown-{n}", Subject("ann"))) for n in range(100)]

    assert asked == [f"unknown-{n}" for n in range(100)]
    assert not fragments._held
