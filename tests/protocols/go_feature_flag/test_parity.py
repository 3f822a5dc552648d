"""Remote and in process, one answer: the vendor's own evaluator, given our configuration, decides as we do.

Every run draws other cases; `pytest --randomly-seed=…`, with the seed that a run printed, draws those of that run.
"""

import json
from typing import Any

import pytest

from decisions.protocols.go_feature_flag.configuration import local_evaluation
from decisions.protocols.go_feature_flag.documents import whole
from tests.protocols.go_feature_flag.builders import Evaluator, evaluated
from tests.protocols.go_feature_flag.drawing import random_features, random_subject

SUBJECTS, FEATURES = 500, 100


@pytest.fixture(scope="module")
def evaluator() -> Evaluator:
    return Evaluator()


def test_the_evaluator_decides_random_features_for_random_subjects_as_we_do(evaluator: Evaluator) -> None:
    snapshot = random_features(FEATURES)
    flags, remote_only = json.loads(whole(snapshot))["flags"], local_evaluation(snapshot)
    local = [key for key in flags if key not in remote_only]
    reasons = set()

    for _ in range(SUBJECTS):
        key, attributes = random_subject()
        ours = evaluated(snapshot, key, attributes)
        for name in local:
            theirs = evaluator(name, flags[name], key, attributes)
            reasons.add(theirs[2])
            assert same(ours[name], theirs), (name, flags[name], key, attributes, ours[name], theirs)

    assert len(local) > FEATURES / 3
    assert reasons >= {"STATIC", "SPLIT", "TARGETING_MATCH", "DISABLED"}


def test_what_the_evaluator_cannot_decide_is_the_control_or_off_there(evaluator: Evaluator) -> None:
    snapshot = random_features(FEATURES)
    flags = json.loads(whole(snapshot))["flags"]

    for name, why in local_evaluation(snapshot).items():
        feature = snapshot.definitions[name]
        controls = [v for v in (feature.experiment.variants if feature.experiment else ()) if v.is_control]
        theirs = evaluator(name, flags[name], "somebody", {})

        assert all(sentence and sentence[-1] not in ".:" for sentence in why)
        assert theirs[2] == "STATIC"
        assert theirs[1] in {"off", *(variant.key for variant in controls)}
        assert theirs[0] in [feature.off_value, *(variant.value or variant.key for variant in controls)]


def test_without_a_key_both_ask_for_one_alike(evaluator: Evaluator) -> None:
    snapshot = random_features(FEATURES)
    flags, remote_only = json.loads(whole(snapshot))["flags"], local_evaluation(snapshot)
    errors = set()

    for _ in range(20):
        _key, attributes = random_subject()
        ours = evaluated(snapshot, None, attributes)
        for name in flags.keys() - remote_only.keys():
            theirs = evaluator(name, flags[name], None, attributes)
            errors.add(theirs[3])
            assert same(ours[name], theirs), (name, flags[name], attributes, ours[name], theirs)

    assert errors == {"", "TARGETING_KEY_MISSING"}


def same(ours: tuple[Any, str, str, str], theirs: tuple[Any, str, str, str]) -> bool:
    """Go writes 2.0 as 2, which is the same number."""
    return ours[1:] == theirs[1:] and json.dumps(ours[0]) == json.dumps(theirs[0])
