"""Test data from plain functions, made by the services as people make it."""

from itertools import count
from typing import Any

from django.contrib.auth import get_user_model

from audits.services import SYSTEM
from experiments import services as experiments
from experiments.models import Experiment, Layer, Variant
from features import services as features
from features.models import Feature, Rule, Segment
from tenants import services as tenants
from tenants.models import Environment, Organisation, Project
from tenants.roles import Kind, Role

EVERYONE = {"everyone": True}
_numbers = count(1)


def unique(word: str) -> str:
    """A name that no other builder gave."""
    return f"{word}-{next(_numbers)}"


def a_user(*, superuser: bool = False, **changes: Any) -> Any:
    """Somebody who may log in to the admin."""
    username = changes.pop("username", unique("user"))
    return get_user_model().objects.create_user(username, is_staff=True, is_superuser=superuser, **changes)


def an_organisation(**changes: Any) -> Organisation:
    key = unique("organisation")
    return tenants.create_organisation(**{"key": key, "name": key.capitalize(), "actor": SYSTEM, **changes})


def a_project(organisation: Organisation | None = None, **changes: Any) -> Project:
    key = unique("project")
    return tenants.create_project(
        organisation or an_organisation(), **{"key": key, "name": key.capitalize(), "actor": SYSTEM, **changes}
    )


def an_environment(project: Project | None = None, **changes: Any) -> Environment:
    key = unique("environment")
    return tenants.create_environment(
        project or a_project(), **{"key": key, "name": key.capitalize(), "actor": SYSTEM, **changes}
    )


def a_member(environment: Environment, role: Role = Role.VIEWER, **changes: Any) -> Any:
    """A person with a role in the environment's organisation."""
    user = a_user(**changes)
    tenants.set_role(user, environment.project.organisation, role=role, actor=SYSTEM)
    return user


def a_key(environment: Environment, kind: Kind = Kind.CLIENT, **changes: Any) -> str:
    """A key to an environment, as its bearer has it."""
    return tenants.issue_credential(environment, kind=kind, **{"name": unique("key"), "actor": SYSTEM, **changes})[1]


def a_feature(environment: Environment, *, state: dict[str, Any] | None = None, **changes: Any) -> Feature:
    """A feature of the environment's project; `state` is what it does in the environment."""
    key = unique("feature")
    feature = features.create_feature(environment.project, **{"key": key, "name": key, "actor": SYSTEM, **changes})
    if state:
        features.set_state(feature, environment, actor=SYSTEM, **state)
    return feature


def an_experiment(environment: Environment, feature: Feature | None = None, **changes: Any) -> Experiment:
    """A draft without variants."""
    return experiments.create_experiment(
        feature or a_feature(environment), environment, **{"name": unique("experiment"), "actor": SYSTEM, **changes}
    )


def a_variant(experiment: Experiment, **changes: Any) -> Variant:
    return experiments.create_variant(experiment, **{"key": unique("variant"), "actor": SYSTEM, **changes})


def a_running_experiment(environment: Environment, feature: Feature | None = None, **changes: Any) -> Experiment:
    """A control and a treatment, half and half, running and active in its feature."""
    experiment = an_experiment(environment, feature, **changes)
    a_variant(experiment, key="control", weight=50, is_control=True)
    a_variant(experiment, key="treatment", weight=50, payload={"ui": "v2"})
    experiment = experiments.start(experiment, actor=SYSTEM)
    state = {"status": "experiment", "active_experiment": experiment}
    features.set_state(experiment.feature, environment, actor=SYSTEM, **state)
    return experiment


def a_condition(attribute: str = "country", operator: str = "equals", value: Any = "DE") -> dict[str, Any]:
    return {"attribute": attribute, "operator": operator, "value": value}


def in_segment(key: str) -> dict[str, Any]:
    return {"operator": "in_segment", "value": key}


def a_segment(project: Project, **changes: Any) -> Segment:
    """Those from Germany, if nothing else is said."""
    key = unique("segment")
    given = {"key": key, "name": key, "conditions": a_condition(), "actor": SYSTEM, **changes}
    return features.create_segment(project, **given)


def a_rule(feature: Feature, environment: Environment, **changes: Any) -> Rule:
    """A rule that means everyone, if nothing else is said."""
    given = {"value": True, "actor": SYSTEM, **changes}
    if "segment" not in given:
        given.setdefault("conditions", EVERYONE)
    return features.create_rule(feature, environment, **given)


def a_layer(project: Project, **changes: Any) -> Layer:
    key = unique("layer")
    return experiments.create_layer(project, **{"key": key, "name": key, "actor": SYSTEM, **changes})
