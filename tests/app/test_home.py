"""The front page: what it shows of one environment, to whom, and in how many queries."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audits.services import SYSTEM
from experiments.models import Experiment, Exposure
from features.models import Usage
from features.services import set_state
from tenants.models import Credential, Environment
from tenants.roles import Kind, Role
from tenants.services import issue_credential
from tests.builders import a_feature, a_member, a_project, a_running_experiment, a_user, an_environment

pytestmark = pytest.mark.django_db
HOME = "/admin/"
QUERIES = 20


@pytest.fixture
def environment() -> Environment:
    return an_environment()


@pytest.fixture
def home(client: Client, environment: Environment) -> Callable[..., Any]:
    """The page, as an administrator of the environment's organisation sees it."""
    client.force_login(a_member(environment, Role.ADMIN))
    return lambda **asked: client.get(HOME, asked)


def expose(experiment: Experiment, **counts: int) -> None:
    Exposure.objects.bulk_create(
        Exposure(
            environment_id=experiment.environment_id,
            experiment_number=experiment.number,
            variant_key=variant,
            subject=f"{variant}-{number}",
            first_at=timezone.now() - timedelta(days=1),
            source="ofrep",
        )
        for variant, count in counts.items()
        for number in range(count)
    )


def test_the_cards_count_what_is_in_the_environment(home: Any, environment: Environment) -> None:
    a_feature(environment, state={"status": "on"})
    a_feature(environment)
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    for here, count in ((environment.pk, 1_200), (environment.pk + 1, 9)):
        Usage.objects.create(environment_id=here, feature_key="a", outcome="on", hour=hour, count=count)
    expose(a_running_experiment(environment), control=3)

    cards = {title: (number, detail) for title, number, detail, _ in home().context["cards"]}

    assert cards["Live features"] == ("3", f"2 on in {environment.name}")
    assert cards["Running experiments"][0] == "1"
    assert cards["Evaluations"][0] == "1,200"
    assert cards["Exposures"][0] == "3"


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        ({}, "No exposures yet"),
        ({"control": 510, "treatment": 490}, "Split as planned"),
        ({"control": 600, "treatment": 400}, "Sample ratio mismatch"),
    ],
)
def test_an_experiment_is_held_to_its_weights(
    home: Any, environment: Environment, counts: dict[str, int], verdict: str
) -> None:
    expose(a_running_experiment(environment), **counts)

    (health,) = home().context["experiments"]

    assert verdict in health.verdict


def test_the_choice_is_remembered_and_another_projects_environment_is_not_taken_over(
    home: Any, environment: Environment
) -> None:
    first = an_environment(environment.project)
    elsewhere = an_environment(a_project(environment.project.organisation))

    chosen = home(project=environment.project_id, environment=environment.pk).context["environment_here"]
    remembered = home().context["environment_here"]
    other = home(project=elsewhere.project_id, environment=first.pk).context["environment_here"]

    assert chosen == remembered == environment
    assert other == elsewhere


def test_nothing_of_another_tenant_is_shown(home: Any, environment: Environment) -> None:
    foreign = an_environment(name="Foreign environment")
    feature = a_feature(foreign, name="Foreign feature")
    a_running_experiment(foreign, feature, name="Foreign experiment")

    page = home(project=foreign.project_id, environment=foreign.pk)

    assert page.context["environment_here"] == environment
    assert "Foreign" not in page.content.decode()


def test_somebody_without_a_role_is_told_what_to_do(client: Client, environment: Environment) -> None:
    client.force_login(a_user())

    assert "You are a member of no project" in client.get(HOME).content.decode()


def test_a_viewer_is_offered_nothing_to_make(client: Client, environment: Environment) -> None:
    client.force_login(a_member(environment, Role.VIEWER))

    page = client.get(HOME).content.decode()

    assert "New feature" not in page
    assert "From here to your first flag" not in page


def test_the_first_steps_go_when_there_is_a_feature(home: Any, environment: Environment) -> None:
    assert "From here to your first flag" in home().content.decode()

    a_feature(environment)

    assert "From here to your first flag" not in home().content.decode()


def test_keys_that_expire_or_that_nobody_uses_are_named(home: Any, environment: Environment) -> None:
    now = timezone.now()
    made = {name: issue_credential(environment, kind=Kind.SERVER, name=name, actor=SYSTEM)[0] for name in "abcd"}
    of = Credential.objects.filter
    of(pk=made["a"].pk).update(expires_at=now + timedelta(days=3, hours=1), last_used_at=now)
    of(pk=made["b"].pk).update(created_at=now - timedelta(days=40))
    of(pk=made["c"].pk).update(created_at=now - timedelta(days=90), last_used_at=now - timedelta(days=31))
    of(pk=made["d"].pk).update(created_at=now - timedelta(days=90), last_used_at=now - timedelta(days=1))

    named = {key.name: complaint for key, complaint in home().context["keys"]}

    assert named == {"a": "expires in 3 days", "b": "never used", "c": "not used for 30 days"}


def test_the_latest_changes_say_who_did_what(home: Any, environment: Environment) -> None:
    feature = a_feature(environment, key="checkout")
    set_state(feature, environment, status="on", actor=SYSTEM)

    change, words, _, where = home().context["changes"][0]

    assert (change.actor_name, words, change.object_name, where) == (
        "Switchyard",
        "switched feature",
        "checkout",
        environment.name,
    )


def test_much_of_everything_takes_no_more_queries(home: Any, environment: Environment) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            home()
        return len(asked)

    a_running_experiment(environment)
    few = queries()
    for _ in range(8):
        a_running_experiment(environment, a_feature(environment))
        issue_credential(environment, kind=Kind.SERVER, name=a_feature(environment).key, actor=SYSTEM)

    assert queries() == few <= QUERIES
