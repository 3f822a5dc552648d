"""Configuration that makes no sense: refused when it is saved, all of it in one message, and nothing is stored."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from audits.models import Change
from audits.services import SYSTEM
from experiments import services as experiments
from experiments.models import Experiment, Variant
from features import services
from features.models import Feature, FeatureState, Override, Prerequisite, Rule, Segment
from tests.builders import (
    EVERYONE,
    a_condition,
    a_feature,
    a_rule,
    a_segment,
    a_variant,
    an_environment,
    an_experiment,
    in_segment,
)
from tests.tenants.api import somebody

pytestmark = pytest.mark.django_db
MANY = {"any": [a_condition()] * 10_000}
DEEP = {"at": "2030-01-01", "value": {"hue": "red"}}


class Place:
    """An environment with one of everything: a feature of colours that others wait for, and segments over segments."""

    def __init__(self) -> None:
        self.environment, self.other = (environment := an_environment()), an_environment(environment.project)
        self.project = environment.project
        schema = {"type": "object", "properties": {"hue": {"type": "integer", "maximum": 360}}}
        self.feature = a_feature(environment, value_type="json", value_schema=schema)
        self.waiting = a_feature(environment)
        services.set_prerequisite(self.waiting, environment, required=self.feature, actor=SYSTEM)
        self.inner = a_segment(self.project, key="inner")
        self.outer = a_segment(self.project, key="outer", conditions=in_segment("inner"))
        self.rule = a_rule(self.feature, environment, segment=self.outer, value={"hue": 1})
        self.experiment = an_experiment(environment, self.feature)
        self.variant = a_variant(self.experiment)

    def segment(self, conditions: Any) -> object:
        return services.update_segment(self.inner, conditions=conditions, actor=SYSTEM)

    def new_segment(self, conditions: Any) -> object:
        return a_segment(self.project, conditions=conditions)

    def edited_rule(self, **changes: Any) -> object:
        return services.update_rule(self.rule, actor=SYSTEM, **changes)

    def new_rule(self, **details: Any) -> object:
        return a_rule(self.feature, self.environment, **{"value": {}, **details})

    def state(self, **changes: Any) -> object:
        return services.set_state(self.feature, self.environment, actor=SYSTEM, **changes)

    def override(self, **given: Any) -> object:
        return services.set_override(
            self.feature, self.environment, actor=SYSTEM, **{"identifier": "ada", "value": {}, **given}
        )

    def prerequisite(self, required: Feature, **given: Any) -> object:
        return services.set_prerequisite(self.feature, self.environment, required=required, actor=SYSTEM, **given)


CONDITIONS: list[tuple[Any, str]] = [
    (a_condition(operator="resembles"), "no operator 'resembles'"),
    ({**a_condition(), "attribute": 5}, "name its attribute and operator as text"),
    ({**a_condition(), "operator": ["in"]}, "name its attribute and operator as text"),
    (a_condition(operator="gt", value="5"), "must be a number"),
    (a_condition(operator="in", value="DE"), "must be a list"),
    (a_condition(operator="matches", value=5), "must be a regular expression"),
    (a_condition(operator="matches", value="("), "RE2 refuses"),
    (a_condition(operator="matches", value=r"(a)\1"), "RE2 refuses"),
    (a_condition(operator="matches", value="x" * 1_001), "at most 1000 characters"),
    (a_condition(operator="modulo", value=[0, 0]), "above zero"),
    (a_condition(operator="percentage", value=101), "from 0 to 100"),
    (a_condition(operator="percentage", value=-0.001), "from 0 to 100"),
    (in_segment("gone"), "no segment 'gone'"),
    ({"operator": "in_segment", "value": 7}, "must be the key of a segment"),
    (MANY, "at most 1000 conditions"),
    (None, ""),
    ({}, ""),
    ({"all": []}, "not empty"),
    ({"all": [EVERYONE], "any": [EVERYONE]}, "must stand alone"),
]
EVERYWHERE: list[Callable[[Place, Any], object]] = [
    lambda place, conditions: place.segment(conditions),
    lambda place, conditions: place.new_segment(conditions),
    lambda place, conditions: place.edited_rule(segment=None, conditions=conditions),
    lambda place, conditions: place.new_rule(conditions=conditions),
]
OTHERS: list[tuple[Callable[[Place], object], str, str]] = [
    (lambda p: p.segment(in_segment("outer")), "conditions", "circle"),
    (lambda p: p.segment({"none": [in_segment("inner")]}), "conditions", "circle"),
    (lambda p: p.prerequisite(p.waiting), "feature", "circle"),
    (lambda p: p.prerequisite(p.feature), "feature", "circle"),
    (lambda p: p.prerequisite(p.waiting, needs_value=True, value=1), "value", "boolean value"),
    (lambda p: p.state(rollout_percent=100.001), "rollout_percent", "100"),
    (lambda p: p.state(rollout_percent=-1), "rollout_percent", "0"),
    (lambda p: p.state(on_value={"hue": 361}), "on_value", "maximum of 360"),
    (lambda p: p.state(off_value="red"), "off_value", "not of type 'object'"),
    (lambda p: p.state(steps=[DEEP]), "steps", "Step 1: $.hue"),
    (lambda p: p.state(steps=[{"at": "2030-01-01", "percent": 101}]), "steps", "from 0 to 100"),
    (lambda p: p.state(ramp={"start": "2030-01-01", "from": 0, "end": "2031-01-01", "to": 101}), "ramp", "0 to 100"),
    (lambda p: p.state(active_experiment=elsewhere(p), status="experiment"), "active_experiment", "not an experiment"),
    (lambda p: p.new_rule(conditions=EVERYONE, rollout_percent=101), "rollout_percent", "100"),
    (lambda p: p.new_rule(conditions=EVERYONE, value={"hue": "red"}), "value", "$.hue"),
    (lambda p: p.new_rule(conditions=EVERYONE, experiment=elsewhere(p)), "experiment", "in this environment"),
    (lambda p: p.edited_rule(experiment=elsewhere(p)), "experiment", "in this environment"),
    (lambda p: p.edited_rule(experiment=an_experiment(p.environment)), "experiment", "of this feature"),
    (lambda p: p.edited_rule(steps=[DEEP]), "steps", "Step 1: $.hue"),
    (lambda p: p.override(value={"hue": 361}), "value", "maximum of 360"),
    (lambda p: p.override(identifier="x" * 513), "identifier", "512"),
    (
        lambda p: experiments.update_experiment(p.experiment, rollout_percent=101, actor=SYSTEM),
        "rollout_percent",
        "100",
    ),
    (lambda p: experiments.update_variant(p.variant, value={"hue": 361}, actor=SYSTEM), "value", "maximum of 360"),
]


def elsewhere(place: Place) -> Experiment:
    return an_experiment(place.other, place.feature)


def everything() -> list[Any]:
    models = (Feature, FeatureState, Segment, Rule, Override, Prerequisite, Variant)
    return [list(model._default_manager.order_by("pk").values()) for model in models]


@pytest.mark.parametrize("number", range(len(EVERYWHERE)), ids=["segment", "new segment", "rule", "new rule"])
@pytest.mark.parametrize(("conditions", "words"), CONDITIONS, ids=lambda part: ascii(part)[:40])
def test_conditions_that_make_no_sense_are_refused_wherever_they_stand(
    conditions: Any, words: str, number: int
) -> None:
    place = Place()
    before, logged = everything(), Change.objects.count()

    with pytest.raises(ValidationError) as raised:
        EVERYWHERE[number](place, conditions)

    assert raised.value.message_dict.keys() == {"conditions"}
    assert words in " ".join(raised.value.messages)
    assert (everything(), Change.objects.count()) == (before, logged)


@pytest.mark.parametrize(("attempt", "field", "words"), OTHERS, ids=range(len(OTHERS)))
def test_what_could_never_be_served_is_refused(attempt: Callable[[Place], object], field: str, words: str) -> None:
    place = Place()
    before = [row for row in everything() if row]

    with pytest.raises(ValidationError) as raised:
        attempt(place)

    assert raised.value.message_dict.keys() >= {field}
    assert words in " ".join(raised.value.message_dict[field])
    kept = everything()
    assert [[row for row in found if row in found] for index, found in enumerate(kept)] == kept
    assert all(row in [row for found in kept for row in found] for found in before for row in found)


def test_everything_that_is_wrong_is_said_in_one_message() -> None:
    place = Place()
    wrong = [a_condition(operator="resembles"), a_condition(operator="matches", value="("), in_segment("gone")]
    details: dict[str, Any] = {"conditions": {"any": wrong}, "rollout_percent": 101, "value": {"hue": "red"}}

    with pytest.raises(ValidationError) as raised:
        place.new_rule(**details, steps=[DEEP], ramp=1, experiment=None, description="\x00")

    found = raised.value.message_dict
    assert found.keys() == {*details, "steps", "ramp", "description"}
    assert [text.partition(":")[0] for text in found["conditions"]] == ["any[0]", "any[1]", "any[2]"]


def test_a_segment_that_would_make_others_too_deep_is_refused_and_they_are_named() -> None:
    project = an_environment().project
    bottom = segment = a_segment(project)
    for _ in range(8):
        segment = a_segment(project, conditions=in_segment(segment.key))
    top = a_segment(project, conditions={"none": [in_segment(segment.key)]})
    free = a_segment(project)

    with pytest.raises(ValidationError) as raised:
        services.update_segment(bottom, conditions={"any": [a_condition(), in_segment(free.key)]}, actor=SYSTEM)

    assert raised.value.message_dict["conditions"] == [
        f"segment {top.key} would break: segments refer to each other more than 10 deep"
    ]
    assert Segment.objects.get(pk=bottom.pk).conditions == bottom.conditions


def test_a_segment_that_would_make_a_rule_too_large_is_refused_and_the_rule_is_named() -> None:
    place = Place()
    a_rule(place.feature, place.environment, value={}, description="the rule", conditions={
        "any": [in_segment("inner")] * 100,
    })  # fmt: skip

    with pytest.raises(ValidationError) as raised:
        place.segment({"any": [a_condition()] * 101})

    (message,) = raised.value.message_dict["conditions"]
    assert message.startswith("the rule of ")
    assert "must be at most 10000" in message
    assert place.segment({"any": [a_condition()] * 100})


def test_what_was_broken_before_is_no_reason_to_refuse_an_edit() -> None:
    place = Place()
    broken = a_segment(place.project)
    Segment.objects.filter(pk=broken.pk).update(conditions={"all": []})  # which no service would store

    assert place.segment(EVERYONE)
    assert services.update_segment(broken, conditions=EVERYONE, actor=SYSTEM).conditions == EVERYONE


def test_deleting_a_segment_in_use_is_a_conflict_that_names_its_users() -> None:
    place = Place()
    experiments.update_experiment(place.experiment, audience=place.outer, name="Colours", actor=SYSTEM)
    caller = somebody(place.environment)

    for segment, users in [(place.inner, ["segment outer"]), (place.outer, ["experiment Colours", str(place.rule)])]:
        answer = caller.delete(f"segments/{segment.pk}/")
        assert answer.status_code == 409
        assert [user for user in users if user not in answer.json()["detail"]] == []

    assert Segment.objects.count() == 2
