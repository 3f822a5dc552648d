"""Rules: refused in one message when anything is wrong, and kept in their order."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from audits.models import Change
from audits.services import SYSTEM
from features import services
from features.models import Rule
from features.services import rules
from tests.builders import (
    EVERYONE,
    a_condition,
    a_feature,
    a_project,
    a_rule,
    a_segment,
    an_environment,
    an_experiment,
    in_segment,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("conditions", None),
        ("conditions", {}),
        ("conditions", a_condition(operator="resembles")),
        ("conditions", in_segment("gone")),
        ("conditions", {"any": [a_condition()] * 10_000}),
        ("conditions", a_condition(value="\x00")),
        ("value", "text"),
        ("value", 1),
        ("value", None),
        ("rollout_percent", -1),
        ("rollout_percent", 101),
        ("rollout_percent", "x"),
        ("description", "x" * 256),
        ("description", "\x00"),
        ("is_on", "perhaps"),
        ("steps", {}),
        ("steps", [{"at": "2026-01-01", "value": "text"}]),
        ("ramp", {}),
        ("ramp", {"start": "2026-01-01", "from": 0, "end": "2026-02-01", "to": 101}),
    ],
    ids=lambda part: ascii(part)[:40],
)
def test_a_rule_that_makes_no_sense_is_refused_and_nothing_is_stored(field: str, value: Any) -> None:
    environment = an_environment()
    feature = a_feature(environment)
    rule, logged = a_rule(feature, environment), Change.objects.count()
    stored = list(Rule.objects.values())

    with pytest.raises(ValidationError) as created:
        a_rule(feature, environment, **{field: value})
    with pytest.raises(ValidationError) as updated:
        services.update_rule(rule, actor=SYSTEM, **{field: value})

    assert created.value.message_dict.keys() == updated.value.message_dict.keys() == {field}
    assert list(Rule.objects.values()) == stored
    assert Change.objects.count() == logged


def test_everything_that_is_wrong_is_said_at_once() -> None:
    environment = an_environment()
    feature = a_feature(environment)
    wrong = {
        "conditions": {"all": [a_condition(operator="resembles"), a_condition(operator="modulo", value=[0, 0])]},
        "segment": a_segment(a_project()),
        "value": "text",
        "rollout_percent": 101,
        "steps": [{"at": "never", "status": "on"}, {"at": "2026-01-01", "percent": 101}],
        "ramp": 1,
    }

    with pytest.raises(ValidationError) as raised:
        a_rule(feature, environment, **wrong)

    found = raised.value.message_dict
    assert found.keys() == wrong.keys()
    assert len(found["conditions"]) == 2
    assert "Step 1" in found["steps"][0]
    assert "Step 2" in found["steps"][0]


def test_an_experiment_must_be_one_of_this_feature_in_this_environment() -> None:
    environment = an_environment()
    feature = a_feature(environment)
    elsewhere = an_experiment(an_environment(environment.project), feature)

    for experiment in (elsewhere, an_experiment(environment), an_experiment(an_environment())):
        with pytest.raises(ValidationError, match="is not an experiment"):
            a_rule(feature, environment, experiment=experiment)
    assert a_rule(feature, environment, experiment=an_experiment(environment, feature), value=None).pk


def test_a_rule_needs_to_say_whom_it_means() -> None:
    environment = an_environment()
    segment = a_segment(environment.project)
    rule = a_rule(a_feature(environment), environment, segment=segment)

    with pytest.raises(ValidationError, match="needs a segment or conditions"):
        services.update_rule(rule, segment=None, actor=SYSTEM)
    assert services.update_rule(rule, segment=None, conditions=EVERYONE, actor=SYSTEM).segment is None


@pytest.mark.parametrize("keys", [[], ["a"], ["a", "a", "b"], ["a", "b", "c", "c"], ["a", "b", "x"]])
def test_an_order_names_every_rule_once(keys: list[str]) -> None:
    environment = an_environment()
    feature = a_feature(environment)
    for key in "abc":
        a_rule(feature, environment, key=key)

    with pytest.raises(ValidationError, match="each of the rules once"):
        services.reorder_rules(feature, environment, keys=keys, actor=SYSTEM)

    assert list(Rule.objects.values_list("key", flat=True)) == ["a", "b", "c"]


def test_a_new_rule_is_tried_last_also_after_others_went() -> None:
    environment = an_environment()
    feature = a_feature(environment)
    for key in "abc":
        a_rule(feature, environment, key=key)
    services.delete_rule(Rule.objects.get(key="a"), actor=SYSTEM)
    services.reorder_rules(feature, environment, keys=["c", "b"], actor=SYSTEM)

    a_rule(feature, environment, key="d")

    assert list(Rule.objects.values_list("key", flat=True)) == ["c", "b", "d"]


def test_there_is_an_end_to_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = an_environment()
    feature = a_feature(environment)
    monkeypatch.setattr(rules, "RULES_MAX", 2)
    for _ in range(2):
        a_rule(feature, environment)

    with pytest.raises(ValidationError, match="at most 2 rules"):
        a_rule(feature, environment)
