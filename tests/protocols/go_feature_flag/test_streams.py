"""Who listens is told what changed, and no more than they may know."""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from decisions.engine.conditions.binding import Binder
from decisions.engine.types import Feature, Prerequisite, Rule, Status
from decisions.protocols.go_feature_flag.streams import as_event, as_text
from decisions.snapshots import EnvironmentSnapshot, Grant
from tests.builders import a_condition
from tests.protocols.go_feature_flag.builders import CLIENT, SERVER, a_snapshot

BUTTON = Feature("button", status=Status.ON)
SECRET = Feature("secret", status=Status.ON, is_server_only=True)


def told(before: Iterable[Feature], after: Iterable[Feature], grant: Grant = SERVER) -> Any:
    text = as_text(a_snapshot(after), a_snapshot(before), grant)
    return json.loads(text) if text else None


def test_nothing_is_told_on_connecting() -> None:
    assert as_text(a_snapshot([BUTTON]), None, SERVER) == b""
    assert as_event(a_snapshot([BUTTON]), None, SERVER) == b""


def test_a_change_tells_the_flag_before_and_after() -> None:
    found = told([BUTTON], [replace(BUTTON, status=Status.OFF)])

    assert (found["deleted"], found["added"]) == ({}, {})
    assert found["updated"]["button"]["old_value"]["defaultRule"] == {"variation": "on"}
    assert found["updated"]["button"]["new_value"]["disable"] is True


def test_flags_that_come_and_go_are_told() -> None:
    found = told([BUTTON], [Feature("link")])

    assert (list(found["deleted"]), list(found["added"]), found["updated"]) == (["button"], ["link"], {})


def test_a_change_that_leaves_all_flags_alone_tells_nothing() -> None:
    renamed = replace(BUTTON, name="Another name", description="and description", tags=("new",))

    assert told([BUTTON], [renamed]) is None
    assert as_event(a_snapshot([renamed]), a_snapshot([BUTTON]), SERVER) == b""


def test_an_event_is_one_line_of_data() -> None:
    event = as_event(a_snapshot([]), a_snapshot([BUTTON]), SERVER)

    assert event.startswith(b'data: {"deleted":{"button":{')
    assert event.endswith(b"}\n\n")
    assert event.count(b"\n") == 2


def test_a_client_hears_that_a_flag_changed_and_not_who_is_meant() -> None:
    found = told([BUTTON], [replace(BUTTON, on_value="secret value")], CLIENT)

    versions = found["updated"]["button"]
    assert versions["old_value"].keys() == versions["new_value"].keys() == {"version"}
    assert versions["old_value"] != versions["new_value"]


def test_a_client_hears_nothing_of_flags_for_servers() -> None:
    assert told([BUTTON, SECRET], [BUTTON, replace(SECRET, status=Status.OFF)], CLIENT) is None
    assert told([BUTTON], [BUTTON, SECRET], CLIENT) is None
    assert list(told([BUTTON], [BUTTON, SECRET])["added"]) == ["secret"]


def test_a_flag_that_is_for_servers_from_now_on_is_gone_for_clients() -> None:
    assert list(told([replace(SECRET, is_server_only=False)], [SECRET], CLIENT)["deleted"]) == ["secret"]


def test_a_change_that_no_configuration_can_say_is_told_all_the_same() -> None:
    half = replace(BUTTON, rollout=50_000)

    assert list(told([half], [replace(half, rollout=60_000)])["updated"]) == ["button"]


def test_a_segment_changes_the_flags_that_mean_it() -> None:
    def environment(value: str) -> EnvironmentSnapshot:
        segments = {"inner": a_condition(value=value), "outer": {"operator": "in_segment", "value": "inner"}}
        tree = {"all": [{"operator": "not_in_segment", "value": "outer"}]}
        rule = Rule("r", Binder(segments).bind(tree), tree=tree)
        return a_snapshot([replace(BUTTON, rules=(rule,)), Feature("link")], segments)

    found = json.loads(as_text(environment("DE"), environment("AT"), CLIENT))

    assert list(found["updated"]) == ["button"]


def test_a_prerequisite_changes_the_flags_that_need_it() -> None:
    needy = Feature("needy", status=Status.ON, prerequisites=(Prerequisite("button"),))

    found = told([BUTTON, needy], [replace(BUTTON, off_value="other"), needy], CLIENT)

    assert list(found["updated"]) == ["button", "needy"]


def test_features_that_need_each_other_are_told_too() -> None:
    one = Feature("one", status=Status.ON, prerequisites=(Prerequisite("two"),))
    two = Feature("two", status=Status.ON, prerequisites=(Prerequisite("one"),))

    assert list(told([one, two], [one, replace(two, status=Status.OFF)])["updated"]) == ["two"]
