"""How our configuration reads in a features document: what is said, what is not, and when it changes."""

from typing import Any

import pytest
from growthbook.growthbook import decrypt

from decisions.engine.types import FULL, Experiment, Feature, Override, Prerequisite, Ramp, Rule, Status, Step, Variant
from decisions.protocols.growthbook.conditions import audience_of, buckets
from decisions.protocols.growthbook.document import document_for
from decisions.protocols.growthbook.encryption import encrypted
from decisions.protocols.growthbook.features import Definition, Definitions, local_evaluation
from decisions.protocols.growthbook.portable import Inexpressible
from decisions.protocols.growthbook.stream import REFETCH, render, until
from tenants.roles import Kind
from tests.protocols.growthbook.draws import BINDER, NOW, SEGMENTS, a_grant, a_snapshot


def asked(attribute: str, operator: str, value: Any = None) -> dict[str, Any]:
    return {"attribute": attribute, "operator": operator, "value": value}


SAID: list[tuple[dict[str, Any], Any]] = [
    (asked("country", "in", ["DE", "AT"]), {"country": {"$in": ["DE", "AT"]}}),
    (asked("country", "exists"), {"country": {"$exists": True}}),
    (asked("app.version", "exists"), {"app": {"$type": "object"}, "app.version": {"$exists": True}}),
    (asked("app", "not_exists"), {"$not": {"app": {"$exists": True}}}),
    (asked("age", "gt", 18), {"$or": [{"age": {"$type": "number", "$gt": 18}},
                                      {"age": {"$type": "array", "$elemMatch": {"$type": "number", "$gt": 18}}}]}),
    ({"everyone": True}, True),
    ({"none": [{"everyone": True}]}, False),
    ({"operator": "in_segment", "value": "others"}, {"$not": {"plan": {"$in": ["DE", "de"]}}}),
    ({"all": [asked("a", "exists"), asked("b", "exists")]}, {"a": {"$exists": True}, "b": {"$exists": True}}),
]  # fmt: skip


@pytest.mark.parametrize(("tree", "condition"), SAID)
def test_a_tree_is_said_in_portable_words(tree: Any, condition: Any) -> None:
    assert audience_of(tree, SEGMENTS) == (condition, ())


def test_a_percentage_that_all_need_is_a_filter() -> None:
    tree = {"all": [asked("country", "exists"), {"operator": "in_segment", "value": "some"}]}

    audience = audience_of(tree, SEGMENTS)

    assert audience.filters == ({"attribute": "id", "seed": "id", "hashVersion": 2, "ranges": [[0, 0.4]]},)


UNSAID = [
    asked("born", "before", "2000-01-01"),
    asked("number", "modulo", [2, 1]),
    asked("key", "equals", "ann"),
    asked("constructor", "exists"),
    asked("a.__proto__", "exists"),
    asked("$or", "exists"),
    asked("n", "equals", 2**53 + 1),
    asked("v", "semver_gt", "1.0.0-rc.1"),
    asked("v", "semver_gt", "20260101.0.0"),
    asked("t", "contains", "😀"),
    asked("t", "matches", r"\bword\b"),
    {"any": [asked("id", "percentage", 10)]},
    {"operator": "not_in_segment", "value": "some"},
    asked("a.b", "percentage", 10),
]


@pytest.mark.parametrize("tree", UNSAID)
def test_what_sdks_read_differently_is_not_said(tree: Any) -> None:
    with pytest.raises(Inexpressible):
        audience_of(tree, SEGMENTS)


def test_buckets_are_those_below_the_percentage() -> None:
    for rollout in (0, 1, 9, 10, 11, 12_345, 99_990, 99_991, FULL):
        assert buckets(rollout) == sum(bucket * 10 < rollout for bucket in range(10_000))


def defined(*found: Feature, moment: float = NOW) -> Definition:
    """The last of these features."""
    everything = {feature.key: feature for feature in found}
    return Definitions(everything, everything, SEGMENTS, moment).of(found[-1].key)


def a_feature(**changes: Any) -> Feature:
    return Feature(**{"key": "button", "status": Status.ON, **changes})


def a_rule(tree: Any, **changes: Any) -> Rule:
    return Rule(**{"key": "r1", "condition": BINDER.bind(tree), "tree": tree, "value": "yes", **changes})


