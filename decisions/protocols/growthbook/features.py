"""Features as GrowthBook's SDKs decide them: rules in the engine's order, and a default for everybody else.

What an SDK cannot be told ends the rules: from there on everybody gets the off value, or the experiment's control.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from decisions.engine.choices.outcomes import control
from decisions.engine.conditions.attributes import written
from decisions.engine.conditions.nodes import Nobody
from decisions.engine.evaluate import unmeetable
from decisions.engine.types import FULL, Experiment, Feature, Prerequisite, Reason, Segment, Status
from decisions.engine.types import Rule as FeatureRule
from decisions.protocols.growthbook.conditions import Audience, audience_of, buckets, filter_of
from decisions.protocols.growthbook.experiments import KEY, Rule, experiment_rule, rule
from decisions.protocols.growthbook.moments import feature_at
from decisions.protocols.growthbook.portable import LARGEST, Condition, Inexpressible, either, every, negated
from decisions.protocols.growthbook.prerequisites import unmet

OVERRIDES, PREREQUISITES, ROLLOUT = "overrides", "prerequisites", "rollout"
"""The rules that have no name of their own."""
EVERYONE = Audience(True)
HAS_KEY = either([{KEY: {"$type": "string", "$ne": ""}}, {KEY: {"$type": "number", "$ne": 0}}])


class Stop(Exception):
    """What follows in this feature reaches nobody."""


@dataclass(slots=True)
class Definition:
    """A feature in a document, and what could not be said of it."""

    default: Any
    rules: list[Rule] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def written(self) -> dict[str, Any]:
        return {"defaultValue": self.default, "rules": self.rules} if self.rules else {"defaultValue": self.default}


class Definitions:
    """The features that somebody may see, as they are at one moment."""

    def __init__(
        self,
        visible: Mapping[str, Feature],
        everything: Mapping[str, Feature],
        segments: Mapping[str, Segment],
        moment: float,
    ) -> None:
        self.visible, self.segments = visible, segments
        self.now = {key: feature_at(feature, moment) for key, feature in everything.items()}
        self.unmeetable = unmeetable(everything)
        self._made: dict[str, Definition] = {}

    def all(self) -> dict[str, Definition]:
        return {key: self.of(key) for key in self.visible}

    def of(self, key: str) -> Definition:
        """One feature. It is made once, though others may refer to it."""
        if key not in self._made:
            self._made[key] = Writing(self, self.now[key]).definition()
        return self._made[key]


class Writing:
    """One feature, as it is put into rules."""

    def __init__(self, around: Definitions, feature: Feature) -> None:
        self.around, self.feature = around, feature
        self.made = Definition(feature.off_value)
        self.nulls: list[Condition] = []
        """Who gets null already: SDKs pass over a rule that says so, so that all later ones leave these out."""

    def definition(self) -> Definition:
        if self.feature.status is Status.OFF:
            return self.made
        self._fill()
        if self.nulls and self.made.default is not None:
            self._force("default", EVERYONE, self.made.default)
            self.made.default = None
        return self.made

    def _fill(self) -> None:
        try:
            self._overrides()
            self._prerequisites()
            for each in self.feature.rules:
                self._rule(each)
            self._last()
        except Stop:
            pass
        except Inexpressible as error:
            self._complain(error)

    def _complain(self, error: Inexpressible) -> None:
        said = str(error)
        self.made.complaints.append(f"{said[:1].upper()}{said[1:]}.")

    def _force(self, name: str, meant: Audience, value: Any, **more: Any) -> None:
        if value is not None:
            self.made.rules.append(rule(name, self._left(meant)) | {"force": value} | more)
        elif more or meant.filters:
            raise Inexpressible("null is served to a percentage, and some SDKs pass over such a rule")
        else:
            self.nulls.append(meant.condition)

    def _left(self, meant: Audience) -> Audience:
        return meant._replace(condition=every([meant.condition, *map(negated, self.nulls)]))

    def _overrides(self) -> None:
        """Subjects of one value together. Their keys are in the document, for whoever holds it to read."""
        served: dict[bytes, tuple[Any, list[str]]] = {}
        for key, override in self.feature.overrides.items():
            served.setdefault(msgspec.json.encode(override.value), (override.value, []))[1].append(key)
        for value, keys in served.values():
            self._force(OVERRIDES, Audience(_is_one_of(keys)), value)

    def _prerequisites(self) -> None:
        if self.feature.prerequisites and self.feature.key in self.around.unmeetable:
            raise Stop
        for needed in self.feature.prerequisites:
            self._prerequisite(needed)

    def _prerequisite(self, needed: Prerequisite) -> None:
        """Whoever does not meet it gets the off value; GrowthBook's own gates always give null."""
        key = needed.feature_key
        if key not in self.around.now:
            raise Stop
        if key not in self.around.visible:
            raise Inexpressible(f"it needs {key}, which only servers may see")
        condition = unmet(needed, self.around.now[key])
        if condition is False:
            return
        if condition is True:
            raise Stop
        if self.around.of(key).complaints:
            raise Inexpressible(f"it needs {key}, which cannot be expressed itself")
        if self.feature.off_value is None:
            gate = {"id": key, "condition": negated(condition), "gate": True}
            self.made.rules.append(rule(PREREQUISITES, EVERYONE) | {"parentConditions": [gate]})
            return
        parents = [{"id": key, "condition": condition}]
        self._force(PREREQUISITES, EVERYONE, self.feature.off_value, parentConditions=parents)

    def _rule(self, each: FeatureRule) -> None:
        if not each.is_on or each.rollout <= 0 or isinstance(each.condition, Nobody):
            return
        meant = audience_of(each.tree, self.around.segments)
        if meant.condition is False:
            return
        part = self._part(each, meant)
        if each.experiment is None:
            self._force(each.key, meant, each.value, **part)
            return
        filters = [filter_of(KEY, part["seed"], [(0, buckets(each.rollout))])] if part else []
        among = meant._replace(filters=(*meant.filters, *filters))
        self._experiment(each.key, each.experiment, among)
        self._force(each.key, meant, self._control(each.experiment), **part)

    def _part(self, each: FeatureRule, meant: Audience) -> dict[str, Any]:
        """The percentage of a rule. Whoever it cannot be told of gets the off value, and goes no further."""
        if each.rollout >= FULL:
            return {}
        keyless = every([meant.condition, negated(HAS_KEY)])
        self._force(each.key, meant._replace(condition=keyless), self.feature.off_value)
        return _range(f"{self.feature.key}/{each.key}", each.rollout)

    def _experiment(self, name: str, experiment: Experiment | None, meant: Audience) -> None:
        """Whoever takes part. If that cannot be said, everybody who is meant is left with the control."""
        try:
            found = experiment_rule(name, self.feature, experiment, self._left(meant), self.around.segments)
        except Inexpressible as error:
            self._complain(error)
            return
        if found:
            self.made.rules.append(found)

    def _control(self, experiment: Experiment | None) -> Any:
        return control(self.feature, experiment, Reason.NOT_IN_ROLLOUT).value

    def _last(self) -> None:
        feature = self.feature
        if feature.status is Status.EXPERIMENT:
            self.made.default = self._control(feature.experiment)
            name = feature.experiment.key if feature.experiment else ""
            self._experiment(name, feature.experiment, EVERYONE)
        elif feature.rollout >= FULL:
            self.made.default = feature.on_value
        elif feature.rollout > 0:
            self._force(ROLLOUT, EVERYONE, feature.on_value, **_range(feature.key, feature.rollout))


