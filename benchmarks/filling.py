"""Puts flags into a database, past the services, which are not what is measured.

`python -m benchmarks.filling` fills the database that DATABASE_URL names with what its argument asks for, and prints
the keys as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import django

from app.env import select_settings
from benchmarks import peers
from benchmarks.installation import ROOT, CommandFailed, Installation


@dataclass(frozen=True, slots=True)
class Wanted:
    """A project of its own: features, each with so many rules on a hundred segments, alike in all its environments."""

    project: str
    features: int
    environments: int = 1
    rules: int = 1
    bucketing: str = "growthbook"


@dataclass(frozen=True, slots=True)
class Filled:
    """A project that was made: the keys of its environments, and the name of the first one's signing key."""

    project: str
    features: list[str]
    client: list[str]
    server: list[str]
    signing: str
    signer: str


def order(installation: Installation, wanted: Sequence[Wanted]) -> dict[str, Filled]:
    """Fill an installation's database from a process of its own. Raises CommandFailed."""
    command = (sys.executable, "-m", "benchmarks.filling", json.dumps([asdict(one) for one in wanted]))
    env = {**os.environ, **installation.env}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandFailed(f"benchmarks.filling ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return {one["project"]: Filled(**one) for one in json.loads(done.stdout)}


def make(wanted: Wanted) -> Filled:
    """A project with its environments, keys and flags."""
    from tenants.management.commands.bootstrap import environment_at  # noqa: PLC0415  after django.setup()
    from tenants.models import Environment  # noqa: PLC0415
    from tenants.roles import Kind  # noqa: PLC0415

    first = environment_at(f"bench/{wanted.project}/e0", bucketing=wanted.bucketing)
    others = Environment.objects.bulk_create(
        Environment(project=first.project, key=f"e{n}", name=f"e{n}", revision=f"{n:032x}")
        for n in range(1, wanted.environments)
    )
    environments = [first, *others]
    fill(environments, count=wanted.features, rules=wanted.rules)
    signer = f"bench.{wanted.project}"
    return Filled(
        project=wanted.project,
        features=[f"feature_{n}" for n in range(wanted.features)],
        client=[issue(one, Kind.CLIENT, f"{signer}.{one.key}") for one in environments],
        server=[issue(one, Kind.SERVER, f"{signer}.{one.key}") for one in environments],
        signing=issue(first, Kind.SIGNING, signer),
        signer=signer,
    )


def issue(environment: Any, kind: Any, name: str) -> str:
    """A key, without an entry in the log: of a thousand environments that would be most of the work."""
    from tenants import credentials  # noqa: PLC0415
    from tenants.models import Credential  # noqa: PLC0415
    from tenants.roles import Kind  # noqa: PLC0415

    key = credentials.new_key(credentials.PREFIXES[kind])
    Credential.objects.create(
        environment=environment,
        kind=kind,
        name=name,
        digest=credentials.digest(key),
        hint=credentials.hint(key),
        sealed=credentials.seal(key) if kind == Kind.SIGNING else "",
    )
    return key


def fill(environments: Sequence[Any], *, count: int, rules: int) -> None:
    """Features that are a 50/50 experiment for everybody whom no rule means, alike in all these environments."""
    from features.models import Feature, Segment, ValueType  # noqa: PLC0415

    project = environments[0].project
    segments = Segment.objects.bulk_create(
        Segment(project=project, key=key, name=key, conditions=tree) for key, tree in peers.segment_trees().items()
    )
    features = Feature.objects.bulk_create(
        Feature(project=project, number=1 + n, key=f"feature_{n}", name=f"feature_{n}", value_type=ValueType.STRING)
        for n in range(count)
    )
    for at, environment in enumerate(environments):
        _split(environment, features, segments, rules=rules, number=1 + at * count)


def _split(environment: Any, features: Sequence[Any], segments: Sequence[Any], *, rules: int, number: int) -> None:
    from experiments.models import Experiment, Variant  # noqa: PLC0415
    from features.models import FeatureState, Rule  # noqa: PLC0415

    experiments = Experiment.objects.bulk_create(
        Experiment(
            feature=feature,
            environment=environment,
            number=number + n,
            key=feature.key,
            name=feature.key,
            seed=str(number + n),  # which every scheme can hash with
            status="running",
            bucketing=environment.project.bucketing,
        )
        for n, feature in enumerate(features)
    )
    Variant.objects.bulk_create(
        Variant(
            experiment=experiment, number=2 * experiment.number + n, key=key, weight=50, is_control=not n, value=key
        )
        for experiment in experiments
        for n, key in enumerate(("control", "treatment"))
    )
    states = FeatureState.objects.bulk_create(
        FeatureState(
            feature=feature,
            environment=environment,
            status="experiment",
            on_value="on",
            off_value="control",
            active_experiment=experiment,
        )
        for feature, experiment in zip(features, experiments, strict=True)
    )
    Rule.objects.bulk_create(
        Rule(state=state, key=f"r{at}", position=at, segment=segments[(n + at) % len(segments)], value=f"rule {at}")
        for n, state in enumerate(states)
        for at in range(rules)
    )


if __name__ == "__main__":
    if "DATABASE_URL" not in os.environ:
        sys.exit("DATABASE_URL must name a database to fill, one that can be thrown away")
    select_settings(os.environ, default="local")
    django.setup()
    from django.db import transaction

    with transaction.atomic():
        print(json.dumps([asdict(make(Wanted(**one))) for one in json.loads(sys.argv[1])]))
