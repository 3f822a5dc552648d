"""Another type or schema is refused while anything is stored that it would break, wherever that is."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from pytest_django import DjangoAssertNumQueries

from audits.models import Change
from audits.services import SYSTEM
from features import services
from features.models import Feature, FeatureState, Override
from features.services.stored_values import LISTED, stored_values
from tenants.models import Environment
from tests.builders import (
    a_feature,
    a_rule,
    a_running_experiment,
    a_variant,
    an_environment,
)

pytestmark = pytest.mark.django_db
SHORT = {"maxLength": 5}
LONG = "a long value"


@pytest.fixture
def environment() -> Environment:
    return an_environment(key="production")


@pytest.fixture
def feature(environment: Environment) -> Feature:
    return a_feature(environment, key="theme", value_type="string")


def complaint(feature: Feature, **changes: Any) -> str:
    """What is said about an edit that is refused, and leaves nothing."""
    stored, logged = list(Feature.objects.values()), Change.objects.count()
    with pytest.raises(ValidationError) as raised:
        services.update_feature(feature, actor=SYSTEM, name="Renamed", **changes)
    assert (list(Feature.objects.values()), Change.objects.count()) == (stored, logged)
    assert raised.value.message_dict.keys() <= {"value_type", "value_schema"}
    (message,) = raised.value.messages
    return message


def put(place: str, feature: Feature, environment: Environment) -> None:
    """A long value in one of the places where a feature can have one."""
    given, steps = (feature, environment), [{"at": "2030-01-01", "status": "on"}, {"at": "2030-01-02", "value": LONG}]
    if place in {"on_value", "off_value"}:
        changes: dict[str, Any] = {place: LONG}
        services.set_state(*given, actor=SYSTEM, **changes)
    elif place == "steps":
        services.set_state(*given, actor=SYSTEM, steps=steps)
    elif place == "rule":
        a_rule(*given, value=LONG, key="11111111")
    elif place == "rule's steps":
        a_rule(*given, value="short", steps=steps, description="the rule", is_on=False)
    elif place == "override":
        services.set_override(*given, identifier="ada", value=LONG, actor=SYSTEM)
    elif place == "variant":
        a_variant(a_running_experiment(environment, feature, name="Colours"), key="blue", value=LONG)
    else:
        waiting = a_feature(environment, key="waiting")
        asked: dict[str, Any] = {"required": feature, "needs_value": True, "value": LONG}
        services.set_prerequisite(waiting, environment, actor=SYSTEM, **asked)


PLACES = {
    "on_value": "the on value in production: ",
    "off_value": "the off value in production: ",
    "steps": "step 2 of production: ",
    "rule": "rule 11111111 in production: ",
    "rule's steps": "step 2 of the rule in production: ",
    "override": "the override of ada in production: ",
    "variant": "variant blue of Colours in production: ",
    "prerequisite": "what waiting waits for in production: ",
}


@pytest.mark.parametrize(("place", "words"), PLACES.items())
def test_a_schema_that_would_break_a_stored_value_is_refused(
    feature: Feature, environment: Environment, place: str, words: str
) -> None:
    put(place, feature, environment)

    assert complaint(feature, value_schema=SHORT) == f"Stored values would break: {words}$: {LONG!r} is too long"
    assert services.update_feature(feature, value_schema={"maxLength": 50}, actor=SYSTEM).value_schema


def test_everything_that_would_break_is_said_at_once(feature: Feature, environment: Environment) -> None:
    an_environment(environment.project, key="staging")
    for place in PLACES:
        put(place, feature, environment)

    by_schema, by_type = complaint(feature, value_schema=SHORT), complaint(feature, value_type="number")

    assert [words for words in PLACES.values() if words not in by_schema] == []
    assert [words for words in PLACES.values() if words not in by_type] == []
    assert by_type.count("Must be a number value") == by_schema.count(": $: ") + 1  # the short value of a rule


def test_a_long_list_is_cut(feature: Feature, environment: Environment) -> None:
    state = services.state_of(feature, environment)
    Override.objects.bulk_create(Override(state=state, identifier=f"user-{n}", value=LONG) for n in range(500))

    message = complaint(feature, value_schema=SHORT)

    assert message.count("the override of") == LISTED
    assert message.endswith(f"; and {500 - LISTED} more")


def test_other_environments_count_and_other_features_do_not(feature: Feature, environment: Environment) -> None:
    staging = an_environment(environment.project, key="staging")
    put("on_value", feature, staging)
    for place in PLACES.keys() - {"prerequisite"}:
        put(place, a_feature(environment, value_type="string"), environment)

    assert complaint(feature, value_schema=SHORT).count(": $: ") == 1


def test_a_rule_that_leads_to_an_experiment_has_no_value(feature: Feature, environment: Environment) -> None:
    experiment = a_running_experiment(environment, feature)
    a_rule(feature, environment, experiment=experiment, value=None)

    assert services.update_feature(feature, value_schema=SHORT, actor=SYSTEM).value_schema == SHORT


def test_a_type_changes_where_every_value_fits_it(environment: Environment) -> None:
    feature = a_feature(environment, value_type="json", state={"on_value": "new", "off_value": "old"})

    assert services.update_feature(feature, value_type="string", actor=SYSTEM).value_type == "string"
    assert "Must be a boolean value" in complaint(feature, value_type="boolean")
    with pytest.raises(ValidationError, match="value_type"):
        services.update_feature(feature, value_type="colour", actor=SYSTEM)


def test_the_same_schema_again_asks_nothing_of_the_values(feature: Feature, environment: Environment) -> None:
    services.update_feature(feature, value_schema=SHORT, actor=SYSTEM)
    FeatureState.objects.filter(feature=feature).update(on_value=LONG)  # which no service would store

    assert services.update_feature(feature, value_schema=SHORT, name="Renamed", actor=SYSTEM).name == "Renamed"


@pytest.mark.parametrize("count", [1, 10])
def test_values_are_read_in_few_queries(
    count: int, feature: Feature, environment: Environment, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(count):
        a_rule(feature, environment, value="on")
        a_variant(a_running_experiment(environment, feature), value="on")
        services.set_override(feature, environment, identifier=str(number), value="on", actor=SYSTEM)

    with django_assert_num_queries(6):
        assert len(list(stored_values(feature))) == 2 + 3 * count
