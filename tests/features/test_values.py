"""Values: by the feature's type, and by its schema where it has one."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from audits.services import SYSTEM
from decisions.engine.evaluate import Snapshot, decide
from decisions.engine.types import Subject
from decisions.snapshots import read
from features import services
from features.models import Feature
from features.values import complaint_about, complaint_about_schema
from tenants.models import Environment
from tests.builders import a_feature, a_rule, an_environment

HUE = {"type": "integer", "maximum": 360}
COLOURS = {"type": "object", "required": ["hue"], "properties": {"hue": HUE}, "default": {"hue": 0}}


def read_all(environment: Environment) -> Snapshot:
    snapshot = read(environment.pk)
    assert snapshot is not None
    return snapshot.features


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({}, "'hue' is a required"),
        ({"hue": "red"}, "$.hue"),
        ({"hue": 361}, "maximum"),
        (7, "object"),
        (None, "object"),
    ],
)
def test_a_value_that_breaks_the_schema_is_refused_with_the_way_to_it(value: Any, words: str) -> None:
    feature = Feature(value_type="json", value_schema=COLOURS)

    assert words in (complaint_about(feature, value) or "")


def test_everything_that_breaks_the_schema_is_said() -> None:
    feature = Feature(value_type="json", value_schema={"items": {"type": "integer"}})

    complaint = complaint_about(feature, ["a", 1, "b"]) or ""

    assert ("$[0]" in complaint, "$[1]" in complaint, "$[2]" in complaint) == (True, False, True)


@pytest.mark.parametrize(
    "schema",
    [
        *["x", 1, [], {"type": "colour"}, {"minimum": "low"}, {"properties": []}, {"required": "a"}],
        *[{"pattern": "(a+)+$"}, {"properties": {"a": {"patternProperties": {".": {}}}}}],
        *[{"$ref": "http://localhost/schema"}, {"allOf": [{"$dynamicRef": "#a"}]}, {"description": "\x00"}],
    ],
    ids=lambda schema: ascii(schema)[:40],
)
def test_a_schema_that_cannot_be_used_is_refused(schema: Any) -> None:
    assert complaint_about_schema(schema)


@pytest.mark.django_db
def test_nothing_is_stored_that_breaks_the_schema() -> None:
    environment = an_environment()
    feature = a_feature(environment, value_type="json", value_schema=COLOURS)
    good: dict[str, Any] = {"on_value": {"hue": 1}, "off_value": {"hue": 0}}
    services.set_state(feature, environment, actor=SYSTEM, **good)
    other: dict[str, Any] = {"identifier": "ada", "value": {"hue": 400}, "actor": SYSTEM}

    for attempt in (
        lambda: services.set_state(feature, environment, on_value={"hue": 400}, actor=SYSTEM),
        lambda: services.set_state(
            feature, environment, steps=[{"at": "2026-12-01", "value": {"hue": 400}}], actor=SYSTEM
        ),
        lambda: a_rule(feature, environment, value={"hue": 400}),
        lambda: services.set_override(feature, environment, **other),
    ):
        with pytest.raises(ValidationError, match="maximum of 360"):
            attempt()

    assert services.state_of(feature, environment).on_value == {"hue": 1}


@pytest.mark.django_db
def test_a_feature_begins_with_the_default_of_its_schema_in_every_environment() -> None:
    environment = an_environment()
    feature = a_feature(environment, value_type="json", value_schema=COLOURS)
    younger = an_environment(environment.project)

    served = [decide(read_all(place), feature.key, Subject("ada")).value for place in (environment, younger)]

    assert served == [{"hue": 0}] * 2
    for place in (environment, younger):
        state = services.state_of(feature, place)
        assert (state.on_value, state.off_value) == ({"hue": 0}, {"hue": 0})


@pytest.mark.django_db
@pytest.mark.parametrize("schema", [{"required": ["hue"]}, {"maxProperties": 0, "default": {"hue": 1}}, False])
def test_a_schema_that_does_not_allow_what_the_feature_begins_with_is_refused(schema: Any) -> None:
    environment = an_environment()
    feature = a_feature(environment, value_type="json", state={"on_value": {"hue": 1}, "off_value": {"hue": 1}})

    with pytest.raises(ValidationError) as created:
        a_feature(environment, value_type="json", value_schema=schema)
    with pytest.raises(ValidationError) as updated:
        services.update_feature(feature, value_schema=schema, actor=SYSTEM)

    assert created.value.message_dict.keys() == updated.value.message_dict.keys() == {"value_schema"}
    assert Feature.objects.get().value_schema is None


@pytest.mark.django_db
def test_a_feature_with_a_schema_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(ValidationError) as raised:
        a_feature(an_environment(), key="a/b", tags=[1], value_schema={"type": "colour"})

    assert raised.value.message_dict.keys() == {"key", "tags", "value_schema"}
