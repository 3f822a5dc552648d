"""Experiments: who takes part, and which variant each of them gets."""

from __future__ import annotations  # closures are made by the thousand: none is to carry types of its own

from collections.abc import Callable, Mapping

from decisions.engine.bucketing import SCHEMES, Assign, growthbook_bucket, weights_of
from decisions.engine.choices.base import Always, Choice, Choose, Trace
from decisions.engine.choices.outcomes import arm, control
from decisions.engine.conditions.attributes import Attribute, written
from decisions.engine.conditions.operators import is_scalar
from decisions.engine.types import Decision, Experiment, Fault, Feature, Holds, Known, Reason, Rule, Subject

ELSEWHERE = -1
"""The place of those whose slot of the layer belongs to another experiment."""
KeyOf = Callable[[Subject], str | None]
Places = Mapping[int | None, Decision]
"""What every place gets: a variant's index, None for outside the rollout, and `ELSEWHERE`."""


def experiment_choice(feature: Feature, experiment: Experiment | None, rule: Rule | None = None) -> Choice:
    """What an experiment does with its subjects; one that cannot assign anybody serves the control to all."""
    scheme = SCHEMES.get(experiment.bucketing) if experiment else None
    if experiment is None or scheme is None or not experiment.is_running:
        return Always(control(feature, experiment, Reason.EXPERIMENT_INACTIVE, rule=rule))
    if not experiment.variants:
        return Always(control(feature, experiment, Reason.UNDECIDED, Fault.VARIANT_REQUIRED, rule=rule))
    if not any(weights_of(experiment)):
        return Always(control(feature, experiment, Reason.UNDECIDED, Fault.WEIGHT_REQUIRED, rule=rule))
    return Assigned(feature, experiment, scheme(experiment), rule)


class Assigned(Choice):
    """An experiment that runs: audience, layer, rollout, variant."""

    __slots__ = ("experiment", "key_of", "place")

    def __init__(self, feature: Feature, experiment: Experiment, assign: Assign, rule: Rule | None) -> None:
        self.experiment = experiment
        self.key_of = _attribute_key(experiment.hash_attribute) if experiment.hash_attribute else _own_key
        self.place = _in_layer(experiment, assign) if experiment.layer else assign
        keyless = control(feature, experiment, Reason.UNDECIDED, Fault.TARGETING_KEY_MISSING, rule=rule)
        self.choose = _placed(self.key_of, self.place, places_of(feature, experiment, rule), keyless)
        if experiment.audience is not None:
            strangers = control(feature, experiment, Reason.NOT_IN_AUDIENCE, rule=rule)
            self.choose = _among(experiment.audience.holds, self.choose, strangers)

    def explain(self, subject: Subject) -> list[Trace]:
        found: list[Trace] = []
        if self.experiment.audience is not None:
            found.append({"step": "audience", "condition": self.experiment.audience.explain(subject)})
            if not self.experiment.audience(subject):
                return found
        return [*found, *self._explain_place(self.key_of(subject))]

    def _explain_place(self, key: str | None) -> list[Trace]:
        experiment, found = self.experiment, []
        place = self.place(key) if key else None
        if key and experiment.layer:
            slot, slots = growthbook_bucket(experiment.layer.seed, key), [list(held) for held in experiment.slots]
            found.append({"step": "layer", "layer": experiment.layer.key, "slot": slot, "slots": slots})
            if place == ELSEWHERE:
                return found
        variant = None if place is None else experiment.variants[place].key
        asked = {"step": "experiment", "experiment": experiment.key, "bucketing": experiment.bucketing}
        return [*found, asked | {"key": key, "percent": experiment.rollout / 1000, "variant": variant}]


def places_of(feature: Feature, experiment: Experiment, rule: Rule | None) -> Places:
    return {
        **{index: arm(feature, experiment, variant, rule) for index, variant in enumerate(experiment.variants)},
        None: control(feature, experiment, Reason.NOT_IN_ROLLOUT, rule=rule),
        ELSEWHERE: control(feature, experiment, Reason.NOT_IN_LAYER, rule=rule),
    }


def _own_key(subject: Subject) -> str | None:
    return subject.key


def _attribute_key(name: str) -> KeyOf:
    """Instead of the subject's key, the attribute that the experiment names."""
    attribute = Attribute(name)

    def key_of(subject: Subject) -> str | None:
        value = attribute(subject)
        return written(value) if is_scalar(value) else None

    return key_of


def _in_layer(experiment: Experiment, assign: Assign) -> Assign:
    """The scheme's places for those whose slot the experiment holds."""
    seed, slots = experiment.layer.seed if experiment.layer else "", experiment.slots

    def place(key: str) -> int | None:
        slot = growthbook_bucket(seed, key)
        for start, end in slots:
            if start <= slot < end:
                return assign(key)
        return ELSEWHERE

    return place


def _placed(key_of: KeyOf, place: Assign, places: Places, keyless: Decision) -> Choose:
    if key_of is not _own_key:

        def by_attribute(subject: Subject, known: Known | None) -> Decision:
            key = key_of(subject)
            return places[place(key)] if key else keyless

        return by_attribute

    def by_key(subject: Subject, known: Known | None) -> Decision:  # nearly all, so the call is saved
        key = subject.key
        return places[place(key)] if key else keyless

    return by_key


def _among(audience: Holds, choose: Choose, strangers: Decision) -> Choose:
    return lambda subject, known: choose(subject, known) if audience(subject, known) else strangers
