"""Overrides: one for each subject, of a value that the feature may serve."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from audits.models import Change
from audits.services import SYSTEM
from features import services
from features.models import Override
from tests.builders import a_feature, an_environment

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("identifier", identifier) for identifier in ("", " ", "\x00", "\ud800", "x" * 513, None)],
        *[("value", value) for value in ("text", 1, None)],
        *[("note", note) for note in ("x" * 256, "\x00")],
        ("expires_at", "tomorrow"),
    ],
    ids=lambda part: ascii(part)[:20],
)
def test_an_override_that_makes_no_sense_is_refused(field: str, value: Any) -> None:
    environment = an_environment()
    given: dict[str, Any] = {"identifier": "ada", "value": True, "actor": SYSTEM, field: value}

    with pytest.raises(ValidationError) as raised:
        services.set_override(a_feature(environment), environment, **given)

    assert raised.value.message_dict.keys() == {field}
    assert not Override.objects.exists()


def test_everything_that_is_wrong_is_said_at_once() -> None:
    environment = an_environment()
    given: dict[str, Any] = {"identifier": "", "value": "text", "expires_at": "never", "note": "\x00"}

    with pytest.raises(ValidationError) as raised:
        services.set_override(a_feature(environment), environment, **given, actor=SYSTEM)

    assert raised.value.message_dict.keys() == given.keys()


def test_a_subject_has_one_override_which_changes() -> None:
    environment = an_environment()
    feature = a_feature(environment)
    expires_at = datetime(2026, 12, 1, tzinfo=UTC)
    given: dict[str, Any] = {"identifier": "ada", "actor": SYSTEM}
    services.set_override(feature, environment, value=True, expires_at=expires_at, note="a wish", **given)

    services.set_override(feature, environment, value=False, **given)

    assert list(Override.objects.values_list("value", "expires_at", "note")) == [(False, None, "")]
    assert Change.objects.filter(action="override.set").count() == 2


def test_an_override_that_would_become_wrong_stays_as_it_was() -> None:
    environment = an_environment()
    feature = a_feature(environment)
    given: dict[str, Any] = {"identifier": "ada", "actor": SYSTEM}
    services.set_override(feature, environment, value=True, **given)

    with pytest.raises(ValidationError, match="value"):
        services.set_override(feature, environment, value="text", **given)

    assert Override.objects.get().value is True
