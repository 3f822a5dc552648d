"""How the subjects of an experiment were split, and what the admin shows of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from experiments.models import Experiment, Exposure
from experiments.splits import Arm, days_of, split_of
from tenants.models import Environment
from tenants.roles import Role
from tests.builders import a_member, a_running_experiment, an_environment

pytestmark = pytest.mark.django_db
TODAY = datetime(2026, 5, 20, tzinfo=UTC)


def exposed(experiment: Experiment, counts: dict[str, int], at: datetime = TODAY, start: int = 0) -> None:
    """So many subjects met each variant."""
    place = {"environment_id": experiment.environment_id, "experiment_number": experiment.number}
    Exposure.objects.bulk_create(
        Exposure(**place, variant_key=key, subject=f"{key}-{start + number}", first_at=at, source="test")
        for key, count in counts.items()
        for number in range(count)
    )


def split(experiment: Experiment) -> Any:
    return split_of(experiment, list(experiment.variants.order_by("number")))


def test_each_variant_has_its_share_beside_what_was_planned() -> None:
    experiment, other = a_running_experiment(an_environment()), a_running_experiment(an_environment())
    exposed(experiment, {"control": 30, "treatment": 10, "gone": 3})
    exposed(other, {"control": 100})

    found = split(experiment)

    assert found.arms == (
        Arm("control", 30, 0.75, 0.5, 20.0, is_control=True),
        Arm("treatment", 10, 0.25, 0.5, 20.0),
        Arm("gone", 3, 0.0, 0.0, 0.0, is_removed=True),
    )
    assert found.total == 40
    assert found.probability == pytest.approx(0.0015654, rel=1e-4)
    assert not found.is_mismatched


@pytest.mark.parametrize(("counts", "is_mismatched"), [((60, 40), False), ((67, 33), True), ((0, 0), False)])
def test_a_split_that_is_no_accident_is_told(counts: tuple[int, int], is_mismatched: bool) -> None:
    experiment = a_running_experiment(an_environment())
    exposed(experiment, dict(zip(("control", "treatment"), counts, strict=True)))

    assert split(experiment).is_mismatched is is_mismatched


def test_days_begin_with_the_first_exposure_and_old_ones_are_left_out() -> None:
    experiment = a_running_experiment(an_environment())
    exposed(experiment, {"control": 1}, TODAY - timedelta(days=40))
    exposed(experiment, {"control": 2, "treatment": 1}, TODAY - timedelta(days=2), start=10)
    exposed(experiment, {"treatment": 3}, TODAY + timedelta(hours=5), start=20)

    days, counts = days_of(experiment, TODAY.date())

    assert [day.day for day in days] == [18, 19, 20]
    assert counts == {"control": [2, 0, 0], "treatment": [1, 0, 3]}


def test_nothing_seen_is_one_empty_day() -> None:
    assert days_of(a_running_experiment(an_environment()), TODAY.date()) == ([TODAY.date()], {})


def page(client: Client, experiment: Experiment) -> str:
    answer = client.get(reverse("admin:experiments_experiment_change", args=[experiment.pk]))
    return " ".join(answer.content.decode().split())


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ((0, 0), "None yet"),
        ((55, 45), "Split as planned, p = 0.32"),
        ((80, 20), "Sample ratio mismatch, p &lt; 0.0001"),
    ],
)
def test_the_page_tells_of_the_split(client: Client, counts: tuple[int, int], words: str) -> None:
    environment = an_environment()
    experiment = a_running_experiment(environment)
    exposed(experiment, dict(zip(("control", "treatment"), counts, strict=True)), timezone.now())
    client.force_login(a_member(environment, Role.VIEWER))

    assert words in page(client, experiment)


def test_the_page_takes_few_queries_however_much_was_seen(client: Client, django_assert_max_num_queries: Any) -> None:
    environment = an_environment()
    experiment = a_running_experiment(environment)
    exposed(experiment, {"control": 300, "treatment": 300}, timezone.now())
    client.force_login(a_member(environment, Role.EDITOR))

    with django_assert_max_num_queries(QUERIES):
        page(client, experiment)


QUERIES = 20


def test_another_environment_of_the_same_number_counts_for_nothing() -> None:
    first: Environment = an_environment()
    experiment = a_running_experiment(first)
    twin = a_running_experiment(an_environment())
    exposed(twin, {"control": 5})

    assert twin.number == experiment.number
    assert split(experiment).total == 0
