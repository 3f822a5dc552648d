"""Decisions in ABetterChoice's words: groups, layers, and values that are always text."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from decisions.engine.types import Decision, Experiment, Feature

DEFAULT, NO_GROUP = "default", -1


class Group(msgspec.Struct):
    """What a unit got in a layer."""

    experiment_key: str = DEFAULT
    group_id: int = NO_GROUP
    group_key: str = DEFAULT
    params: dict[str, str] = {}


class Relative(msgspec.Struct):
    """The experiment that a flag's value comes from."""

    group_id: int
    group_key: str
    exp_key: str
    params: dict[str, str]


class Flag(msgspec.Struct):
    """What a unit got from a flag."""

    name: str
    value: str
    relative_experiment: Relative | None


def flag(decision: Decision) -> Flag:
    """A flag's value, and the group of those who take part in its experiment."""
    return Flag(decision.feature.key, text(decision.value), relative(decision))


def named_flag(decision: Decision) -> bytes:
    """A flag under its name, as a part of a JSON object."""
    return b"%b:%b" % (msgspec.json.encode(decision.feature.key), msgspec.json.encode(flag(decision)))


def relative(decision: Decision) -> Relative | None:
    if not decision.in_experiment or decision.variant is None or decision.experiment is None:
        return None
    return Relative(decision.variant.number, decision.variant.key, decision.experiment.key, params(decision))


def group(decision: Decision | None) -> Group:
    """The group of a layer; the default one where the unit takes part in nothing."""
    found = relative(decision) if decision else None
    return Group(found.exp_key, found.group_id, found.group_key, found.params) if found else Group()


def params(decision: Decision) -> dict[str, str]:
    """The variant's payload as text, with the flag's own value under its key where that is not the whole payload."""
    found = {name: text(value) for name, value in decision.payload.items()}
    if decision.value is not decision.payload:
        found[decision.feature.key] = text(decision.value)
    return found


def text(value: Any) -> str:
    """A value as text: text as it is, all else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def layers_of(features: Iterable[Feature], empty: Iterable[str] = ()) -> dict[str, list[Experiment]]:
    """The experiments by layer, each in order; one without a layer is a layer of its own name."""
    found: dict[str, list[Experiment]] = {key: [] for key in empty}
    experiments = {experiment.key: experiment for feature in features for experiment in experiments_of(feature)}
    for experiment in sorted(experiments.values(), key=lambda one: one.number):
        found.setdefault(experiment.layer.key if experiment.layer else experiment.key, []).append(experiment)
    return found


def experiments_of(feature: Feature) -> list[Experiment]:
    """The experiments that a feature can assign somebody to."""
    return [one for one in (feature.experiment, *(rule.experiment for rule in feature.rules)) if one]


def groups(
    layers: Mapping[str, list[Experiment]],
    taken: Mapping[str, Decision],
    layer_keys: frozenset[str],
    experiment_keys: frozenset[str],
) -> dict[str, Group]:
    """What a unit got in each layer that is asked for; no filter asks for all. An experiment that is not asked for is
    not told of, though the unit takes part in it."""
    found: dict[str, Group] = {}
    for layer, experiments in layers.items():
        keys = [one.key for one in experiments if not experiment_keys or one.key in experiment_keys]
        if (layer_keys and layer not in layer_keys) or (experiment_keys and not keys):
            continue
        found[layer] = group(next((taken[key] for key in keys if key in taken), None))
    return found
