"""The judges of assignments: a vendor's own evaluator assigns everybody as the engine does by that vendor's scheme.

Every run draws other cases; `pytest --randomly-seed=…`, with the seed that a run printed, draws those of that run.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from flag_engine.engine import EvaluationContext, get_evaluation_result
from growthbook import GrowthBook

from decisions.engine.types import FULL, Experiment, Subject
from tests.engine.builders import a_feature, an_experiment, arms, decided
from tests.sdks import in_go_feature_flag
from tests.sdks.drawing import BASIC, EVERY, split, text

EXPERIMENTS = 400
SUBJECTS = 10  # of each experiment: 4,000 cases
OUTSIDE = "outside"  # what a feature serves to those who take no part

Judge = Callable[[Experiment, str], str]
"""What the vendor's evaluator says: the key of the variant, or `OUTSIDE`."""


@dataclass(frozen=True)
class Case:
    """One subject of one experiment; a failing test prints it whole."""

    experiment: Experiment
    key: str

    def ours(self) -> str:
        """What the engine says."""
        decision = decided(a_feature(self.experiment), self.key)
        return decision.variant.key if decision.in_experiment and decision.variant else OUTSIDE


def test_growthbook_agrees_on_weights_coverage_and_seeds(growthbook: Judge) -> None:
    """Without characters beyond U+FFFF: its SDK for Python hashes code points, the one for JavaScript, which we follow,
    UTF-16 code units."""
    found = list(cases("growthbook", BASIC, step=1, rollouts=(FULL, FULL // 2, 1, 0, 12_345, 99_999)))

    assert_agreement(found, growthbook)
    assert {case.ours() for case in found} > {OUTSIDE, "control"}


def test_growthbook_agrees_exactly_where_ranges_begin_and_end(growthbook: Judge) -> None:
    """Weights of whole buckets, and so many subjects that some stand on every boundary."""
    experiment = an_experiment(seed="edges", weights={"control": 1, "nobody": 0, "a": 2, "b": 1}, rollout=50_000)

    assert_agreement([Case(experiment, f"user-{number}") for number in range(5_000)], growthbook)


def test_flagsmith_agrees_on_weights_and_seeds(flagsmith: Judge) -> None:
    """For everybody: Flagsmith knows no rollout within a split."""
    found = list(cases("flagsmith", EVERY, step=1))

    assert_agreement(found, flagsmith)
    assert {case.ours() for case in found} > {"control"}


def test_flagsmith_agrees_on_exactly_half(flagsmith: Judge) -> None:
    """The one step that a boundary can hit, with decimals whose sum misses half by the least bit, either way."""
    half = "user-4641"
    splits = [(143, 301, 56), (142, 301, 57), (333, 167, 0), (1, 2, 497), (499, 1, 0), (247, 152, 101), (333, 0, 167)]
    experiments = [
        an_experiment(seed="fair", bucketing="flagsmith", weights={"control": 500, "a": a, "b": b, "c": c})
        for a, b, c in splits
    ]

    assert_agreement([Case(experiment, half) for experiment in experiments], flagsmith)


def test_go_feature_flag_agrees_on_weights_and_seeds(go_feature_flag: Judge) -> None:
    """Only splits in eighths of a percent, which add up exactly in binary: of other decimals upstream's sum depends on
    the order of a Go map, and its own answers differ from call to call."""
    found = list(cases("go_feature_flag", EVERY, step=125))

    assert_agreement(found, go_feature_flag)
    assert {case.ours() for case in found} > {"control"}


def test_the_judge_of_go_feature_flag_wavers_where_it_is_not_asked(go_feature_flag: Judge) -> None:
    """If this fails, upstream has mended its sum, and the judge can be asked about every split."""
    weights = {"control": 33_300, "a": 33_300, "b": 33_400}
    experiment = an_experiment(bucketing="go_feature_flag", weights=weights)
    answers = [{go_feature_flag(experiment, f"user-{number}") for _ in range(30)} for number in range(40)]

    assert any(len(answer) > 1 for answer in answers)


def assert_agreement(found: list[Case], judge: Judge) -> None:
    """Ours and the judge's answer to every case, of which there are enough."""
    wrong = [
        (case, case.ours(), theirs) for case in found if (theirs := judge(case.experiment, case.key)) != case.ours()
    ]

    assert wrong == []


def cases(scheme: str, alphabet: str, *, step: int, rollouts: tuple[int, ...] = (FULL,)) -> Iterator[Case]:
    """Random experiments of one scheme, each with random subjects; weights are multiples of `step` thousandths."""
    for _ in range(EXPERIMENTS):
        names = ["control", *{text(alphabet) for _ in range(random.randint(1, 6))} - {"control", OUTSIDE}]
        random.shuffle(names)
        weights = dict(zip(names, split(len(names), step), strict=True))
        experiment = an_experiment(
            bucketing=scheme,
            key=text(alphabet),
            seed=random.choice(["", text(alphabet), text(alphabet)]),
            key_prefix=random.choice(["", f"{text(alphabet)}_"]) if scheme == "flagsmith" else "",
            variants=arms(weights),
            rollout=random.choice(rollouts),
        )
        yield from (Case(experiment, text(alphabet)) for _ in range(SUBJECTS))


@pytest.fixture
def growthbook() -> Iterator[Judge]:
    """Its SDK, evaluating a feature whose one rule is the experiment."""
    sdk = GrowthBook()

    def judge(experiment: Experiment, key: str) -> str:
        rule = {
            "key": experiment.key,
            "variations": [variant.key for variant in experiment.variants],
            "weights": [variant.weight / weight_of(experiment) for variant in experiment.variants],
            "coverage": experiment.rollout / FULL,
            "seed": experiment.seed or experiment.key,
            "hashVersion": 2,
        }
        sdk.set_features({"button": {"defaultValue": OUTSIDE, "rules": [rule]}})
        sdk.set_attributes({"id": key})
        return str(sdk.eval_feature("button").value)

    yield judge
    sdk.destroy()


@pytest.fixture
def flagsmith() -> Judge:
    """Its engine, evaluating a multivariate feature whose state's key is the seed."""

    def judge(experiment: Experiment, key: str) -> str:
        context: EvaluationContext = {
            "environment": {"key": "environment", "name": "Environment"},
            "identity": {"identifier": key, "key": experiment.key_prefix + key},
            "features": {
                "button": {
                    "key": experiment.seed or experiment.key,
                    "name": "button",
                    "enabled": True,
                    "value": "control",
                    "variants": [
                        {"value": variant.key, "weight": percent(experiment, variant.weight), "priority": order}
                        for order, variant in enumerate(experiment.variants)
                        if not variant.is_control
                    ],
                }
            },
        }
        return str(get_evaluation_result(context)["flags"]["button"]["value"])

    return judge


@pytest.fixture
def go_feature_flag(go_feature_flag: in_go_feature_flag.Judge) -> Judge:
    """Its evaluator in Go, evaluating a flag whose key is the seed."""

    def judge(experiment: Experiment, key: str) -> str:
        percentages = {variant.key: percent(experiment, variant.weight) for variant in experiment.variants}
        flag = {
            "variations": {variant.key: variant.key for variant in experiment.variants},
            "defaultRule": {"percentage": percentages},
        }
        return str(go_feature_flag.value(experiment.seed or experiment.key, flag, Subject(key), OUTSIDE))

    return judge


def weight_of(experiment: Experiment) -> int:
    """All arms together."""
    return sum(variant.weight for variant in experiment.variants)


def percent(experiment: Experiment, weight: int) -> float:
    """A weight as Flagsmith and GO Feature Flag write it."""
    return weight * FULL // weight_of(experiment) / 1000
