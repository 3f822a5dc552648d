"""Segments: what is refused and how it is said, and that nobody loses one that is in use."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from audits.models import Change
from audits.services import SYSTEM
from experiments.models import Experiment
from features import services
from features.models import Segment
from tenants.models import Project
from tests.builders import (
    EVERYONE,
    a_condition,
    a_feature,
    a_project,
    a_rule,
    a_segment,
    an_environment,
    an_experiment,
    in_segment,
)

pytestmark = pytest.mark.django_db


def refused(project: Project, conditions: Any, **changes: Any) -> list[str]:
    """What is said about conditions that are not stored, neither as a new segment's nor as an old one's."""
    segment = a_segment(project)
    logged = Change.objects.count()
    stored = list(Segment.objects.values())
    with pytest.raises(ValidationError) as created:
        a_segment(project, conditions=conditions, **changes)
    with pytest.raises(ValidationError) as updated:
        services.update_segment(segment, conditions=conditions, actor=SYSTEM)
    assert Change.objects.count() == logged
    assert list(Segment.objects.values()) == stored
    assert created.value.message_dict["conditions"] == updated.value.message_dict["conditions"]
    return created.value.message_dict["conditions"]


def nested(depth: int) -> Any:
    return {"all": [nested(depth - 1)]} if depth else EVERYONE


@pytest.mark.parametrize(
    ("conditions", "complaint"),
    [
        ("x", "must be an object"),
        ([1], "must be an object"),
        ({"everyone": False}, "attribute and operator"),
        ({"all": []}, "not empty"),
        ({"all": "x"}, "list"),
        (nested(11), "nested deeper than 10"),
        (a_condition(operator="resembles"), "no operator 'resembles'"),
        (a_condition(attribute=""), "must name an attribute"),
        (a_condition(operator="gt", value="5"), "must be a number"),
        (a_condition(operator="gt", value=True), "must be a number"),
        (a_condition(operator="gt", value=float("nan")), "must be a number"),
        (a_condition(operator="in", value="DE"), "must be a list"),
        (a_condition(operator="in", value=[]), "not empty"),
        (a_condition(operator="in", value=[{}]), "text, numbers or booleans"),
        (a_condition(operator="contains", value=1), "must be text"),
        (a_condition(operator="between", value=[2, 1]), "not be above"),
        (a_condition(operator="before", value="tomorrow"), "ISO 8601"),
        (a_condition(operator="semver_gt", value="one"), "semantic version"),
        (a_condition(operator="matches", value="("), "RE2 refuses"),
        (a_condition(operator="matches", value=r"(a)\1"), "RE2 refuses"),
        (a_condition(operator="matches", value="(?=a)"), "RE2 refuses"),
        (a_condition(operator="matches", value="x" * 1_001), "at most 1000 characters"),
        (a_condition(operator="modulo", value=[0, 0]), "above zero"),
        (a_condition(operator="modulo", value=[3, 3]), "below the divisor"),
        (a_condition(operator="percentage", value=100.001), "from 0 to 100"),
        (a_condition(operator="percentage", value=-1), "from 0 to 100"),
        (a_condition(value="\x00"), "NUL"),
        (a_condition(value="\ud800"), "surrogate"),
        (a_condition(attribute="\x00"), "NUL"),
        (a_condition(value=2**70), "64 bits"),
        (in_segment("gone"), "no segment 'gone'"),
        ({"any": [a_condition()] * 10_000}, "at most 1000 conditions"),
        ({"any": [a_condition()] * 1_001}, "at most 1000 conditions"),
    ],
    ids=lambda part: ascii(part)[:40],
)
def test_conditions_that_make_no_sense_are_refused(conditions: Any, complaint: str) -> None:
    assert complaint in " ".join(refused(a_project(), conditions))


@pytest.mark.parametrize("conditions", [None, {}, [], ""])
def test_a_segment_says_whom_it_means(conditions: Any) -> None:
    assert refused(a_project(), conditions)


def test_everything_that_is_wrong_is_said_at_once_with_the_way_to_it() -> None:
    broken = [
        a_condition(operator="resembles"),
        a_condition(),
        {"none": [a_condition(operator="modulo", value=[0, 1])]},
    ]
    with pytest.raises(ValidationError) as raised:
        a_segment(a_project(), key="a/b", name="", conditions={"all": broken})

    found = raised.value.message_dict

    assert found.keys() == {"key", "name", "conditions"}
    assert [complaint.partition(":")[0] for complaint in found["conditions"]] == ["all[0]", "all[2].none[0]"]


def test_ten_groups_and_a_thousand_conditions_are_enough() -> None:
    project = a_project()

    assert a_segment(project, conditions=nested(10)).pk
    assert a_segment(project, conditions={"any": [a_condition()] * 1_000}).pk


def test_segments_never_refer_to_each_other_in_a_circle() -> None:
    project = a_project()
    inner = a_segment(project)
    outer = a_segment(project, conditions={"none": [in_segment(inner.key)]})

    for segment, key in [(inner, outer.key), (inner, inner.key), (outer, outer.key)]:
        with pytest.raises(ValidationError, match="circle"):
            services.update_segment(segment, conditions={"any": [a_condition(), in_segment(key)]}, actor=SYSTEM)


def test_a_segment_never_grows_so_deep_that_others_break() -> None:
    project = a_project()
    bottom = segment = a_segment(project)
    for _ in range(9):
        segment = a_segment(project, conditions=in_segment(segment.key))
    below = a_segment(project)

    with pytest.raises(ValidationError, match="more than 10 deep"):
        a_segment(project, conditions=in_segment(segment.key))
    with pytest.raises(ValidationError, match=rf"{segment.key}.*more than 10 deep"):
        services.update_segment(bottom, conditions=in_segment(below.key), actor=SYSTEM)


def test_a_key_is_taken_once_in_a_project() -> None:
    project = a_project()
    a_segment(project, key="germans")

    with pytest.raises(ValidationError, match="already exists"):
        a_segment(project, key="germans")
    assert a_segment(a_project(), key="germans").pk


def test_a_segment_of_another_project_is_none() -> None:
    theirs = a_segment(a_project())

    assert refused(a_project(), in_segment(theirs.key)) == [f"there is no segment {theirs.key!r}"]


def test_a_segment_in_use_is_not_deleted_and_its_users_are_named() -> None:
    environment = an_environment()
    feature, segment = a_feature(environment), a_segment(environment.project)
    a_segment(environment.project, key="outer", conditions={"any": [a_condition(), in_segment(segment.key)]})
    rules = [
        a_rule(feature, environment, segment=segment, description="the first rule"),
        a_rule(feature, environment, conditions={"none": [in_segment(segment.key)]}, description="the second rule"),
    ]
    experiment = an_experiment(environment, feature, name="Colours", audience=segment)

    with pytest.raises(ValidationError) as raised:
        services.delete_segment(segment, actor=SYSTEM)

    (message,) = raised.value.messages
    assert raised.value.code == "in_use"
    assert [name in message for name in ("segment outer", "the first rule", "the second rule", "Colours")] == [True] * 4
    assert Segment.objects.filter(pk=segment.pk).exists()
    Experiment.objects.filter(pk=experiment.pk).update(audience=None)
    for rule in rules:
        services.delete_rule(rule, actor=SYSTEM)
    services.delete_segment(Segment.objects.get(key="outer"), actor=SYSTEM)
    services.delete_segment(segment, actor=SYSTEM)
    assert not Segment.objects.exists()


def test_a_segment_of_the_same_key_elsewhere_is_nobodys_user() -> None:
    project, other = a_project(), a_project()
    mine = a_segment(project, key="germans")
    a_segment(other, key="germans")
    a_segment(other, conditions=in_segment("germans"))

    services.delete_segment(mine, actor=SYSTEM)

    assert not Segment.objects.in_project(project.pk).exists()


def test_a_segment_says_in_words_whom_it_means() -> None:
    either = {"any": [a_condition(), a_condition("age", "gte", 18)]}

    assert a_segment(a_project(), conditions=either).sentence == "country is DE or age is at least 18"
