"""Prepared answers hold from one moment to the next, and HTTP is told no time that could mislead it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from audits.services import SYSTEM
from decisions.protocols.flagsmith.document import document
from decisions.protocols.flagsmith.moments import Latest, phase_at
from decisions.snapshots import EnvironmentSnapshot, read
from features.services import set_override
from tenants.models import Environment
from tests.builders import a_feature
from tests.protocols.flagsmith.asks import switch

SOON = datetime.now(UTC).replace(microsecond=500_000) + timedelta(days=1)
THEN = SOON.timestamp()


@pytest.fixture
def snapshot(environment: Environment) -> EnvironmentSnapshot:
    """A value that changes tomorrow, an override that ends the day after, and a ramp that ends in ten days."""
    feature = a_feature(environment, key="limit", value_type="number", state={"status": "on", "on_value": 1})
    switch(feature, environment, steps=[{"at": SOON.isoformat(), "value": 2}])
    set_override(feature, environment, identifier="ann", value=9, expires_at=SOON + timedelta(days=1), actor=SYSTEM)
    other = a_feature(environment, key="other", state={"status": "on"})
    ramp = {"start": SOON.isoformat(), "from": 100, "end": (SOON + timedelta(days=9)).isoformat(), "to": 0}
    switch(other, environment, ramp=ramp)
    found = read(environment.pk)
    assert found
    return found


def told_at(snapshot: EnvironmentSnapshot, now: float) -> dict[str, Any]:
    return document(snapshot, phase_at(snapshot, now), now)


def test_a_phase_lasts_from_moment_to_moment(snapshot: EnvironmentSnapshot) -> None:
    day = 24 * 3_600
    moments = [THEN - 1, THEN, THEN + day - 1, THEN + day, THEN + 9 * day]

    assert [phase_at(snapshot, moment).number for moment in moments] == [0, 1, 1, 2, 3]


def test_before_the_first_moment_the_edit_is_the_last_change(snapshot: EnvironmentSnapshot) -> None:
    phase = phase_at(snapshot, THEN - 1)

    assert phase.updated_at == phase.modified == snapshot.changed_at


def test_a_moment_is_told_exactly_and_to_http_once_its_second_is_over(snapshot: EnvironmentSnapshot) -> None:
    assert phase_at(snapshot, THEN).updated_at == SOON
    assert phase_at(snapshot, THEN + 1.9).modified is None

    modified = phase_at(snapshot, THEN + 2).modified
    assert modified == SOON.replace(microsecond=0) + timedelta(seconds=1)


def test_the_document_is_as_it_is_at_its_moment(snapshot: EnvironmentSnapshot) -> None:
    values = [told_at(snapshot, at)["feature_states"][0]["feature_state_value"] for at in (THEN - 1, THEN)]
    overrides = [len(told_at(snapshot, at)["identity_overrides"]) for at in (THEN, THEN + 24 * 3_600)]
    enabled = [told_at(snapshot, THEN + days)["feature_states"][1]["enabled"] for days in (-1, 10 * 24 * 3_600)]

    assert (values, overrides, enabled) == ([1, 2], [1, 0], [True, False])


def test_one_prepared_answer_is_kept(snapshot: EnvironmentSnapshot) -> None:
    latest, made = Latest[int](), iter(range(10))

    found = [latest.get(phase_at(snapshot, at), lambda: next(made)) for at in (0, 1, THEN, THEN + 1, 0)]

    assert found == [0, 0, 1, 1, 2]
