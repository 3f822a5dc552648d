"""Layers: which slots an experiment holds. Ranges are given out here, under a lock, and so they never overlap."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from audits.services import Actor, Place, change, record_change
from experiments.models import SLOTS, Experiment, Layer, SlotRange
from experiments.services.experiments import attribute_complaint, locked
from tenants.models import Environment, Project
from tenants.services import advance, take_turn


@transaction.atomic
def create_layer(project: Project, *, key: str, name: str, actor: Actor) -> Layer:
    """A new layer, all of its slots free."""
    take_turn(project)
    layer = Layer(project=project, key=key, name=name)
    layer.full_clean()
    layer.save()
    record_change("layer.created", layer, actor=actor, place=Place(project.pk), after={"key": key, "name": name})
    return layer


@transaction.atomic
def update_layer(layer: Layer, *, actor: Actor, **changes: Any) -> Layer:
    """Rename a layer. Its key and seed are for ever."""
    layer = _locked(layer)
    if values := change(layer, changes, fixed=("key", "seed", "project")):
        place = Place(layer.project_id)
        record_change("layer.updated", layer, actor=actor, place=place, before=values[0], after=values[1])
    return layer


@transaction.atomic
def delete_layer(layer: Layer, *, actor: Actor) -> None:
    """Remove a layer of which nobody holds a slot."""
    layer = _locked(layer)
    if users := holders_of(layer):
        raise ValidationError(f"{layer} is used by {', '.join(users)}.", code="in_use")
    record_change("layer.deleted", layer, actor=actor, place=Place(layer.project_id), before={"key": layer.key})
    layer.delete()


def holders_of(layer: Layer) -> list[str]:
    """Everything that a layer cannot be removed from under."""
    holdout = ["a holdout"] if layer.ranges.filter(experiment=None).exists() else []
    return holdout + [f"experiment {experiment}" for experiment in layer.experiments.all()]


@transaction.atomic
def hold_slots(experiment: Experiment, layer: Layer, *, slots: int, actor: Actor) -> Experiment:
    """Give an experiment a number of slots of a layer: what it holds already stays, so that its subjects do.

    Asking for the number that it holds changes nothing. Slots that are not free are refused.
    """
    layer, experiment = _locked(layer), locked(experiment)
    if layer.project_id != experiment.environment.project_id:
        raise ValidationError({"layer": f"{layer} is not a layer of the experiment's project."})
    if experiment.layer_id not in {None, layer.pk}:
        raise ValidationError({"layer": f"{experiment} holds slots of another layer; release them first."})
    if complaint := attribute_complaint(experiment, layer):
        raise ValidationError({"layer": complaint})
    before = _held(experiment)
    _resize(layer, experiment.environment, experiment, slots)
    if experiment.layer_id is None:
        experiment.layer = layer
        experiment.save(update_fields=["layer"])
    _record("experiment.slots_held", experiment, experiment.environment, before, _held(experiment), actor=actor)
    return experiment


@transaction.atomic
def release_slots(experiment: Experiment, *, actor: Actor) -> Experiment:
    """Take an experiment out of its layer."""
    experiment = locked(experiment)
    if experiment.layer_id is None:
        return experiment
    before = _held(experiment)
    experiment.slot_ranges.all().delete()
    experiment.layer = None
    experiment.save(update_fields=["layer"])
    _record("experiment.slots_released", experiment, experiment.environment, before, _held(experiment), actor=actor)
    return experiment


@transaction.atomic
def set_holdout(layer: Layer, environment: Environment, *, slots: int, actor: Actor) -> list[SlotRange]:
    """Reserve slots for nobody: whoever is in them takes part in no experiment of the layer."""
    layer = _locked(layer)
    if layer.project_id != environment.project_id:
        raise ValidationError({"environment": f"{environment} is not an environment of the layer's project."})
    mine = SlotRange.objects.in_environment(environment.pk).filter(layer=layer, experiment=None)
    before = _values(layer, mine.all())
    _resize(layer, environment, None, slots)
    _record("layer.holdout_set", layer, environment, before, _values(layer, mine.all()), actor=actor)
    return list(mine.all())


def _resize(layer: Layer, environment: Environment, experiment: Experiment | None, slots: Any) -> None:
    """Make what somebody holds exactly `slots` slots: give back from the end, or take the first that are free."""
    if isinstance(slots, bool) or not isinstance(slots, int) or not 0 <= slots <= SLOTS:
        raise ValidationError({"slots": f"Must be from 0 to {SLOTS}."})
    everything = SlotRange.objects.in_environment(environment.pk).filter(layer=layer)
    mine = list(everything.filter(experiment=experiment).order_by("start"))
    missing = slots - sum(held.end - held.start for held in mine)
    for held in reversed(mine):
        surplus = min(-missing, held.end - held.start)
        if surplus <= 0:
            break
        missing += surplus
        _shorten(held, surplus)
    free = free_ranges([(held.start, held.end) for held in everything.order_by("start")])
    if missing > sum(end - start for start, end in free):
        raise ValidationError({"slots": f"{layer} has not so many free slots in {environment}."})
    for start, end in free:
        if missing <= 0:
            break
        taken = min(missing, end - start)
        missing -= taken
        SlotRange(layer=layer, environment=environment, experiment=experiment, start=start, end=start + taken).save()


def _shorten(held: SlotRange, surplus: int) -> None:
    if surplus == held.end - held.start:
        held.delete()
    else:
        held.end -= surplus
        held.save(update_fields=["end"])


def free_ranges(taken: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The gaps between ranges that are in order."""
    edges = [0, *(edge for pair in taken for edge in pair), SLOTS]
    return [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]


def _held(experiment: Experiment) -> dict[str, Any]:
    return _values(experiment.layer, experiment.slot_ranges.all())


def _values(layer: Layer | None, ranges: Iterable[SlotRange]) -> dict[str, Any]:
    return {"layer": layer and layer.key, "slots": sorted([held.start, held.end] for held in ranges)}


def _locked(layer: Layer) -> Layer:
    take_turn(layer)
    return Layer.objects.locked().get(pk=layer.pk)


def _record(action: str, obj: Any, environment: Environment, before: Any, after: Any, *, actor: Actor) -> None:
    if before == after:
        return
    place = Place(environment.project_id, environment.pk)
    record_change(action, obj, actor=actor, place=place, before=before, after=after)
    advance(environment)