def _is_one_of(keys: list[str]) -> Condition:
    """Subjects by their keys. An id that is a number is the subject of that text."""
    numbers = [number for key in keys if (number := _number(key)) is not None]
    as_numbers = [{KEY: {"$type": "number", "$in": numbers}}] if numbers else []
    return either([{KEY: {"$type": "string", "$in": keys}}, *as_numbers])


def _number(key: str) -> float | None:
    """The number that is written so; None if there is none, or none that is the same to all SDKs."""
    try:
        number = float(key)
    except ValueError:
        return None
    is_plain = written(number) == key and 0 < abs(number) < LARGEST
    return (int(number) if number.is_integer() else number) if is_plain else None


def _range(seed: str, rollout: int) -> dict[str, Any]:
    """A percentage of those who have a key. A range, since SDKs disagree on where a coverage ends."""
    return {"hashAttribute": KEY, "seed": seed, "hashVersion": 2, "range": [0, buckets(rollout) / 10_000]}


def local_evaluation(
    everything: Mapping[str, Feature], segments: Mapping[str, Segment], moment: float
) -> dict[str, list[str]]:
    """The features that documents leave at off or at the control for some, each with the reasons."""
    public = {key: feature for key, feature in everything.items() if not feature.is_server_only}
    found: dict[str, list[str]] = {}
    for visible in (everything, public):
        for key, made in Definitions(visible, everything, segments, moment).all().items():
            known = found.setdefault(key, [])
            known += [complaint for complaint in made.complaints if complaint not in known]
    return {key: complaints for key, complaints in found.items() if complaints}
