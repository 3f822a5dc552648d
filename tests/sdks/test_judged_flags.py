"""The judges of whole flags: rules, segments, overrides, experiments and all, decided as a vendor's own evaluator does.

Every run draws other cases; `pytest --randomly-seed=…`, with the seed that a failure shows, draws those of that run.
"""

import random
from collections.abc import Callable, Iterator
from typing import Any

from decisions.engine.evaluate import compile_snapshot, decide
from decisions.engine.types import FULL, Decision, Experiment, Feature, Layer, Prerequisite, Reason, Rule, Subject
from tests.sdks import in_flagsmith, in_go_feature_flag, in_growthbook
from tests.sdks.drawing import Flags, Language, a_status, an_experiment

ENVIRONMENTS = 100
FEATURES = 4
SUBJECTS = 6  # of each environment: 2,400 cases
ROLLOUTS = (FULL, FULL, 50_000, 12_340, 1, 0)
LAYER = Layer("layer", "layer-seed")
COMMON = {Reason.OFF, Reason.ON, Reason.OVERRIDE, Reason.RULE, Reason.ASSIGNED, Reason.EXPERIMENT_INACTIVE}

Disagreement = tuple[Feature, Any, Subject, Decision, Any]
Compare = Callable[[Flags, list[Subject]], Iterator[tuple[Decision, Disagreement | None]]]


def test_growthbook_agrees(seed: int) -> None:
    reasons = {Reason.ROLLOUT, Reason.NOT_IN_ROLLOUT, Reason.NOT_IN_LAYER, Reason.NOT_IN_AUDIENCE, Reason.PREREQUISITE}
    assert_agreement(in_growthbook.LANGUAGE, everything, growthbook_compared, seed, COMMON | reasons)


def test_flagsmith_agrees(seed: int) -> None:
    assert_agreement(in_flagsmith.LANGUAGE, flagsmith_feature, flagsmith_compared, seed, COMMON)


def test_go_feature_flag_agrees(seed: int, go_feature_flag: in_go_feature_flag.Judge) -> None:
    def compared(flags: Flags, subjects: list[Subject]) -> Iterator[tuple[Decision, Disagreement | None]]:
        translated = {feature.key: in_go_feature_flag.flag(feature, flags) for feature in flags.features}

        def judge(feature: Feature, subject: Subject) -> Any:
            return go_feature_flag.value(feature.key, translated[feature.key], subject, feature.off_value)

        yield from each(flags, translated, subjects, lambda decision: decision.value, judge)

    assert_agreement(in_go_feature_flag.LANGUAGE, go_feature_flag_feature, compared, seed, COMMON)


def assert_agreement(
    language: Language, draw: Callable[..., Feature], compare: Compare, seed: int, reasons: set[Reason]
) -> None:
    """Ours and the judge's answer to every case, in which everything happened that can be said in both languages."""
    found: list[tuple[Decision, Disagreement | None]] = []
    for _ in range(ENVIRONMENTS):
        flags, subjects = Flags(language), [language.subject() for _ in range(SUBJECTS)]
        for number in range(FEATURES):
            flags.features.append(draw(flags, f"f{number}", subjects))
        found += compare(flags, subjects)

    assert len(found) == ENVIRONMENTS * FEATURES * SUBJECTS
    assert (seed, [wrong for _, wrong in found if wrong][:2]) == (seed, [])
    assert {decision.reason for decision, _ in found} == reasons


def each(
    flags: Flags,
    translated: Any,
    subjects: list[Subject],
    ours: Callable[[Decision], Any],
    judge: Callable[[Feature, Subject], Any],
) -> Iterator[tuple[Decision, Disagreement | None]]:
    """Every feature for every subject, decided and judged."""
    snapshot = compile_snapshot(flags.features)
    for subject in subjects:
        for feature in flags.features:
            decision, theirs = decide(snapshot, feature.key, subject), judge(feature, subject)
            is_same = repr(ours(decision)) == repr(theirs)  # as text, since to Python True is 1
            yield decision, None if is_same else (feature, translated[feature.key], subject, decision, theirs)


