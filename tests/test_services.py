"""What every edit promises: one change in the log, a new revision where it matters, and nothing the second time."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from inspect import getmembers, isfunction
from typing import Any

import pytest
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from audits import services as audits
from audits.models import Change
from audits.services import SYSTEM
from experiments import services as experiments
from experiments.models import Experiment, Layer, SlotRange, Variant
from features import services as features
from features.comparisons import Pick
from features.models import Feature, FeatureState, Override, Prerequisite, Rule, Segment
from tenants import services as tenants
from tenants.models import Credential, Environment, Membership, Organisation, Project
from tenants.roles import Kind, Role
from tests.builders import (
    EVERYONE,
    a_condition,
    a_feature,
    a_layer,
    a_project,
    a_rule,
    a_running_experiment,
    a_segment,
    a_user,
    a_variant,
    an_environment,
    an_experiment,
    an_organisation,
)
from tests.remembered import remembered

MODULES = (tenants, features, experiments)
NO_EDITS = {
    "take_turn": "the first step of the edits, not one of them",
    "advance": "the last step of the edits, not one of them",
    "tell_everyone": "called after a commit; writes nothing",
    "create_organisation": "nothing has a history before its first project",
    "issue_api_token": "belongs to a person, not to a project",
    "revoke_api_token": "belongs to a person, not to a project",
    "state_of": "reads; makes the row that stands for the default",
    "features_with": "reads",
    "check_state": "refuses, and writes nothing",
    "start_complaint": "complains, and writes nothing",
    "check_conditions": "refuses, and writes nothing",
    "users_of": "reads",
    "holders_of": "reads",
}
REFUSALS = (ValidationError, ObjectDoesNotExist)
HOLDS = re.compile(r"^(INSERT|UPDATE|DELETE)|FOR (NO KEY )?UPDATE")

pytestmark = pytest.mark.django_db


class Street:
    """An organisation with two projects, the first of two environments, with something in the first of them."""

    def __init__(self) -> None:
        self.organisation = an_organisation()
        self.project, self.neighbour = a_project(self.organisation), a_project(self.organisation)
        self.environment, self.sibling = an_environment(self.project), an_environment(self.project)
        an_environment(self.neighbour)
        self.feature = a_feature(self.environment)
        self.draft = an_experiment(self.environment, self.feature)
        self.variant = a_variant(self.draft, key="treatment", weight=1)
        self.running = a_running_experiment(self.environment)
        self.credential, _ = tenants.issue_credential(
            self.environment, kind=Kind.SERVER, name="backend", actor=SYSTEM, key="ser.backend"
        )
        self.user = a_user()
        self.required = a_feature(self.environment)
        self.promoted = a_feature(self.environment, state={"rollout_percent": 20})
        self.segment, self.used = a_segment(self.project), a_segment(self.project)
        self.audience = a_segment(self.project)
        self.rule = a_rule(self.feature, self.environment, segment=self.used, key="11111111")
        self.other_rule = a_rule(self.feature, self.environment, key="22222222")
        self.override = features.set_override(
            self.feature, self.environment, identifier="ada", value=True, actor=SYSTEM
        )
        self.prerequisite = features.set_prerequisite(
            self.feature, self.environment, required=a_feature(self.environment), actor=SYSTEM
        )
        self.layer, self.empty_layer = a_layer(self.project), a_layer(self.project)
        self.holder = experiments.hold_slots(
            an_experiment(self.environment, self.feature), self.layer, slots=100, actor=SYSTEM
        )
        self.treatment = self.running.variants.get(key="treatment")
        experiments.update_variant(self.treatment, value=True, actor=SYSTEM)
        self.member = tenants.set_role(a_user(), self.organisation, role=Role.VIEWER, actor=SYSTEM)


def a_street() -> Street:
    """One as new."""
    return remembered("street", Street)


@dataclass(frozen=True)
class Edit:
    """One way to call a service. `moves` names the environments whose revision it moves."""

    service: Callable[..., Any]
    given: Callable[[Street], tuple[Any, ...]]
    arguments: Callable[[Street], dict[str, Any]]
    moves: tuple[str, ...] = ()
    changes: int = 1  # one; or one in each project, where it concerns a whole organisation
    again: str = "nothing"  # "refused" or "another" where doing it twice cannot be the same as doing it once

    def __call__(self, street: Street) -> Any:
        return self.service(*self.given(street), actor=SYSTEM, **self.arguments(street))


def an_edit(service: Callable[..., Any], *given: str, **rest: Any) -> Edit:
    """A row of the table: what the service is given, by the names of the street, and its keyword arguments."""
    ours = {name: rest.pop(name) for name in ("moves", "changes", "again") if name in rest}
    return Edit(
        service,
        lambda street: tuple(getattr(street, name) for name in given),
        lambda street: resolved(street, rest),
        **ours,
    )


def resolved(street: Street, arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments in which `Ellipsis` stands for what the street has under the argument's name."""
    return {name: getattr(street, name) if value is ... else value for name, value in arguments.items()}


