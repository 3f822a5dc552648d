"""Taking changes back: what an edit did is undone by the same services, or it is said why not."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils.module_loading import import_string

from app.settings import common
from audits.models import Change
from audits.reverts import revert, undo_of
from audits.services import SYSTEM, Actor, broken_link
from experiments import services as experiments
from features import services as features
from features.models import Feature, Override, Prerequisite, Rule, Segment
from tenants import services as tenants
from tenants.models import Environment
from tenants.roles import Kind, Role
from tests.builders import (
    EVERYONE,
    a_condition,
    a_feature,
    a_layer,
    a_member,
    a_rule,
    a_running_experiment,
    a_segment,
    a_variant,
    an_environment,
    an_experiment,
)

pytestmark = pytest.mark.django_db

ME = Actor("user:7", "Grace")


class World:
    """Something of everything that can be edited."""

    def __init__(self) -> None:
        self.environment = an_environment()
        self.project = self.environment.project
        self.feature, self.required = a_feature(self.environment), a_feature(self.environment)
        self.place = (self.feature, self.environment)
        self.segment = a_segment(self.project, key="vips", description="very")
        self.experiment = an_experiment(self.environment, self.feature)
        self.running = a_running_experiment(self.environment)
        self.variant = a_variant(self.experiment, weight=1)
        self.layer = a_layer(self.project)
        self.credential, _ = tenants.issue_credential(self.environment, kind=Kind.CLIENT, name="web", actor=SYSTEM)
        step = {"at": "2030-01-01T00:00:00Z", "status": "off"}
        self.rules = [
            a_rule(*self.place, segment=self.segment, rollout_percent=Decimal("12.5"), steps=[step], description="one"),
            a_rule(*self.place, value=False),
        ]
        self.override = features.set_override(
            *self.place,
            identifier="ada",
            value=True,
            expires_at=datetime(2031, 1, 1, tzinfo=UTC),
            note="n",
            actor=SYSTEM,
        )
        self.prerequisite = features.set_prerequisite(*self.place, required=self.required, actor=SYSTEM)
        self.editor = a_member(self.environment, Role.EDITOR)
        self.admin, self.viewer = a_member(self.environment, Role.ADMIN), a_member(self.environment)

    def stored(self) -> list[Any]:
        """What decides, without what makes one row another: ids, and the moments at which they were made."""
        models = (Feature, Segment, Rule, Override, Prerequisite, type(self.experiment), type(self.variant))
        rows: list[Any] = [type(self.layer), type(self.credential), Environment, *models]
        left_out = {"id", "created_at", "changed_at", "revision", "number", "archived_at"}
        found = [
            [{name: value for name, value in row.items() if name not in left_out} for row in model.objects.values()]
            for model in rows
        ]
        archived = [(feature.key, feature.archived_at is None) for feature in Feature.objects.order_by("pk")]
        states = [list(self.feature.states.order_by("pk").values()), archived]
        return [sorted(each, key=repr) for each in found] + states


@dataclass(frozen=True)
class Case:
    """An edit that can be taken back, and who may."""

    edit: Callable[[World], object]
    needs_admin: bool = False


CASES: dict[str, Case] = {
    "feature.created": Case(lambda w: a_feature(w.environment)),
    "feature.updated": Case(lambda w: features.update_feature(w.feature, name="New", tags=["a"], actor=SYSTEM)),
    "feature.switched": Case(
        lambda w: features.set_state(
            *w.place, status="on", rollout_percent=Decimal("12.5"), ramp=None, steps=[], actor=SYSTEM
        )
    ),
    "rule.created": Case(lambda w: a_rule(*w.place, segment=w.segment)),
    "rule.updated": Case(
        lambda w: features.update_rule(w.rules[0], segment=None, conditions=EVERYONE, steps=[], actor=SYSTEM)
    ),
    "rule.deleted": Case(lambda w: features.delete_rule(w.rules[0], actor=SYSTEM)),
    "rules.reordered": Case(
        lambda w: features.reorder_rules(*w.place, keys=[rule.key for rule in w.rules[::-1]], actor=SYSTEM)
    ),
    "override.set": Case(lambda w: features.set_override(*w.place, identifier="ada", value=False, actor=SYSTEM)),
    "override.removed": Case(lambda w: features.remove_override(w.override, actor=SYSTEM)),
    "prerequisite.set": Case(
        lambda w: features.set_prerequisite(*w.place, required=w.required, enabled=False, actor=SYSTEM)
    ),
    "prerequisite.removed": Case(lambda w: features.remove_prerequisite(w.prerequisite, actor=SYSTEM)),
    "segment.created": Case(lambda w: a_segment(w.project)),
    "segment.updated": Case(
        lambda w: features.update_segment(w.segment, conditions=a_condition(value="AT"), actor=SYSTEM)
    ),
    "segment.deleted": Case(
        lambda w: features.delete_segment(Segment.objects.get(key="idle"), actor=SYSTEM),
    ),
    "experiment.updated": Case(
        lambda w: experiments.update_experiment(w.experiment, name="N", audience=w.segment, actor=SYSTEM)
    ),
    "variant.created": Case(lambda w: a_variant(w.experiment, payload={"a": 1})),
    "variant.updated": Case(lambda w: experiments.update_variant(w.variant, weight=7, actor=SYSTEM)),
    "layer.created": Case(lambda w: a_layer(w.project)),
    "layer.updated": Case(lambda w: experiments.update_layer(w.layer, name="New", actor=SYSTEM)),
    "project.updated": Case(lambda w: tenants.update_project(w.project, name="New", actor=SYSTEM), needs_admin=True),
    "environment.updated": Case(
        lambda w: tenants.update_environment(w.environment, hide_disabled_flags=True, actor=SYSTEM), needs_admin=True
    ),
    "credential.updated": Case(
        lambda w: tenants.update_credential(w.credential, name="new", actor=SYSTEM), needs_admin=True
    ),
}
every_case = pytest.mark.parametrize("action", CASES)


@pytest.fixture
def world() -> World:
    world = World()
    a_segment(world.project, key="idle", description="nobody uses it")
    return world


def edited(world: World, action: str) -> Change:
    CASES[action].edit(world)
    change = Change.objects.latest("pk")
    assert change.action == action
    return change


def test_no_action_that_can_be_undone_is_missing_from_the_cases() -> None:
    tables = [import_string(name) for name in common.AUDIT_REVERTS]

    assert {action for table in tables for action in table} == CASES.keys()


@every_case
def test_a_reverted_edit_leaves_everything_as_it_was(world: World, action: str) -> None:
    before = world.stored()
    change = edited(world, action)
    user = world.admin if CASES[action].needs_admin else world.editor

    made = revert(change, user, actor=ME)

    after = world.stored()
    if action == "feature.created":  # it is put away: keys and numbers are for ever
        assert Feature.objects.latest("pk").archived_at
    else:
        assert after == before
    assert (made.actor, made.reason) == ("user:7", f"Revert of change {change.number}")
    assert broken_link(world.project.pk) is None


@every_case
def test_who_may_not_edit_may_not_revert(world: World, action: str) -> None:
    change = edited(world, action)
    stranger = a_member(an_environment(), Role.ADMIN)
    refused = [world.viewer, stranger, *([world.editor] if CASES[action].needs_admin else [])]
    before = world.stored()

    for user in refused:
        with pytest.raises(PermissionDenied):
            revert(change, user, actor=ME)

    assert world.stored() == before
    assert Change.objects.in_project(change.project_id).latest("number") == change


@every_case
def test_the_second_time_it_is_refused(world: World, action: str) -> None:
    change = edited(world, action)
    user = world.admin if CASES[action].needs_admin else world.editor
    revert(change, user, actor=ME)
    changes = Change.objects.count()

    with pytest.raises(ValidationError):
        revert(change, user, actor=ME)

    assert Change.objects.count() == changes


def test_a_revert_can_be_reverted(world: World) -> None:
    change = edited(world, "feature.switched")
    after = world.stored()

    made = revert(change, world.editor, actor=ME)
    revert(made, world.editor, actor=ME)

    assert world.stored() == after


def test_what_was_changed_again_since_is_not_overwritten(world: World) -> None:
    change = edited(world, "feature.switched")
    features.set_rollout(*world.place, percent=Decimal(50), actor=SYSTEM)

    with pytest.raises(ValidationError, match="changed again since, in: rollout percent"):
        revert(change, world.editor, actor=ME)

    assert features.state_of(*world.place).rollout_percent == 50


def test_what_was_changed_in_other_fields_since_is_reverted(world: World) -> None:
    feature = features.update_feature(world.feature, name="New", actor=SYSTEM)
    change = Change.objects.latest("pk")
    features.update_feature(feature, description="other", actor=SYSTEM)

    revert(change, world.editor, actor=ME)

    feature.refresh_from_db()
    assert (feature.name, feature.description) == (world.feature.name, "other")


def test_what_is_gone_is_not_reverted(world: World) -> None:
    change = edited(world, "override.set")
    features.remove_override(world.override, actor=SYSTEM)

    with pytest.raises(ValidationError, match="is not there any more"):
        revert(change, world.editor, actor=ME)


def test_archiving_keeps_its_conditions(world: World) -> None:
    features.remove_prerequisite(world.prerequisite, actor=SYSTEM)
    features.archive(world.required, actor=SYSTEM)
    archived = Change.objects.latest("pk")
    restored = revert(archived, world.editor, actor=ME)
    features.set_prerequisite(*world.place, required=world.required, actor=SYSTEM)

    with pytest.raises(ValidationError, match="is a prerequisite of"):
        revert(restored, world.editor, actor=ME)


def test_a_revoked_key_stays_revoked(world: World) -> None:
    tenants.revoke_credential(world.credential, actor=SYSTEM)

    with pytest.raises(ValidationError, match="stays revoked"):
        revert(Change.objects.latest("pk"), world.admin, actor=ME)


@pytest.mark.parametrize("action", ["experiment.created", "credential.issued", "membership.set", "environment.created"])
def test_what_cannot_be_undone_is_not_offered(world: World, action: str) -> None:
    change = Change(action=action, project_id=world.project.pk)

    assert undo_of(change) is None
    with pytest.raises(ValidationError, match="cannot be reverted"):
        revert(change, world.admin, actor=ME)


def test_a_removal_that_was_logged_in_few_words_says_that_it_cannot_be_undone(world: World) -> None:
    change = edited(world, "override.removed")
    change.before = {"identifier": "ada"}

    with pytest.raises(ValidationError, match="does not say enough"):
        revert(change, world.editor, actor=ME)


def test_the_reason_of_the_person_comes_after_ours(world: World) -> None:
    change = edited(world, "feature.updated")

    made = revert(change, world.editor, actor=Actor("user:7", "Grace", reason="oops"))

    assert made.reason == f"Revert of change {change.number}: oops"