def growthbook_compared(flags: Flags, subjects: list[Subject]) -> Iterator[tuple[Decision, Disagreement | None]]:
    translated = in_growthbook.features(flags)
    judge = in_growthbook.Judge(translated, flags.segments)
    try:
        yield from each(
            flags,
            translated,
            subjects,
            lambda decision: decision.value,
            lambda feature, subject: judge.value(feature.key, subject),
        )
    finally:
        judge.close()


def flagsmith_compared(flags: Flags, subjects: list[Subject]) -> Iterator[tuple[Decision, Disagreement | None]]:
    environment = in_flagsmith.Environment(flags)
    answers = {id(subject): environment.answers(subject) for subject in subjects}
    yield from each(
        flags,
        environment.features,
        subjects,
        lambda decision: (decision.enabled, decision.value),
        lambda feature, subject: answers[id(subject)][feature.key],
    )


def everything(flags: Flags, key: str, subjects: list[Subject]) -> Feature:
    """A feature in GrowthBook's words, which are nearly all of ours."""
    needed = [
        Prerequisite(other.key, enabled=None, needs_value=True, value=other.on_value)
        for other in flags.features
        if random.random() < 0.15
    ]
    return a_feature(
        flags,
        key,
        subjects,
        a_rule=growthbook_rule,
        experiment=growthbook_experiment(flags, f"{key}-x"),
        rollout=random.choice(ROLLOUTS),
        prerequisites=tuple(needed),
        off_value=None if needed else f"{key} is off",
    )


def growthbook_rule(flags: Flags, feature: str, key: str) -> Rule:
    experiment = growthbook_experiment(flags, f"{feature}-{key}") if random.random() < 0.4 else None
    return flags.rule(key, rollout=random.choice(ROLLOUTS), experiment=experiment)


def growthbook_experiment(flags: Flags, key: str) -> Experiment:
    start = random.randrange(10_000)
    return an_experiment(
        key,
        step=1,
        rollout=random.choice(ROLLOUTS),
        hash_attribute=random.choice(["", "", "company", "id"]),
        audience=flags.condition() if random.random() < 0.3 else None,
        layer=LAYER if random.random() < 0.3 else None,
        slots=((start, start + 3_000), (0, start // 2)),
    )


def flagsmith_feature(flags: Flags, key: str, subjects: list[Subject]) -> Feature:
    """Without percentages, which Flagsmith draws by a hash of its own, and nobody is left out of an experiment."""
    return a_feature(flags, key, subjects, a_rule=flagsmith_rule, experiment=flagsmith_experiment(f"{key}-x"))


def flagsmith_rule(flags: Flags, feature: str, key: str) -> Rule:
    experiment = flagsmith_experiment(f"{feature}-{key}") if random.random() < 0.4 else None
    return flags.rule(key, experiment=experiment)


def flagsmith_experiment(key: str) -> Experiment:
    return an_experiment(key, step=1, bucketing="flagsmith")


def go_feature_flag_feature(flags: Flags, key: str, subjects: list[Subject]) -> Feature:
    """All experiments of a flag share its key as their seed, and all its values are text."""
    return a_feature(
        flags,
        key,
        subjects,
        a_rule=go_feature_flag_rule,
        experiment=go_feature_flag_experiment(key, "x"),
        on_value="on",
    )


def go_feature_flag_rule(flags: Flags, feature: str, key: str) -> Rule:
    experiment = go_feature_flag_experiment(feature, key) if random.random() < 0.4 else None
    return flags.rule(key, experiment=experiment)


def go_feature_flag_experiment(feature: str, key: str) -> Experiment:
    """Only splits in eighths of a percent; see the judge of assignments."""
    return an_experiment(f"{feature}-{key}", step=125, seed=feature, bucketing="go_feature_flag")


def a_feature(
    flags: Flags, key: str, subjects: list[Subject], *, a_rule: Callable[[Flags, str, str], Rule], **changes: Any
) -> Feature:
    """A feature with overrides and up to three rules, serving a value of any type when it is on."""
    given: dict[str, Any] = {
        "key": key,
        "status": a_status(),
        "on_value": random.choice([f"{key} is on", True, 1, 2.5, {"a": [1, None]}]),
        "off_value": f"{key} is off",
        "overrides": flags.overrides(subjects),
        "rules": tuple(a_rule(flags, key, f"r{number}") for number in range(random.randint(0, 3))),
    }
    return Feature(**given | changes)