HERE, BOTH = ("environment",), ("environment", "sibling")
STATE = ("feature", "environment")
EDITS = (
    an_edit(tenants.update_organisation, "organisation", name="Renamed", changes=2),
    an_edit(tenants.create_project, "organisation", key="new", name="New", again="refused"),
    an_edit(tenants.update_project, "project", name="Renamed", bucketing="feature_hub"),
    an_edit(tenants.create_environment, "project", key="new", name="New", again="refused"),
    an_edit(tenants.update_environment, "environment", name="Renamed", moves=HERE),
    an_edit(tenants.set_role, "user", "organisation", role=Role.EDITOR, changes=2),
    an_edit(tenants.set_role, "user", "organisation", role=Role.EDITOR, project=...),
    an_edit(tenants.set_role, "user", "organisation", role=Role.EDITOR, project=..., environment=...),
    an_edit(tenants.remove_member, "member", changes=2, again="refused"),
    an_edit(tenants.issue_credential, "environment", kind=Kind.CLIENT, name="web", moves=HERE, again="another"),
    an_edit(tenants.issue_credential, "environment", kind=Kind.CLIENT, name="w", key="k", moves=HERE, again="refused"),
    an_edit(tenants.issue_credential, "environment", kind=Kind.SIGNING, name="s", moves=HERE, again="refused"),
    an_edit(tenants.update_credential, "credential", name="renamed", moves=HERE),
    an_edit(tenants.revoke_credential, "credential", moves=HERE),
    an_edit(tenants.rotate_credential, "credential", moves=HERE, again="another"),
    an_edit(tenants.rotate_credential, "credential", overlap=timedelta(0), moves=HERE, again="refused"),
    an_edit(features.clone_environment, "environment", key="new", name="New", again="refused"),
    Edit(
        features.promote,
        lambda street: (street.environment, street.sibling),
        lambda street: {"picks": [Pick(street.promoted.key, "rollout")]},
        moves=("sibling",),
        changes=2,  # the feature's, and the environment's
    ),
    an_edit(features.create_feature, "project", key="new", name="New", moves=BOTH, again="refused"),
    an_edit(features.update_feature, "feature", name="Renamed", tags=["a"], moves=BOTH),
    an_edit(features.update_feature, "feature", value_schema={"type": "boolean"}, moves=BOTH),
    an_edit(features.edit_feature, "feature", "environment", state={"status": "on"}, moves=HERE),
    an_edit(features.edit_feature, "feature", "environment", name="Renamed", state={}, moves=BOTH),
    an_edit(features.archive, "feature", moves=BOTH),
    an_edit(features.tag, "feature", tags=["web"], moves=BOTH),
    an_edit(features.set_state, "feature", "environment", rollout_percent=Decimal("12.5"), moves=HERE),
    an_edit(features.set_state, "feature", "environment", status="on", rollout_percent=50, moves=HERE),
    an_edit(features.switch, "feature", "environment", status="on", moves=HERE),
    an_edit(features.set_rollout, "feature", "environment", percent=Decimal("12.5"), moves=HERE),
    an_edit(experiments.create_experiment, "feature", "environment", name="New", moves=HERE, again="another"),
    an_edit(experiments.create_experiment, "feature", "environment", name="N", key="k", moves=HERE, again="refused"),
    an_edit(experiments.update_experiment, "draft", name="Renamed", rollout_percent=50, moves=HERE),
    an_edit(experiments.update_experiment, "holder", hash_attribute="account", audience=..., moves=HERE),
    an_edit(experiments.start, "draft", moves=HERE),
    an_edit(experiments.pause, "running", moves=HERE),
    an_edit(experiments.conclude, "running", moves=HERE),
    an_edit(experiments.create_variant, "draft", key="new", weight=1, moves=HERE, again="refused"),
    an_edit(experiments.update_variant, "variant", weight=2, payload={"ui": 1.5, "on": True}, moves=HERE),
    an_edit(experiments.remove_variant, "variant", moves=HERE, again="refused"),
    an_edit(features.create_segment, "project", key="n", name="New", conditions=EVERYONE, moves=BOTH, again="refused"),
    an_edit(features.update_segment, "used", name="Renamed", conditions=a_condition(value="AT"), moves=BOTH),
    an_edit(features.delete_segment, "segment", moves=BOTH, again="refused"),
    an_edit(features.create_rule, *STATE, conditions=EVERYONE, value=False, moves=HERE, again="another"),
    an_edit(features.create_rule, *STATE, segment=..., value=True, moves=HERE, again="another"),
    an_edit(features.update_rule, "rule", segment=..., rollout_percent=Decimal("12.5"), moves=HERE),
    an_edit(features.delete_rule, "rule", moves=HERE, again="refused"),
    an_edit(features.reorder_rules, *STATE, keys=["22222222", "11111111"], moves=HERE),
    an_edit(features.set_override, *STATE, identifier="ada", value=False, note="a wish", moves=HERE),
    an_edit(features.set_override, *STATE, identifier="bob", value=True, expires_at=datetime.now(UTC), moves=HERE),
    an_edit(features.remove_override, "override", moves=HERE, again="refused"),
    an_edit(features.set_prerequisite, *STATE, required=..., moves=HERE),
    an_edit(features.set_prerequisite, *STATE, required=..., enabled=None, needs_value=True, value=True, moves=HERE),
    an_edit(features.remove_prerequisite, "prerequisite", moves=HERE, again="refused"),
    an_edit(experiments.create_layer, "project", key="new", name="New", again="refused"),
    an_edit(experiments.update_layer, "layer", name="Renamed"),
    an_edit(experiments.delete_layer, "empty_layer", again="refused"),
    an_edit(experiments.hold_slots, "holder", "layer", slots=200, moves=HERE),
    an_edit(experiments.hold_slots, "draft", "layer", slots=0, moves=HERE),
    an_edit(experiments.release_slots, "holder", moves=HERE),
    an_edit(experiments.set_holdout, "layer", "environment", slots=500, moves=HERE),
    Edit(
        experiments.ship,
        lambda street: (street.running,),
        lambda street: {"variant": street.treatment},
        moves=HERE,
        changes=2,  # the experiment's, and the feature's
    ),
    Edit(
        features.restore,
        lambda street: (features.archive(street.feature, actor=SYSTEM),),
        lambda street: {},
        moves=BOTH,
    ),
    Edit(
        features.untag,
        lambda street: (features.tag(street.feature, tags=["web"], actor=SYSTEM),),
        lambda street: {"tags": ["web"]},
        moves=BOTH,
    ),
)
every_edit = pytest.mark.parametrize(
    "edit", EDITS, ids=[f"{number}-{edit.service.__name__}" for number, edit in enumerate(EDITS)]
)


