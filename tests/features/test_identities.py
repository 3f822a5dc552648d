"""Traits are merged, and several callers at once lose nothing of each other."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from features.models import Identity
from features.services.identities import increment_trait, merge_traits, traits_of
from tenants.models import Environment
from tests.builders import an_environment

pytestmark = pytest.mark.django_db


@pytest.fixture
def environment() -> Environment:
    return an_environment()


def test_traits_are_added_and_forgotten(environment: Environment) -> None:
    assert traits_of(environment.pk, "ann") is None
    assert merge_traits(environment.pk, "ann", {"age": 30, "plan": "pro", "gone": None}) == {"age": 30, "plan": "pro"}
    assert merge_traits(environment.pk, "ann", {"age": 31, "plan": None, "beta": True}) == {"age": 31, "beta": True}
    assert traits_of(environment.pk, "ann") == {"age": 31, "beta": True}


def test_types_are_kept_apart(environment: Environment) -> None:
    merge_traits(environment.pk, "ann", {"n": 1})

    assert merge_traits(environment.pk, "ann", {"n": True})["n"] is True
    assert merge_traits(environment.pk, "ann", {"n": 1.5, "text": "ünï \\ \" '"}) == {"n": 1.5, "text": "ünï \\ \" '"}


def test_what_changes_nothing_costs_one_query_and_a_change_two(
    environment: Environment, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2):
        merge_traits(environment.pk, "ann", {"age": 30})
    with django_assert_num_queries(1):
        merge_traits(environment.pk, "ann", {"age": 30})


def test_whole_numbers_grow(environment: Environment) -> None:
    merge_traits(environment.pk, "ann", {"visits": 2, "name": "Ann", "is_new": True})

    assert increment_trait(environment.pk, "ann", "visits", 3) == 5
    assert increment_trait(environment.pk, "new", "visits", -1) == -1
    for name in ("name", "is_new"):
        with pytest.raises(ValueError, match="whole number"):
            increment_trait(environment.pk, "ann", name, 1)


@pytest.mark.django_db(transaction=True)
def test_many_callers_at_once_lose_nothing(environment: Environment) -> None:
    def visit(number: int) -> None:
        try:
            merge_traits(environment.pk, "ann", {f"page-{number}": True})
            increment_trait(environment.pk, "ann", "visits", 1)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(visit, range(40)))

    traits = Identity.objects.get().traits
    assert traits.pop("visits") == 40
    assert len(traits) == 40
