"""GrowthBook's own SDK decides from our document as the engine decides: for features of any kind and any subject.

Every run draws other cases; `pytest --randomly-seed=…`, with the seed that a run printed, draws those of that run.
"""

import json
from typing import Any

import pytest
from growthbook import GrowthBook
from growthbook.core import evalCondition

from decisions.engine.conditions.nodes import Nobody
from decisions.engine.evaluate import decide_all
from decisions.engine.types import Subject
from decisions.protocols._fragments import Fragments
from decisions.protocols.growthbook.conditions import audience_of
from decisions.protocols.growthbook.features import Definitions
from decisions.protocols.growthbook.remote import Answer, Asked, pieces_of
from decisions.protocols.growthbook.subjects import key_of
from tests.protocols.growthbook.draws import BINDER, NOW, SEGMENTS, a_snapshot, a_tree, attributes, features

FEATURES, SUBJECTS = 100, 500


def test_every_tree_means_the_same_to_its_sdk() -> None:
    for _ in range(1_500):
        tree = a_tree()
        ours, theirs = BINDER.bind(tree), audience_of(tree, SEGMENTS).condition
        assert not isinstance(ours, Nobody), ours.reason
        for _ in range(5):
            said = attributes(1)
            answer = theirs if isinstance(theirs, bool) else evalCondition(said, theirs)

            assert answer == ours(Subject(key_of(said), said)), (tree, theirs, said)


def test_remote_evaluation_answers_what_its_sdk_decides_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("ERROR", "growthbook")
    snapshot = a_snapshot(features(FEATURES))
    everything = Definitions(snapshot.definitions, snapshot.definitions, SEGMENTS, NOW).all()
    exact = [key for key, made in everything.items() if not made.complaints]
    sdk = GrowthBook(features={key: made.written() for key, made in everything.items()})

    for number in range(SUBJECTS):
        said = attributes(number)
        ours = remotely(said, decide_all(snapshot.features, Subject(key_of(said), said, NOW)))
        sdk.set_attributes(said)
        theirs = {key: sdk.eval_feature(key).value for key in exact}

        wrong = {key: (ours[key], theirs[key]) for key in exact if not alike(ours[key], theirs[key])}
        assert not wrong, (said, wrong, {key: (snapshot.definitions[key], everything[key].rules) for key in wrong})
    assert len(exact) > FEATURES / 2
    sdk.destroy()


def remotely(said: dict[str, Any], decisions: Any) -> dict[str, Any]:
    """What the SDK makes of our remote evaluation."""
    answer = Answer(Asked(said), decisions, Fragments(pieces_of))
    features = json.loads(b"{%b}" % b",".join(answer.of(key) for key in decisions))
    sdk = GrowthBook(features=features, attributes={})
    found = {key: sdk.eval_feature(key).value for key in decisions}
    sdk.destroy()
    return found


def alike(one: Any, other: Any) -> bool:
    """Equal, and of the same type: 1 is not True."""
    return bool(one == other) and type(one) is type(other)
