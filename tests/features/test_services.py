"""What a feature may be and may serve, and that its number and key are its own."""

from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from audits.models import Change
from audits.services import SYSTEM
from features import services
from features.models import Feature, FeatureState
from tests.builders import a_feature, a_project, a_running_experiment, an_environment, an_experiment

pytestmark = pytest.mark.django_db

BAD_KEYS = ["", " ", "a/b", "a?b", "a#b", "a\nb", "a\x00", "\ud800", "x" * 129, "x" * 300, " a", "e\u0301"]
BAD_NAMES = ["", "\x00", "\ud800", "x" * 256]


def test_features_are_numbered_within_their_project() -> None:
    one, other = an_environment(), an_environment()

    numbers = [a_feature(environment).public_id for environment in (one, one, other, one)]

    assert numbers == ["feat-001", "feat-002", "feat-001", "feat-003"]


def test_a_refused_feature_uses_up_no_number() -> None:
    environment = an_environment()
    with pytest.raises(ValidationError):
        a_feature(environment, key="a/b")

    assert a_feature(environment).public_id == "feat-001"


def test_a_key_is_taken_once_in_a_project_even_when_its_feature_is_archived() -> None:
    environment = an_environment()
    services.archive(a_feature(environment, key="checkout"), actor=SYSTEM)

    with pytest.raises(ValidationError, match="already exists"):
        a_feature(environment, key="checkout")
    assert a_feature(an_environment(), key="checkout").number == 1


@pytest.mark.parametrize(
    "changes",
    [{"key": key} for key in BAD_KEYS]
    + [{"name": name} for name in BAD_NAMES]
    + [{"value_type": "colour"}, {"description": "x" * 65_537}, {"tags": "a"}, {"tags": [1]}, {"tags": ["a/b"]}],
    ids=lambda changes: ascii(changes)[:40],
)
def test_a_feature_that_cannot_be_stored_is_refused(changes: dict[str, Any]) -> None:
    environment = an_environment()
    logged = Change.objects.count()

    with pytest.raises(ValidationError):
        a_feature(environment, **changes)

    assert not Feature.objects.exists()
    assert Change.objects.count() == logged


@pytest.mark.parametrize(
    ("value_type", "on_value", "off_value"),
    [("boolean", True, False), ("string", "on", "off"), ("number", 1, 0), ("json", {}, {})],
)
def test_a_new_feature_is_off_everywhere_with_values_of_its_type(
    value_type: str, on_value: object, off_value: object
) -> None:
    project = a_project()
    environments = [an_environment(project), an_environment(project)]

    feature = a_feature(environments[0], value_type=value_type)

    states = FeatureState.objects.filter(feature=feature).order_by("environment")
    assert [state.environment for state in states] == environments
    assert {(state.status, repr(state.on_value), repr(state.off_value)) for state in states} == {
        ("off", repr(on_value), repr(off_value))
    }


def test_an_environment_that_is_younger_than_a_feature_has_it_off() -> None:
    feature = a_feature(an_environment(), value_type="string")

    state = services.state_of(feature, an_environment(feature.project))

    assert (state.status, state.on_value, state.off_value) == ("off", "on", "off")


GOOD_VALUES: list[tuple[str, Any]] = [
    *[("boolean", True), ("boolean", False), ("string", ""), ("string", "☃"), ("number", 0), ("number", -1.5)],
    *[("number", 2**63 - 1), ("number", 1e-7), ("json", None), ("json", [1, {"a": [True, None]}]), ("json", "text")],
]
BAD_VALUES: list[tuple[str, Any]] = [
    *[("boolean", 1), ("boolean", "true"), ("boolean", None), ("string", 1), ("string", None), ("string", "\x00")],
    *[("string", "\ud800"), ("number", True), ("number", "1"), ("number", float("nan")), ("number", float("inf"))],
    *[("number", 2**63), ("number", 1e22), ("json", {"a": float("nan")}), ("json", ["\x00"]), ("json", [0] * 10_000)],
    ("json", [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]),
]


@pytest.mark.parametrize(("value_type", "value"), GOOD_VALUES, ids=lambda part: ascii(part)[:20])
def test_a_value_of_the_type_is_served_as_it_was_set(value_type: str, value: Any) -> None:
    environment = an_environment()
    feature = a_feature(environment, value_type=value_type)

    services.set_state(feature, environment, actor=SYSTEM, on_value=value, off_value=value)

    state = services.state_of(feature, environment)
    assert [repr(state.on_value), repr(state.off_value)] == [repr(value)] * 2
    assert services.switch(feature, environment, status="on", actor=SYSTEM).status == "on"


@pytest.mark.parametrize(("value_type", "value"), BAD_VALUES, ids=lambda part: ascii(part)[:20])
def test_a_value_of_another_type_is_refused(value_type: str, value: Any) -> None:
    environment = an_environment()
    feature = a_feature(environment, value_type=value_type)

    for name in ("on_value", "off_value"):
        with pytest.raises(ValidationError, match=name):
            services.set_state(feature, environment, actor=SYSTEM, **{name: value})


@pytest.mark.parametrize("percent", [-1, Decimal("-0.001"), Decimal("100.001"), 101, 10**9, "x", Decimal("NaN"), None])
def test_a_percentage_outside_the_whole_is_refused(percent: Any) -> None:
    environment = an_environment()

    with pytest.raises(ValidationError, match="rollout_percent"):
        services.set_rollout(a_feature(environment), environment, percent=percent, actor=SYSTEM)


def test_the_status_experiment_needs_an_experiment_of_this_feature_in_this_environment() -> None:
    environment = an_environment()
    feature = a_feature(environment)
    sibling = an_environment(environment.project)
    others = [None, an_experiment(environment), an_experiment(sibling, feature), an_experiment(an_environment())]

    for experiment in others:
        changes = {"status": "experiment", "active_experiment": experiment}
        with pytest.raises(ValidationError, match="active_experiment"):
            services.set_state(feature, environment, actor=SYSTEM, **changes)


@pytest.mark.parametrize("status", ["off", "on"])
def test_another_status_clears_the_active_experiment(status: str) -> None:
    environment = an_environment()
    feature = a_running_experiment(environment).feature

    state = services.switch(feature, environment, status=status, actor=SYSTEM)

    assert state.active_experiment is None
    change = Change.objects.latest("pk")
    assert change.after == {"status": status, "active_experiment_id": None}


def test_a_switch_in_one_environment_leaves_the_others_as_they_are() -> None:
    environment = an_environment()
    sibling = an_environment(environment.project)
    feature = a_feature(environment)

    services.switch(feature, environment, status="on", actor=SYSTEM)

    assert services.state_of(feature, sibling).status == "off"


def test_features_are_found_by_status_also_where_nobody_set_one() -> None:
    environment = an_environment()
    on, off = a_feature(environment, state={"status": "on"}), a_feature(environment)
    younger = an_environment(environment.project)

    def found(status: str, place: Any) -> set[int]:
        return {row["pk"] if "pk" in row else row["feature"] for row in services.features_with(status, place)}

    assert (found("on", environment), found("off", environment)) == ({on.pk}, {off.pk})
    assert (found("on", younger), found("off", younger)) == (set(), {on.pk, off.pk})


def test_archiving_hides_a_feature_and_restoring_brings_it_back() -> None:
    feature = a_feature(an_environment())

    services.archive(feature, actor=SYSTEM)
    assert not Feature.objects.live().exists()

    services.restore(feature, actor=SYSTEM)
    assert Feature.objects.live().get() == feature
