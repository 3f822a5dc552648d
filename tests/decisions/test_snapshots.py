"""Snapshots: compiled in a fixed number of queries, loaded once, forgotten in order."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError

import pytest
from django.db import connection, connections
from pytest_django import DjangoAssertNumQueries

from decisions import snapshots
from decisions.engine.evaluate import decide
from decisions.engine.types import Subject
from decisions.snapshots import EnvironmentSnapshot, Shelf, read
from tests.builders import a_feature, a_key, a_running_experiment, an_environment

QUERIES = 13


@pytest.mark.django_db
@pytest.mark.parametrize("features", [1, 30])
def test_an_environment_is_read_in_a_fixed_number_of_queries(
    django_assert_num_queries: DjangoAssertNumQueries, features: int
) -> None:
    environment = an_environment()
    for _ in range(features):
        a_running_experiment(environment, a_feature(environment))
    a_key(environment)

    with django_assert_num_queries(QUERIES):
        snapshot = read(environment.pk)

    assert snapshot is not None
    assert len(snapshot.features) == features


@pytest.mark.django_db
def test_an_environment_that_is_not_there_is_none() -> None:
    assert read(1) is None
    assert Shelf().load(1) is None


@pytest.mark.django_db
def test_a_snapshot_cannot_be_changed() -> None:
    snapshot = read(an_environment().pk)
    assert snapshot is not None

    with pytest.raises(FrozenInstanceError):
        snapshot.revision = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        snapshot.features["x"] = lambda subject: decide({}, "x", subject)  # type: ignore[index]


@pytest.mark.django_db
def test_archived_features_are_left_out() -> None:
    environment = an_environment()
    feature = a_feature(environment, key="old")
    feature.archived_at = feature.created_at
    feature.save()

    snapshot = read(environment.pk)

    assert snapshot is not None
    assert decide(snapshot.features, "old", Subject("u")).fault is not None


@pytest.mark.django_db
def test_what_is_held_is_not_read_again(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    environment, shelf = an_environment(), Shelf()
    first = shelf.load(environment.pk)

    with django_assert_num_queries(0):
        assert shelf.load(environment.pk) is first
        assert shelf.load(environment.pk, revision=environment.revision) is first
        assert shelf.get(environment.pk) is first


@pytest.mark.django_db
def test_another_revision_is_read_again(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    environment, shelf = an_environment(), Shelf()
    first = shelf.load(environment.pk)
    a_feature(environment, key="new")
    environment.refresh_from_db()

    second = shelf.load(environment.pk, revision=environment.revision)

    assert first is not None
    assert second is not None
    assert (set(first.features), set(second.features)) == (set(), {"new"})


@pytest.mark.django_db
def test_the_least_recently_used_are_forgotten_by_their_weight() -> None:
    environments, shelf = [an_environment() for _ in range(3)], Shelf(capacity=3)
    a_feature(environments[0])
    first, second, third = (environment.pk for environment in environments)
    shelf.load(first)
    shelf.load(second)
    shelf.get(first)

    shelf.load(third)

    assert [held.environment_id for held in shelf.held()] == [first, third]


@pytest.mark.django_db
def test_an_environment_that_weighs_more_than_the_shelf_holds_is_served_all_the_same() -> None:
    environment, shelf = an_environment(), Shelf(capacity=1)
    a_feature(environment)

    assert shelf.load(environment.pk) is shelf.get(environment.pk)


@pytest.mark.django_db
def test_an_environment_that_went_away_is_forgotten() -> None:
    environment, shelf = an_environment(), Shelf()
    shelf.load(environment.pk)
    pk = environment.pk
    environment.delete()

    assert shelf.load(pk, revision="gone") is None
    assert shelf.held() == []


@pytest.mark.django_db(transaction=True)
def test_of_many_threads_one_reads_and_the_others_get_the_same() -> None:
    environment, shelf, start = an_environment(), Shelf(), threading.Barrier(16)

    def load(_: int) -> EnvironmentSnapshot | None:
        start.wait()
        try:
            return shelf.load(environment.pk)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(16) as pool:
        loaded = list(pool.map(load, range(16)))

    assert len({id(snapshot) for snapshot in loaded}) == 1
    assert loaded[0] is not None


@pytest.mark.django_db
def test_an_environment_that_never_rests_is_given_up() -> None:
    environment = an_environment()

    def edit(execute: object, sql: str, params: object, many: bool, context: object) -> object:
        if "audits" not in sql and "credential" in sql:
            with connection.cursor() as cursor:
                cursor.cursor.execute(
                    f"UPDATE tenants_environment SET revision = revision || 'x' WHERE id = {environment.pk}"
                )
        return execute(sql, params, many, context)  # type: ignore[operator]

    with connection.execute_wrapper(edit), pytest.raises(snapshots.Moved):
        read(environment.pk)