def revisions() -> dict[int, str]:
    return dict(Environment.objects.order_by("pk").values_list("pk", "revision"))


def rows() -> list[Any]:
    """Everything that an edit could have touched."""
    models = (
        *(Organisation, Project, Environment, Membership, Credential, Feature, FeatureState, Experiment, Variant),
        *(Segment, Rule, Override, Prerequisite, Layer, SlotRange),
    )
    return [list(model._default_manager.order_by("pk").values()) for model in (*models, Change)]


def test_no_service_is_missing_from_the_table() -> None:
    public = {
        name
        for module in MODULES
        for name, function in getmembers(module, isfunction)
        if function.__module__.startswith(module.__name__) and not name.startswith("_")
    }

    assert public == {edit.service.__name__ for edit in EDITS} | NO_EDITS.keys()
    assert not {edit.service.__name__ for edit in EDITS} & NO_EDITS.keys()


@every_edit
def test_an_edit_leaves_one_change_with_its_actor(edit: Edit) -> None:
    street = a_street()
    given = edit.given(street)
    last = Change.objects.latest("pk").pk

    edit.service(*given, actor=audits.Actor("user:7", "Grace", "request-1"), **edit.arguments(street))

    found = Change.objects.filter(pk__gt=last)
    assert {(change.actor, change.actor_name, change.request_id) for change in found} == {
        ("user:7", "Grace", "request-1")
    }
    assert len(found) == edit.changes
    assert len({(change.project_id, change.object_type) for change in found}) == edit.changes
    assert all(change.before != change.after for change in found)


@every_edit
def test_an_edit_moves_the_revisions_it_concerns_and_no_other(edit: Edit) -> None:
    street = a_street()
    given = edit.given(street)
    before = revisions()

    edit.service(*given, actor=SYSTEM, **edit.arguments(street))

    moved = {pk for pk, revision in revisions().items() if pk in before and revision != before[pk]}
    assert moved == {getattr(street, name).pk for name in edit.moves}


