"""`manage.py evaluate` decides as an application would, and says why."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from audits.models import Decision
from audits.services import SYSTEM
from features import services as features
from tenants.models import Environment
from tests.builders import a_feature, an_environment

pytestmark = pytest.mark.django_db


def path_of(environment: Environment) -> str:
    project = environment.project
    return f"{project.organisation.key}/{project.key}/{environment.key}"


def evaluate(environment: Environment, feature: str, *options: str) -> Any:
    printed = StringIO()
    call_command("evaluate", path_of(environment), feature, *options, stdout=printed)
    return json.loads(printed.getvalue())


def test_a_rule_is_decided_and_explained_and_nothing_is_recorded() -> None:
    environment = an_environment()
    feature = a_feature(environment, state={"status": "on"})
    adults = {"attribute": "age", "operator": "gte", "value": 18}
    rule = features.create_rule(feature, environment, conditions=adults, value=True, actor=SYSTEM)

    told = evaluate(environment, feature.key, "--user", "ann", "--attribute", "age=20", "--explain")

    assert (told["reason"], told["rule"], told["value"]) == ("rule", rule.key, True)
    assert told["steps"][0]["condition"] == {**adults, "actual": 20, "matched": True}
    assert Decision.objects.count() == 0


def test_the_moment_decides_a_schedule() -> None:
    environment = an_environment()
    steps = [{"at": "2030-01-01T00:00:00Z", "status": "on"}]
    feature = a_feature(environment, state={"status": "off", "steps": steps})

    assert evaluate(environment, feature.key, "--at", "2029-12-31T23:59:59Z")["enabled"] is False
    assert evaluate(environment, feature.key, "--at", "2030-01-01T00:00:00Z")["enabled"] is True


def test_an_unknown_feature_is_a_fault() -> None:
    assert evaluate(an_environment(), "nope")["fault"] == "flag_not_found"


@pytest.mark.parametrize("options", [("--at", "tomorrow"), ("--attribute", "age")])
def test_what_cannot_be_read_is_refused(options: tuple[str, str]) -> None:
    with pytest.raises(CommandError, match=options[1]):
        evaluate(an_environment(), "nope", *options)


def test_an_unknown_environment_is_refused() -> None:
    with pytest.raises(CommandError, match="a/b/c"):
        call_command("evaluate", "a/b/c", "feature")
