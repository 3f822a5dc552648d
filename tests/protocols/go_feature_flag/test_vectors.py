"""What upstream's evaluator was seen to answer, answered by us, and by that evaluator from our configuration.

`left_out` lists what was seen too, and which our model cannot say.
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from decisions.engine.conditions.binding import Binder
from decisions.engine.types import Experiment, Feature, Rule, Status, Step, Variant
from decisions.protocols.go_feature_flag.configuration import local_evaluation
from decisions.protocols.go_feature_flag.documents import whole
from decisions.protocols.go_feature_flag.evaluation import evaluate
from decisions.snapshots import EnvironmentSnapshot
from tests.protocols.go_feature_flag.builders import Evaluator, a_call, a_snapshot, sent

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text(encoding="utf-8"))
KEY = "f"


def named(case: dict[str, Any]) -> str:
    return ascii(case.get("title") or f"{case['flag']} {case['key']}")


@pytest.fixture(scope="module")
def evaluator() -> Evaluator:
    return Evaluator()


@pytest.mark.parametrize("case", VECTORS["cases"], ids=named)
def test_a_flag_is_answered_as_upstream_answers_it(case: dict[str, Any]) -> None:
    answer = asked(a_snapshot([a_feature(case["feature"])]), case)

    expected = {"trackEvents": True, "errorCode": "", "failed": "errorCode" in case["answer"], **case["answer"]}
    assert {name: answer[name] for name in expected} == expected
    assert ("metadata" in answer, "errorDetails" in answer) == ("metadata" in expected, "errorDetails" in expected)


@pytest.mark.parametrize("case", [case for case in VECTORS["cases"] if not case.get("remote_only")], ids=named)
def test_upstreams_evaluator_answers_the_same_from_our_configuration(
    case: dict[str, Any], evaluator: Evaluator
) -> None:
    snapshot = a_snapshot([a_feature(case["feature"])])
    flag = json.loads(whole(snapshot))["flags"][KEY]

    value, variation, reason, error = evaluator(KEY, flag, case["key"], case["custom"])

    expected = case["answer"]
    assert (variation or "SdkDefault", reason, error) == (
        expected["variationType"],
        expected["reason"],
        expected.get("errorCode", ""),
    )
    assert value == (expected["value"] if variation else None)


@pytest.mark.parametrize("case", VECTORS["splits"], ids=named)
def test_a_split_puts_everybody_where_upstream_does(case: dict[str, Any]) -> None:
    experiment = an_experiment(case["weights"], case["flag"])
    feature = Feature(case["flag"], status=Status.EXPERIMENT, experiment=experiment)

    answer = asked(a_snapshot([feature]), {"key": case["key"], "custom": {}}, case["flag"])

    assert (answer["variationType"], answer["reason"]) == (case["variation"], "SPLIT")


def test_the_configuration_says_which_of_them_it_cannot_carry() -> None:
    for case in VECTORS["cases"]:
        assert bool(local_evaluation(a_snapshot([a_feature(case["feature"])]))) == case.get("remote_only", False)


def test_what_is_left_out_says_why() -> None:
    assert len(VECTORS["cases"]) + len(VECTORS["left_out"]) == 35 + 1  # of our own: a missing attribute to split by
    assert all(left["title"] and left["why"] for left in VECTORS["left_out"])


def asked(snapshot: EnvironmentSnapshot, case: dict[str, Any], flag: str = KEY) -> dict[str, Any]:
    """What /v1/feature/{flag}/eval answers."""
    body = {"evaluationContext": {"key": case["key"], "custom": case["custom"]}, "defaultValue": case.get("default")}
    call = a_call(snapshot, body)
    call.observer.close()  # nothing is to be stored
    answer: dict[str, Any] = sent(call, evaluate(call, flag))
    return answer


def a_feature(given: dict[str, Any]) -> Feature:
    """A feature from its description."""
    experiment = (
        an_experiment(given["weights"], hash_attribute=given.get("hash_attribute", "")) if "weights" in given else None
    )
    return Feature(
        KEY,
        status=Status.EXPERIMENT if experiment else Status(given.get("status", "on")),
        on_value=given.get("on", True),
        off_value="off",
        experiment=experiment,
        rules=tuple(a_rule(**rule) for rule in given.get("rules", ())),
        steps=tuple(a_step(**step) for step in given.get("steps", ())),
    )


def a_rule(key: str, tree: Any, value: Any = None, weights: Any = None, is_on: bool = True) -> Rule:
    experiment = an_experiment(weights) if weights else None
    return Rule(key, Binder({}).bind(tree), value=value, experiment=experiment, is_on=is_on, tree=tree)


def a_step(at: str, status: str | None = None, **value: Any) -> Step:
    moment = datetime.fromisoformat(at).timestamp()
    return Step(moment, Status(status) if status else None, value=value.get("value"), sets_value="value" in value)


def an_experiment(weights: dict[str, float], seed: str = KEY, **changes: Any) -> Experiment:
    """Its variants serve their keys in capitals."""
    variants = tuple(Variant(key, round(weight * 10), value=key.upper()) for key, weight in weights.items())
    return Experiment("exp-001", "split", seed, variants, bucketing="go_feature_flag", **changes)
