"""A feature as a local client can decide it at one moment: a default, segments that come before it, single subjects."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from decisions.engine.bucketing import SCHEMES, flagsmith_ends, shares_of, weights_of
from decisions.engine.choices.gates import is_met
from decisions.engine.choices.outcomes import control, served_value
from decisions.engine.choices.percentages import on_the_way
from decisions.engine.choices.timelines import feature_after, rule_after, steps_taken
from decisions.engine.conditions.nodes import Nobody
from decisions.engine.evaluate import unmeetable
from decisions.engine.types import FULL, Experiment, Feature, Ramp, Reason, Rule, Status, Subject
from decisions.protocols.flagsmith.conditions import EVERYONE, Branches, Translator, all_of, numbers_in
from decisions.protocols.flagsmith.leaves import EXACT, Inexpressible
from decisions.protocols.flagsmith.moments import is_moving
from decisions.protocols.flagsmith.values import Scalar, carried, is_enabled, target_name
from decisions.snapshots import EnvironmentSnapshot

ANOTHER_HASH = "Flagsmith's clients would choose other subjects"


class Arm(NamedTuple):
    """A variant but the last one, which has what is left."""

    number: int
    key: str
    value: Scalar
    percent: float


class State(NamedTuple):
    """What a feature is to some: Flagsmith's feature state."""

    enabled: bool
    value: Scalar
    seed: int
    arms: tuple[Arm, ...] = ()


class Target(NamedTuple):
    """Whom a state is for."""

    name: str
    whom: Branches
    state: State
    segment: str | None = None
    """The key of the segment that is exactly these, if there is one."""


class Plan(NamedTuple):
    """Everything that a client needs to decide one feature."""

    feature: Feature
    default: State
    targets: tuple[Target, ...] = ()
    overrides: dict[str, State] = {}

    @property
    def is_constant(self) -> bool:
        """Whether it is the same for everybody."""
        return not (self.targets or self.overrides or self.default.arms)


class Planner:
    """Plans the features of one snapshot as they are at one moment (seconds since the epoch)."""

    def __init__(self, snapshot: EnvironmentSnapshot, now: float) -> None:
        self.snapshot, self.now = snapshot, now
        self.translator = Translator(snapshot.segments, numbers_of(snapshot))
        self._circular = unmeetable(snapshot.definitions)
        self._found: dict[str, Plan | Inexpressible] = {}

    def plan(self, feature: Feature) -> Plan:
        """Raises `Inexpressible` with everything about the feature that clients cannot be told."""
        if feature.key not in self._found:
            try:
                self._found[feature.key] = self._plan(feature_after(feature, steps_taken(feature.steps, self.now)))
            except Inexpressible as error:
                self._found[feature.key] = error
        found = self._found[feature.key]
        if isinstance(found, Inexpressible):
            raise found
        return found

    def safely(self, feature: Feature) -> Plan:
        """The plan; of what clients cannot be told, the control or the off value for everybody."""
        try:
            return self.plan(feature)
        except Inexpressible:
            feature = feature_after(feature, steps_taken(feature.steps, self.now))
            experiment = feature.experiment if feature.status is Status.EXPERIMENT else None
            return Plan(feature, stood_aside(feature, experiment))

    def _plan(self, feature: Feature) -> Plan:
        off = state_of(feature, feature.off_value, enabled=False)
        if feature.status is Status.OFF:
            return Plan(feature, off)
        overrides = self._overrides(feature)
        if not self._may_be_on(feature):
            return Plan(feature, off, overrides=overrides)
        targets: list[Target] = []
        complaints: list[str] = []
        for part in (*feature.rules, feature):
            try:
                found = self._rule(feature, part) if isinstance(part, Rule) else self._last(feature)
            except Inexpressible as error:
                complaints += [f"{self._name(feature, part)}{said}" for said in error.args]
                continue
            targets += [target for target in found if target.whom]
            if targets and targets[-1].whom == EVERYONE:  # nobody goes on from here
                break
        if complaints:
            raise Inexpressible(*dict.fromkeys(complaints))
        return Plan(feature, targets[-1].state, tuple(targets[:-1]), overrides)

    def _overrides(self, feature: Feature) -> dict[str, State]:
        found = {
            identifier: state_of(feature, override.value)
            for identifier, override in feature.overrides.items()
            if identifier and (override.expires_at is None or override.expires_at > self.now)
        }
        values = {state.value for state in found.values()}
        if len(set(map(hash, values))) < len(values):  # so it is for -1 and -2
            raise Inexpressible("Flagsmith's clients mix up overrides with values that have one hash in Python")
        return found

    def _may_be_on(self, feature: Feature) -> bool:
        """Whether its prerequisites are met, for everybody or for nobody."""
        if feature.prerequisites and feature.key in self._circular:
            return False
        nobody = Subject(None, at=self.now)
        changing = []
        for needed in feature.prerequisites:
            if not self._is_constant(needed.feature_key):
                changing.append(needed.feature_key)
            elif not is_met(needed, self.snapshot.features, nobody, None):
                return False
        if changing:
            raise Inexpressible(f"it needs {', '.join(map(repr, changing))}, which not everybody gets alike")
        return True

    def _is_constant(self, key: str) -> bool:
        feature = self.snapshot.definitions.get(key)
        try:
            return feature is None or self.plan(feature).is_constant
        except Inexpressible:
            return False

    def _rule(self, feature: Feature, rule: Rule) -> list[Target]:
        rule = rule_after(rule, steps_taken(rule.steps, self.now))
        if not rule.is_on or isinstance(rule.condition, Nobody):
            return []
        name = target_name(feature, rule, self.snapshot.segments)
        if not self._is_for_all(rule.rollout, rule.ramp):
            return []
        whom = self.translator.whom(rule.tree)
        if rule.experiment is not None:
            return self._experiment(feature, rule.experiment, whom, name)
        return [Target(name, whom, state_of(feature, rule.value), segment_key(rule.tree))]

    def _name(self, feature: Feature, part: object) -> str:
        return f"rule {target_name(feature, part, self.snapshot.segments)!r}: " if isinstance(part, Rule) else ""

    def _last(self, feature: Feature) -> list[Target]:
        if feature.status is Status.EXPERIMENT:
            return self._experiment(feature, feature.experiment, EVERYONE, feature.key)
        is_on = self._is_for_all(feature.rollout, feature.ramp)
        value = feature.on_value if is_on else feature.off_value
        return [Target(feature.key, EVERYONE, state_of(feature, value, enabled=is_on))]

    def _is_for_all(self, rollout: int, ramp: Ramp | None) -> bool:
        """Whether a percentage is all; False if it is nobody. Raises `Inexpressible` for anything in between."""
        percentage = on_the_way(ramp, self.now) if ramp else rollout
        if (ramp and is_moving(ramp, self.now)) or 0 < percentage < FULL:
            raise Inexpressible(f"only a part of the subjects is meant, and {ANOTHER_HASH}")
        return percentage >= FULL

    def _experiment(self, feature: Feature, experiment: Experiment | None, whom: Branches, name: str) -> list[Target]:
        """First those who are not in the audience, then all others: what is left by a split needs no segment."""
        aside = stood_aside(feature, experiment)
        if experiment is None or not assigns(experiment):
            return [Target(name, whom, aside)]
        split = split_of(feature, experiment)
        if experiment.audience is None:
            return [Target(name, whom, split)]
        outside = EVERYONE
        if not isinstance(experiment.audience, Nobody):
            outside = self.translator.whom(experiment.audience_tree, wanted=False)
        return [Target(f"{name} (not in the audience)", all_of([whom, outside]), aside), Target(name, whom, split)]