def test_a_feature_that_is_off_is_there_with_its_off_value() -> None:
    assert defined(a_feature(status=Status.OFF, off_value="none")).written() == {"defaultValue": "none"}


def test_a_percentage_is_a_range_of_those_with_a_key() -> None:
    made = defined(a_feature(on_value="on", off_value="off", rollout=12_345))

    assert made.default == "off"
    assert made.rules == [
        {
            "id": "rollout",
            "force": "on",
            "hashAttribute": "id",
            "seed": "button",
            "hashVersion": 2,
            "range": [0, 0.1235],
        }
    ]


def test_overrides_of_one_value_are_one_rule_whatever_type_the_id_has() -> None:
    overrides = {"ann": Override("x"), "17": Override("x"), "ben": Override("y"), "eve": Override("z", NOW)}

    first, second = defined(a_feature(overrides=overrides)).rules

    assert first["condition"] == {
        "$or": [{"id": {"$type": "string", "$in": ["ann", "17"]}}, {"id": {"$type": "number", "$in": [17]}}]
    }
    assert second["force"] == "y"


def test_null_is_said_by_leaving_everybody_else() -> None:
    made = defined(a_feature(on_value="on", overrides={"ann": Override(None)}))

    assert made.default is None
    assert made.rules == [
        {"id": "default", "condition": {"$not": {"id": {"$type": "string", "$in": ["ann"]}}}, "force": "on"}
    ]
    assert not made.complaints


def test_a_prerequisite_gives_the_off_value_to_those_who_do_not_meet_it() -> None:
    parent = a_feature(key="parent", on_value=True, off_value=False, rollout=50_000)
    child = a_feature(on_value="new", off_value="old", prerequisites=(Prerequisite("parent"),))

    [rule] = defined(parent, child).rules

    assert rule == {
        "id": "prerequisites",
        "force": "old",
        "parentConditions": [{"id": "parent", "condition": {"$not": {"value": {"$type": "boolean", "$in": [True]}}}}],
    }


def test_a_prerequisite_whose_value_tells_nothing_is_a_complaint() -> None:
    parent = a_feature(key="parent", on_value="same", off_value="same", rollout=50_000)
    child = a_feature(on_value="new", off_value="old", prerequisites=(Prerequisite("parent"),))

    made = defined(parent, child)

    assert made.written() == {"defaultValue": "old"}
    assert made.complaints == ["The value of parent, which is all that is told, does not say whether it is met."]


def test_a_circle_of_prerequisites_is_off_without_a_complaint() -> None:
    one = a_feature(key="one", prerequisites=(Prerequisite("button"),))

    made = defined(one, a_feature(prerequisites=(Prerequisite("one"),)))

    assert (made.written(), made.complaints) == ({"defaultValue": False}, [])


def test_what_only_servers_see_is_no_condition_for_clients() -> None:
    parent = a_feature(key="parent", is_server_only=True)
    child = a_feature(prerequisites=(Prerequisite("parent"),))
    everything = {"parent": parent, "button": child}

    complaints = local_evaluation(everything, SEGMENTS, NOW)

    assert complaints == {"button": ["It needs parent, which only servers may see."]}


def test_after_a_rule_that_cannot_be_said_everybody_is_off() -> None:
    rules = (a_rule({"everyone": True}, rollout=50_000), a_rule(asked("born", "before", "2000-01-01"), key="r2"))

    made = defined(a_feature(on_value="on", off_value="off", rules=rules))

    assert made.default == "off"
    assert [rule["id"] for rule in made.rules] == ["r1", "r1"]
    assert made.complaints == ["GrowthBook has nothing like the operator before."]


def an_experiment(**changes: Any) -> Experiment:
    variants = (Variant("control", 1, 1, is_control=True), Variant("new", 1, 2))
    return Experiment(**{"public_id": "exp-001", "key": "e1", "seed": "s", "variants": variants, **changes})


@pytest.mark.parametrize("changes", [{"bucketing": "flagsmith"}, {"hash_attribute": "a.b"}, {"hash_attribute": "key"}])
def test_an_experiment_that_sdks_cannot_assign_is_the_control(changes: Any) -> None:
    made = defined(a_feature(status=Status.EXPERIMENT, experiment=an_experiment(**changes)))

    assert made.written() == {"defaultValue": "control"}
    assert len(made.complaints) == 1


