"""Schedules: what is refused when it is saved, and what the engine takes of what is stored."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from decisions.engine.types import Ramp, Status, Step
from features.models import FeatureState
from features.schedules import STEPS_MAX, ramp_complaint, ramp_of, steps_complaint, steps_of
from tests.builders import a_feature, an_environment

START, END = "2026-12-01T09:00:00Z", "2026-12-02T09:00:00Z"
NO_MOMENTS: list[Any] = [1, None, "", "tomorrow", "2026-13-01", []]
NO_STATUSES: list[Any] = ["sideways", None, 1, []]
BAD_STEPS: list[Any] = [
    *[None, 1, "x", {}, [1], [{}], [{"at": START}], [{"status": "on"}], [{"at": START, "colour": "red"}]],
    *[[{"at": at, "status": "on"}] for at in NO_MOMENTS],
    *[[{"at": START, "status": status}] for status in NO_STATUSES],
    *[[{"at": START, "percent": percent}] for percent in (-1, 100.001, "5", None, True, float("nan"), 10**400)],
    [{"at": START, "value": "text"}],
    [{"at": START, "status": "on"}] * (STEPS_MAX + 1),
]
BAD_RAMPS: list[Any] = [
    *[1, "x", [], {}, {"start": START, "from": 0, "end": END}],
    {"start": START, "from": 0, "end": END, "to": 1, "colour": "red"},
    {"start": END, "from": 0, "end": START, "to": 1},
    {"start": START, "from": 0, "end": START, "to": 1},
    {"start": 1, "from": 0, "end": END, "to": 1},
    *[{"start": START, "from": 0, "end": END, "to": to} for to in (-1, 101, "5", None, True, float("inf"))],
]


def is_boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else "no boolean"


@pytest.mark.parametrize("steps", BAD_STEPS, ids=lambda part: ascii(part)[:40])
def test_steps_that_make_no_sense_are_refused(steps: Any) -> None:
    assert steps_complaint(steps, is_boolean)


@pytest.mark.parametrize("ramp", BAD_RAMPS, ids=lambda part: ascii(part)[:40])
def test_a_ramp_that_makes_no_sense_is_refused_and_never_taken(ramp: Any) -> None:
    assert ramp_complaint(ramp)
    assert ramp_of(ramp) is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "value"),
    [("steps", steps) for steps in BAD_STEPS] + [("ramp", ramp) for ramp in BAD_RAMPS],
    ids=lambda part: ascii(part)[:40],
)
def test_nothing_of_that_is_stored(field: str, value: Any) -> None:
    environment = an_environment()
    feature = a_feature(environment)
    with pytest.raises(ValidationError) as raised:
        a_feature(environment, state={"on_value": False, field: value})

    assert raised.value.message_dict.keys() == {field}
    assert FeatureState.objects.get(feature=feature).on_value is True


def test_every_step_that_is_wrong_is_named() -> None:
    steps = [{"at": START, "status": "on"}, {"at": "x", "status": "on"}, {"at": START, "percent": 101}]

    complaint = steps_complaint(steps, is_boolean) or ""

    assert [f"Step {number}:" in complaint for number in (1, 2, 3)] == [False, True, True]


def test_steps_keep_their_meaning_and_a_broken_one_is_left_out() -> None:
    steps = [
        {"at": START, "status": "on", "percent": 12.5},
        {"at": "x", "value": 1},
        {"at": "2026-12-01", "value": None},
    ]

    assert steps_of(steps) == (
        Step(1_796_115_600.0, Status.ON, 12_500),
        Step(1_796_083_200.0, value=None, sets_value=True),
    )


def test_a_ramp_keeps_its_meaning_in_any_time_zone() -> None:
    ramp = {"start": "2026-12-01T10:00:00+01:00", "from": 0.001, "end": END, "to": 100}

    assert ramp_of(ramp) == Ramp(1_796_115_600.0, 1, 1_796_202_000.0, 100_000)
    assert ramp_of(None) is None