def state_of(feature: Feature, value: Any, *, enabled: bool = True) -> State:
    return State(is_enabled(feature, value, enabled), carried(feature, value), feature.number)


def stood_aside(feature: Feature, experiment: Experiment | None) -> State:
    """What those get who take no part in an experiment."""
    return state_of(feature, control(feature, experiment, Reason.EXPERIMENT_INACTIVE).value, enabled=False)


def assigns(experiment: Experiment) -> bool:
    """Whether an experiment assigns anybody."""
    return experiment.is_running and experiment.bucketing in SCHEMES and any(weights_of(experiment))


def split_of(feature: Feature, experiment: Experiment) -> State:
    """The arms of an experiment, as Flagsmith's own scheme splits them. Raises `Inexpressible`."""
    if complaints := list(_split_complaints(feature, experiment)):
        raise Inexpressible(*complaints)
    shares, (order, _) = shares_of(weights_of(experiment)), flagsmith_ends(experiment)
    variants = [experiment.variants[index] for index in order]
    values = [served_value(feature, variant) for variant in variants]
    arms = tuple(
        Arm(variant.number, variant.key, carried(feature, value), shares[index] / 1000)
        for index, variant, value in zip(order[:-1], variants, values, strict=False)
    )
    if sum(arm.percent for arm in arms) > 100:
        raise Inexpressible(f"the shares of {experiment.key!r} add up to more than 100 in floating point")
    return State(is_enabled(feature, values[-1], True), carried(feature, values[-1]), int(experiment.seed), arms)


def _split_complaints(feature: Feature, experiment: Experiment) -> Iterator[str]:
    of = f"the experiment {experiment.key!r}"
    if experiment.bucketing != "flagsmith":
        yield f"{of} is bucketed by the scheme {experiment.bucketing!r}, and {ANOTHER_HASH}"
        return
    if not is_seed(experiment.seed):
        yield f"{of} has the seed {experiment.seed!r}, and Flagsmith's clients know only whole numbers"
    if experiment.layer is not None:
        yield f"{of} is in a layer, and Flagsmith's clients know no layers"
    if experiment.hash_attribute:
        yield f"{of} is bucketed by {experiment.hash_attribute!r}, and Flagsmith's clients bucket by the identifier"
    if experiment.rollout < FULL:
        yield f"{of} is for a part of its subjects only, and {ANOTHER_HASH}"
    if len({is_enabled(feature, served_value(feature, variant), True) for variant in experiment.variants}) > 1:
        yield f"the variants of {of} are true and false, and a variant cannot switch off a feature of Flagsmith's"


def is_seed(seed: str) -> bool:
    """Whether a seed is a whole number as Flagsmith's clients write it: above zero, and exact in JavaScript."""
    return seed.isascii() and seed.isdigit() and seed == str(int(seed[:20])) and 0 < int(seed) < EXACT


def segment_key(tree: Any) -> str | None:
    """The key of the segment that a tree is nothing but; None if it is more than one."""
    return tree["value"] if tree.get("operator") == "in_segment" else None


def numbers_of(snapshot: EnvironmentSnapshot) -> frozenset[str]:
    """The attributes of a snapshot of which only numbers are asked."""
    return snapshot.keep("flagsmith.numbers", lambda: numbers_in(snapshot.definitions, snapshot.segments))
