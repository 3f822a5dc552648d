"""Edits of a project wait for their turn, and so never for each other in a circle, whatever they lock."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Barrier
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, connections, transaction

from audits.models import Change
from audits.services import SYSTEM, broken_link
from experiments import services as experiments
from features import services
from features.models import Feature, Prerequisite, Segment
from tenants import services as tenants
from tests.builders import (
    a_condition,
    a_feature,
    a_segment,
    a_variant,
    an_environment,
    an_experiment,
    in_segment,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time"),
]
ROUNDS = 6


def at_once(*edits: Callable[[], object], rounds: int = 1) -> list[Exception]:
    """Each edit in a thread of its own, all at the same time; what they raised."""
    start = Barrier(len(edits))

    def run(edit: Callable[[], object]) -> list[Exception]:
        raised: list[Exception] = []
        try:
            for _ in range(rounds):
                start.wait()
                try:
                    edit()
                except Exception as error:  # noqa: BLE001  what it was is what the test is about
                    raised.append(error)
        finally:
            connections.close_all()
        return raised

    with ThreadPoolExecutor(len(edits)) as pool:
        return [error for raised in pool.map(run, edits) for error in raised]


def test_environments_are_renamed_while_everything_in_them_is_edited() -> None:
    environment = an_environment()
    project, sibling = environment.project, an_environment(environment.project)
    feature, required, segment = a_feature(environment), a_feature(environment), a_segment(project)
    variant = a_variant(an_experiment(environment, feature))
    numbers = count()

    def rename() -> None:
        for place in (sibling, environment):
            tenants.update_environment(place, key=f"e-{next(numbers)}", name=f"Name {next(numbers)}", actor=SYSTEM)

    def switch() -> None:
        for place in (environment, sibling):
            services.set_state(feature, place, on_value=bool(next(numbers) % 2), actor=SYSTEM)
            services.set_override(feature, place, identifier=f"user-{next(numbers)}", value=True, actor=SYSTEM)

    @transaction.atomic
    def save_a_page() -> None:
        """Several edits in one transaction, as a page of the admin does it."""
        services.set_state(required, sibling, rollout_percent=next(numbers) % 100, actor=SYSTEM)
        services.update_feature(feature, name=f"Name {next(numbers)}", actor=SYSTEM)
        services.set_prerequisite(
            feature, environment, required=required, enabled=bool(next(numbers) % 2), actor=SYSTEM
        )
        experiments.update_variant(variant, weight=next(numbers), actor=SYSTEM)

    def create() -> None:
        services.create_feature(project, key=f"f-{next(numbers)}", name="New", actor=SYSTEM)
        services.update_segment(segment, conditions=a_condition(value=str(next(numbers))), actor=SYSTEM)
        tenants.update_organisation(project.organisation, key=f"o-{next(numbers)}", actor=SYSTEM)

    assert at_once(rename, switch, save_a_page, create, rounds=ROUNDS) == []

    assert Change.objects.filter(action="environment.updated").count() == 2 * ROUNDS
    assert Feature.objects.count() == ROUNDS + 2
    assert broken_link(project.pk) is None


def test_two_that_each_close_half_of_a_circle_do_not_both_succeed() -> None:
    environment = an_environment()
    first, second = a_feature(environment), a_feature(environment)
    inner, outer = a_segment(environment.project), a_segment(environment.project)

    def need(waiting: Feature, required: Feature) -> object:
        return services.set_prerequisite(waiting, environment, required=required, actor=SYSTEM)

    def mean(segment: Segment, other: Segment) -> object:
        return services.update_segment(segment, conditions=in_segment(other.key), actor=SYSTEM)

    features = at_once(lambda: need(first, second), lambda: need(second, first))
    segments = at_once(lambda: mean(inner, outer), lambda: mean(outer, inner))

    assert [type(error) for error in features + segments] == [ValidationError] * 2
    assert Prerequisite.objects.count() == 1


def test_what_an_edit_checked_is_still_so_when_it_is_stored() -> None:
    environment = an_environment()
    feature, segment = a_feature(environment, value_type="json"), a_segment(environment.project)
    required = a_feature(environment)
    default: dict[str, Any] = {"type": ["boolean", "object"], "default": True}

    values = at_once(
        lambda: services.update_feature(feature, value_schema=default, actor=SYSTEM),
        lambda: services.set_override(feature, environment, identifier="ada", value="text", actor=SYSTEM),
    )
    users = at_once(
        lambda: services.delete_segment(segment, actor=SYSTEM),
        lambda: services.create_rule(
            feature, environment, conditions=in_segment(segment.key), value=True, actor=SYSTEM
        ),
    )
    needed = at_once(
        lambda: services.archive(required, actor=SYSTEM),
        lambda: services.set_prerequisite(feature, environment, required=required, actor=SYSTEM),
    )

    assert [[type(error) for error in raised] for raised in (values, users, needed)] == [[ValidationError]] * 3
