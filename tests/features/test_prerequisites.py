"""Prerequisites: no circles, not too deep, and only what the other feature could answer."""

from itertools import pairwise
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from audits.services import SYSTEM
from features import services
from features.models import Feature, Prerequisite
from tenants.models import Environment
from tests.builders import a_feature, an_environment

pytestmark = pytest.mark.django_db


def need(feature: Feature, environment: Environment, required: Feature, **changes: Any) -> Prerequisite:
    return services.set_prerequisite(feature, environment, required=required, actor=SYSTEM, **changes)


def test_features_never_wait_for_each_other() -> None:
    environment = an_environment()
    first, second, third = (a_feature(environment) for _ in range(3))
    need(first, environment, second)
    need(second, environment, third)

    for waiting, required in [(third, first), (second, first), (first, first)]:
        with pytest.raises(ValidationError, match="circle"):
            need(waiting, environment, required)

    assert Prerequisite.objects.count() == 2


def test_a_circle_over_two_environments_is_none() -> None:
    environment = an_environment()
    sibling = an_environment(environment.project)
    first, second = a_feature(environment), a_feature(environment)
    need(first, environment, second)

    assert need(second, sibling, first).pk


def test_ten_may_wait_one_for_the_other_but_no_more() -> None:
    environment = an_environment()
    chain = [a_feature(environment) for _ in range(12)]
    for waiting, required in pairwise(chain[:11]):
        need(waiting, environment, required)

    with pytest.raises(ValidationError, match="nor deeper than 10"):
        need(chain[10], environment, chain[11])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"enabled": None}, "enabled"),
        ({"enabled": "perhaps"}, "enabled"),
        ({"needs_value": True, "value": "text"}, "value"),
        ({"needs_value": True, "value": 1}, "value"),
        ({"needs_value": True}, "value"),
    ],
)
def test_a_prerequisite_that_could_never_be_met_is_refused(changes: dict[str, Any], field: str) -> None:
    environment = an_environment()

    with pytest.raises(ValidationError) as raised:
        need(a_feature(environment), environment, a_feature(environment), **changes)

    assert raised.value.message_dict.keys() == {field}
    assert not Prerequisite.objects.exists()


def test_a_feature_of_another_project_or_from_the_archive_is_refused() -> None:
    environment = an_environment()
    archived = services.archive(a_feature(environment), actor=SYSTEM)

    for required in (archived, a_feature(an_environment())):
        with pytest.raises(ValidationError) as raised:
            need(a_feature(environment), environment, required, needs_value=True, value="text")
        assert raised.value.message_dict.keys() == {"feature", "value"}


def test_a_feature_that_others_wait_for_is_not_archived() -> None:
    environment = an_environment()
    waiting, required = a_feature(environment, key="waiting"), a_feature(environment)
    prerequisite = need(waiting, environment, required)

    with pytest.raises(ValidationError, match="a prerequisite of waiting"):
        services.archive(required, actor=SYSTEM)

    services.remove_prerequisite(prerequisite, actor=SYSTEM)
    assert services.archive(required, actor=SYSTEM).archived_at
