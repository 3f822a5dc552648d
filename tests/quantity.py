"""A database with much in it, made quickly: past the services, because nothing here is about how it came to be."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from django.db import models, transaction

from audits.models import Change
from audits.services import next_number
from experiments.models import Event, Experiment, Exposure, Layer, Variant
from features.models import Feature, FeatureState, Identity, Override, Prerequisite, Rule, Segment, Usage
from tenants.models import Credential, Environment, Project
from tenants.roles import Kind
from tests.audits.builders import a_record, stored
from tests.builders import an_environment

NOW = datetime.now(UTC).replace(microsecond=0)
BATCH = 2_000


@dataclass(frozen=True)
class Quantity:
    """How much of what there is."""

    features: int = 150
    identities: int = 200
    decisions: int = 300
    seen: int = 300


@transaction.atomic
def much(quantity: Quantity, **details: Any) -> Environment:
    """One project with three environments, full of everything; answers the first of them."""
    first = an_environment(**details)
    others = [an_environment(first.project), an_environment(first.project)]
    features = make(Feature, _features(first.project, quantity.features))
    segments = make(Segment, _segments(first.project, quantity.features // 10))
    states = make(
        FeatureState, (FeatureState(feature=f, environment=e, status="on") for f in features for e in [first, *others])
    )
    make(
        Rule,
        (Rule(state=state, segment=segments[n % len(segments)], value=n % 2 == 0) for n, state in enumerate(states)),
    )
    mine = states[0]
    make(Override, (Override(state=mine, identifier=f"user-{n}", value=True) for n in range(100)))
    make(Prerequisite, (Prerequisite(state=mine, feature=feature) for feature in features[1:10]))
    _experiments(first, features[: quantity.features // 10])
    make(Identity, _identities(first, quantity.identities))
    make(Usage, _usage(first, features, quantity.seen))
    make(Exposure, _exposures(first, quantity.seen))
    make(Event, _events(first, quantity.seen))
    make(Credential, _credentials(first, 50))
    make(Change, _changes(first, features, quantity.seen))
    _decisions(first, features, quantity.decisions)
    return first


def make(model: type[models.Model], rows: Iterable[Any]) -> list[Any]:
    """Store rows, in batches that fit into memory."""
    rows, made = iter(rows), []
    while batch := list(islice(rows, BATCH)):
        made += model._default_manager.bulk_create(batch)
    return made


def _features(project: Project, count: int) -> Iterator[Feature]:
    for n in range(1, count + 1):
        key = f"feature_{n:05}"
        yield Feature(
            project=project, number=n, key=key, name=f"Feature {n}", tags=[f"tag{n % 7}"], owner=f"team {n % 5}"
        )
    Project.objects.filter(pk=project.pk).update(feature_sequence=count)


def _segments(project: Project, count: int) -> Iterator[Segment]:
    condition = {"attribute": "country", "operator": "in", "value": ["DE", "AT"]}
    return (
        Segment(project=project, key=f"segment_{n}", name=f"Segment {n}", conditions=condition) for n in range(count)
    )


def _experiments(environment: Environment, features: list[Feature]) -> None:
    [layer] = make(Layer, [Layer(project=environment.project, key="layer", name="Layer")])
    given = {"environment": environment, "layer": layer, "status": "running"}
    rows = [
        Experiment(feature=f, number=f.number, key=f"e{f.number}", name=f"Experiment {f.number}", **given)
        for f in features
    ]
    experiments = make(Experiment, rows)
    make(
        Variant,
        (
            Variant(experiment=experiment, number=2 * experiment.number + n, key=key, weight=50, is_control=n == 0)
            for experiment in experiments
            for n, key in enumerate(("control", "treatment"))
        ),
    )


def _identities(environment: Environment, count: int) -> Iterator[Identity]:
    return (
        Identity(environment=environment, identifier=f"user-{n}", traits={"country": "DE", "n": n})
        for n in range(count)
    )


def _usage(environment: Environment, features: list[Feature], count: int) -> Iterator[Usage]:
    hour = NOW.replace(minute=0, second=0)
    for n in range(count):
        feature, at = features[n % len(features)], hour - timedelta(hours=n // len(features))
        yield Usage(environment_id=environment.pk, hour=at, feature_key=feature.key, outcome="on", count=n + 1)


def _exposures(environment: Environment, count: int) -> Iterator[Exposure]:
    for n in range(count):
        seen = {"subject": f"user-{n}", "first_at": NOW - timedelta(minutes=n), "source": "ofrep"}
        key = ("control", "treatment")[n % 2]
        yield Exposure(environment_id=environment.pk, experiment_number=1 + n % 5, variant_key=key, **seen)


def _events(environment: Environment, count: int) -> Iterator[Event]:
    for n in range(count):
        happened = {"name": f"event-{n % 9}", "subject": f"user-{n}", "happened_at": NOW - timedelta(minutes=n)}
        yield Event(environment_id=environment.pk, event_id=str(n), source="flagsmith", **happened)


def _credentials(environment: Environment, count: int) -> Iterator[Credential]:
    return (
        Credential(environment=environment, kind=Kind.CLIENT, name=f"key-{n}", digest=f"{n:064}", hint=f"cli.{n}")
        for n in range(count)
    )


def _changes(environment: Environment, features: list[Feature], count: int) -> Iterator[Change]:
    last = next_number(environment.project_id, "change", count) - count
    for n in range(1, count + 1):
        feature = features[n % len(features)]
        named = {"object_type": "features.feature", "object_id": feature.pk, "object_name": feature.key}
        values = {"before": {"status": "off"}, "after": {"status": "on"}, "hash": "0" * 64}
        yield Change(
            project_id=environment.project_id,
            environment_id=environment.pk,
            number=last + n,
            actor="user:1",
            actor_name="Grace",
            action="feature.switched",
            created_at=NOW - timedelta(minutes=count - n),
            **named,
            **values,
        )


def _decisions(environment: Environment, features: list[Feature], count: int) -> None:
    place = {"project_id": environment.project_id, "environment_id": environment.pk}
    for start in range(0, count, BATCH):
        stored(
            *(
                a_record(
                    request_id=f"request-{n}",
                    user_id=f"user-{n % 1000}",
                    feature_number=features[n % len(features)].number,
                    feature_key=features[n % len(features)].key,
                    decided_at=NOW - timedelta(seconds=n),
                    **place,
                )
                for n in range(start, min(start + BATCH, count))
            )
        )