def test_a_rule_whose_experiment_cannot_be_said_gives_the_control_and_others_go_on() -> None:
    rules = (a_rule(asked("a", "exists"), experiment=an_experiment(bucketing="flagsmith")),
             a_rule(asked("b", "exists"), key="r2"))  # fmt: skip

    made = defined(a_feature(rules=rules))

    assert [(rule["id"], rule["force"]) for rule in made.rules] == [("r1", "control"), ("r2", "yes")]


def test_an_experiment_of_one_variant_is_written_with_two() -> None:
    lonely = an_experiment(variants=(Variant("only", 5, 1, is_control=True),), rollout=50_000)

    [rule] = defined(a_feature(status=Status.EXPERIMENT, experiment=lonely)).rules

    assert (rule["variations"], rule["weights"], rule["coverage"]) == (["only", "only"], [1, 0], 0.5)


def test_a_broken_condition_means_nobody() -> None:
    assert defined(a_feature(rules=(a_rule(asked("a", "resembles", 1)),))).written() == {"defaultValue": True}


def test_the_document_is_made_again_at_every_step_and_every_minute_of_a_ramp() -> None:
    step = Step(NOW + 100, status=Status.OFF)
    ramp = Ramp(NOW - 30, 0, NOW + 30, FULL)
    stepping = a_snapshot([a_feature(steps=(step,))])
    ramping = a_snapshot([a_feature(ramp=ramp)])
    grant = a_grant()

    before, after = document_for(stepping, grant, NOW), document_for(stepping, grant, NOW + 100)
    assert before.until == NOW + 100
    assert before.version != after.version
    assert (document_for(ramping, grant, NOW).until, document_for(ramping, grant, NOW + 30).until) == (
        NOW + 30,
        float("inf"),
    )
    assert b'"range":[0,0.5]' in document_for(a_snapshot([a_feature(ramp=ramp)]), grant, NOW + 29).body


def test_two_processes_write_the_same() -> None:
    one, other = (a_snapshot([a_feature(rollout=1)], revision) for revision in ("r1", "r2"))

    assert document_for(one, a_grant()) == document_for(other, a_grant())


def test_the_document_is_made_once_for_all_who_may_see_the_same() -> None:
    snapshot = a_snapshot([a_feature()])

    assert document_for(snapshot, a_grant()) is document_for(snapshot, a_grant())
    assert document_for(snapshot, a_grant(Kind.CLIENT)) is not document_for(snapshot, a_grant())


def test_encryption_is_what_the_sdk_opens() -> None:
    key, text = "AAECAwQFBgcICQoLDA0ODw==", '{"f":{"defaultValue":true}}'
    sealed = encrypted(text.encode(), key)

    assert decrypt(sealed, key) == text
    assert encrypted(text.encode(), key) == sealed != encrypted(b"{}", key)


def events(message: bytes) -> dict[str, str]:
    """The fields of one server-sent event."""
    found: dict[str, str] = {}
    for line in message.decode().removesuffix("\n\n").split("\n"):
        name, _, value = line.partition(": ")
        found[name] = f"{found[name]}\n{value}" if name in found else value
    return found


def test_a_stream_says_all_at_first_and_then_what_changed() -> None:
    first, same, changed = (a_snapshot([a_feature(description=text, rollout=part)], text)
                            for text, part in (("a", 1), ("b", 1), ("c", 20)))  # fmt: skip
    grant = a_grant()

    event = events(render(first, None, grant))
    assert event["event"] == "features"
    assert event["data"].replace("\n", "").encode() == document_for(first, grant).body
    assert max(map(len, event["data"].split("\n"))) < 100
    assert render(same, first, grant) == b""
    assert events(render(changed, same, grant))["id"] != event["id"]


def test_the_stream_of_a_remote_only_key_asks_to_ask_again() -> None:
    snapshot = a_snapshot([a_feature(steps=(Step(NOW * 2),))])

    assert render(snapshot, snapshot, a_grant(is_remote_only=True)) == REFETCH
    assert until(snapshot, a_grant(is_remote_only=True)) == NOW * 2