@every_edit
def test_the_second_time_nothing_happens(edit: Edit) -> None:
    street = a_street()
    given = edit.given(street)
    edit.service(*given, actor=SYSTEM, **edit.arguments(street))
    before, changes = rows(), Change.objects.count()

    if edit.again == "refused":
        with pytest.raises(REFUSALS):
            edit.service(*fresh(given), actor=SYSTEM, **edit.arguments(street))
    else:
        edit.service(*given, actor=SYSTEM, **edit.arguments(street))

    assert (rows() == before) == (edit.again != "another")
    assert Change.objects.count() == changes + (edit.again == "another")


def fresh(given: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments, where Django took the id of a deleted row away, as another caller would still hold them."""
    return tuple(row if row.pk else type(row)(**{**row.__dict__, "pk": 2**31 - 1}) for row in given)


@every_edit
def test_an_edit_takes_its_turn_before_it_locks_or_writes_anything(edit: Edit) -> None:
    street = a_street()
    given, arguments = edit.given(street), edit.arguments(street)

    with CaptureQueriesContext(connection) as captured:
        edit.service(*given, actor=SYSTEM, **arguments)

    kept = [query["sql"] for query in captured if HOLDS.search(query["sql"])]
    assert "audits_sequence" in kept[edit.service is tenants.create_project]  # a project has no turns before it is made


@every_edit
def test_the_chain_of_changes_holds_after_an_edit(edit: Edit) -> None:
    street = a_street()

    edit(street)

    assert [project.pk for project in Project.objects.all() if audits.broken_link(project.pk)] == []


@every_edit
def test_an_edit_that_cannot_be_logged_leaves_nothing(edit: Edit) -> None:
    street = a_street()
    given, arguments = edit.given(street), edit.arguments(street)
    before = rows()
    unheard_of = audits.Actor(None, "the database refuses an actor without an id")  # type: ignore[arg-type]

    with pytest.raises(IntegrityError):
        edit.service(*given, actor=unheard_of, **arguments)

    assert rows() == before


@pytest.mark.parametrize(
    ("service", "name", "fixed"),
    [
        *((features.update_feature, "feature", fixed) for fixed in ("key", "number", "project")),
        *((features.update_segment, "segment", fixed) for fixed in ("key", "project")),
        *((features.update_rule, "rule", fixed) for fixed in ("key", "state")),
        *((experiments.update_layer, "layer", fixed) for fixed in ("key", "seed", "project")),
        *((experiments.update_variant, "variant", fixed) for fixed in ("key", "number", "experiment")),
        *((experiments.update_experiment, "draft", fixed) for fixed in ("key", "number", "feature", "environment")),
        *((experiments.update_experiment, "draft", fixed) for fixed in ("bucketing", "layer")),
    ],
    ids=lambda part: getattr(part, "__name__", part),
)
def test_what_a_row_is_known_by_stays(service: Callable[..., Any], name: str, fixed: str) -> None:
    street = a_street()
    row = getattr(street, name)
    other: dict[str, Any] = {
        "key": "other",
        "seed": "other",
        "number": 77,
        "bucketing": "feature_hub",
        "layer": street.layer,
        "project": street.neighbour,
        "feature": street.required,
        "environment": street.sibling,
        "state": features.state_of(street.required, street.environment),
        "experiment": street.running,
    }
    before = rows()

    with pytest.raises(ValidationError) as raised:
        service(row, actor=SYSTEM, **{fixed: other[fixed]})
    service(row, actor=SYSTEM, **{fixed: getattr(row, fixed)})

    assert raised.value.message_dict == {fixed: ["This cannot be changed."]}
    assert rows() == before


@pytest.mark.parametrize("value", [1e-7, -0.0, 0.1, 1e16, 5e-324, 1.0, 2**53 + 1], ids=repr)
def test_numbers_are_the_same_after_the_database_wrote_them_its_own_way(value: float) -> None:
    environment = an_environment()
    feature = a_feature(environment, value_type="number")
    features.set_state(feature, environment, actor=SYSTEM, on_value=value)
    changes = Change.objects.count()

    features.set_state(feature, environment, actor=SYSTEM, on_value=value)

    assert Change.objects.count() == changes


def test_one_and_true_are_different_values() -> None:
    environment = an_environment()
    feature = a_feature(environment, value_type="json", state={"on_value": 1})
    changes = Change.objects.count()

    features.set_state(feature, environment, actor=SYSTEM, on_value=True)

    assert Change.objects.count() == changes + 1
    assert features.state_of(feature, environment).on_value is True


def test_nothing_half_done_remains_when_one_of_two_steps_is_refused() -> None:
    street = a_street()
    before = rows()

    with pytest.raises(ValidationError):
        features.edit_feature(street.feature, street.environment, actor=SYSTEM, name="New", state={"status": "?"})

    assert rows() == before
