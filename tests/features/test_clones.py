"""A cloned environment does what its source does, but for the experiments."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from audits.models import Change
from audits.services import SYSTEM
from features import services
from features.models import FeatureState, Override, Prerequisite, Rule
from tenants.models import Environment
from tests.builders import a_feature, a_rule, a_running_experiment, a_segment, an_environment
from tests.tenants.api import somebody

pytestmark = pytest.mark.django_db

RAMP: Any = {"start": "2030-01-01T00:00:00Z", "from": 0, "end": "2030-02-01T00:00:00Z", "to": 50}


def clone(source: Environment) -> services.Clone:
    return services.clone_environment(source, key="clone", name="Clone", actor=SYSTEM)


def test_states_are_copied_with_everything_in_them() -> None:
    source = an_environment()
    steps = [{"at": "2030-01-01T00:00:00Z", "percent": 10}]
    state = {"status": "on", "on_value": {"a": 1}, "off_value": None, "rollout_percent": 12.5, "steps": steps}
    feature = a_feature(source, value_type="json", state={**state, "ramp": RAMP})

    made = clone(source)

    copy = FeatureState.objects.get(environment=made.environment)
    assert {name: getattr(copy, name) for name in state} == state
    assert (copy.feature, copy.ramp) == (feature, RAMP)
    assert (made.switched_off, made.rules_left_out) == ((), 0)


def test_rules_keep_their_keys_and_their_order() -> None:
    source = an_environment()
    feature, segment = a_feature(source), a_segment(source.project)
    rules = [a_rule(feature, source, segment=segment, rollout_percent=5), a_rule(feature, source, ramp=RAMP)]
    services.reorder_rules(feature, source, keys=[rules[1].key, rules[0].key], actor=SYSTEM)

    made = clone(source)

    copies = list(Rule.objects.in_environment(made.environment.pk))
    assert [rule.key for rule in copies] == [rules[1].key, rules[0].key]
    assert (copies[0].ramp, copies[1].segment, copies[1].rollout_percent) == (RAMP, segment, Decimal(5))
    assert Rule.objects.in_environment(source.pk).count() == 2


def test_overrides_and_prerequisites_are_copied() -> None:
    source, end = an_environment(), datetime(2030, 1, 1, tzinfo=UTC)
    feature, required = a_feature(source), a_feature(source)
    services.set_override(feature, source, identifier="ada", value=False, expires_at=end, note="why", actor=SYSTEM)
    services.set_prerequisite(feature, source, required=required, enabled=False, actor=SYSTEM)

    made = clone(source)

    override = Override.objects.in_environment(made.environment.pk).get()
    prerequisite = Prerequisite.objects.in_environment(made.environment.pk).get()
    assert (override.identifier, override.value, override.expires_at, override.note) == ("ada", False, end, "why")
    assert (prerequisite.feature, prerequisite.enabled, prerequisite.state.feature) == (required, False, feature)


def test_experiments_are_left_behind() -> None:
    source = an_environment()
    experiment = a_running_experiment(source)
    feature = experiment.feature
    a_rule(feature, source, experiment=experiment, value=None)
    a_rule(feature, source)

    made = clone(source)

    state = FeatureState.objects.get(environment=made.environment)
    assert (state.status, state.active_experiment) == ("off", None)
    assert state.rules.count() == 1
    assert (made.switched_off, made.rules_left_out) == ((feature.key,), 1)
    assert not made.environment.experiments.exists()


def test_a_step_to_an_experiment_leads_nowhere_in_the_clone() -> None:
    source = an_environment()
    step = {"at": "2030-01-01T00:00:00Z", "status": "experiment"}
    feature = a_feature(source)
    FeatureState.objects.filter(feature=feature).update(steps=[step])

    made = clone(source)

    assert FeatureState.objects.get(environment=made.environment).steps == [step | {"status": "off"}]
    assert made.switched_off == (feature.key,)


def test_a_clone_is_one_change_that_names_its_source() -> None:
    source = an_environment()
    a_feature(source)
    last = Change.objects.latest("pk").pk

    made = clone(source)

    change = Change.objects.get(pk__gt=last)
    assert (change.action, change.object_id) == ("environment.created", made.environment.pk)
    assert change.after == {"key": "clone", "name": "Clone", "cloned_from": source.key}


def test_a_key_that_is_taken_clones_nothing() -> None:
    source = an_environment()
    a_feature(source)

    with pytest.raises(ValidationError):
        services.clone_environment(source, key=source.key, name="Clone", actor=SYSTEM)

    assert (Environment.objects.count(), FeatureState.objects.count()) == (1, 1)


def test_an_environment_is_cloned_over_the_api() -> None:
    source = an_environment()
    experiment = a_running_experiment(source)

    answer = somebody(source).post(f"environments/{source.pk}/clone/", {"key": "clone", "name": "Clone"})

    assert answer.status_code == 201
    assert answer.json()["environment"]["project"] == source.project_id
    assert answer.json()["environment"]["id"] == Environment.objects.get(key="clone").pk
    assert answer.json()["switched_off"] == [experiment.feature.key]
    assert answer.json()["rules_left_out"] == 0
