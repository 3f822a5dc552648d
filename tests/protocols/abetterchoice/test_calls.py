"""ABetterChoice's two calls: layers, flags, filters, and everything that can be wrong with a question."""

from dataclasses import replace
from typing import Any

from pytest_django import Settings

from audits.services import SYSTEM
from decisions import process
from experiments import services as experiments
from experiments.models import Experiment, Exposure
from features.models import Usage
from features.services import set_override, set_state
from tenants.models import Environment
from tenants.services import update_environment
from tests.builders import (
    a_condition,
    a_feature,
    a_layer,
    a_rule,
    a_running_experiment,
    a_segment,
    a_variant,
    an_environment,
    an_experiment,
)
from tests.protocols.abetterchoice.asks import EXPERIMENTS, FLAGS, Caller
from tests.protocols.corpus import BODIES, VALUES, with_value
from tests.protocols.wire import Ask, Mount

DEFAULT = {"experiment_key": "default", "group_id": -1, "group_key": "default", "params": {}}
UNITS = [f"user_id_{number}" for number in range(40)]


def a_split(environment: Environment, key: str, feature_key: str = "", **details: Any) -> Experiment:
    """A running experiment of two arms, with params and without."""
    feature = a_feature(environment, key=feature_key or f"{key}-flag", value_type="json")
    experiment = an_experiment(environment, feature, key=key, **details)
    a_variant(experiment, key="blue", weight=50, payload={"color": "blue", "size": 20, "bold": True})
    a_variant(experiment, key="control", weight=50, is_control=True)
    experiment = experiments.start(experiment, actor=SYSTEM)
    set_state(feature, environment, actor=SYSTEM, status="experiment", active_experiment=experiment)
    return experiment


def test_everybody_has_a_group_in_every_layer(environment: Environment, caller: Caller) -> None:
    experiment = a_split(environment, "button")
    a_layer(environment.project, key="empty")
    ids = dict(experiment.variants.values_list("key", "number"))

    found = [caller.layers(unit_id=unit) for unit in UNITS]

    assert all(layers["empty"] == DEFAULT for layers in found)
    groups = {layers["button"]["group_key"]: layers["button"] for layers in found}
    blue = {"color": "blue", "size": "20", "bold": "true"}
    assert groups == {
        "blue": {"experiment_key": "button", "group_id": ids["blue"], "group_key": "blue", "params": blue},
        "control": {"experiment_key": "button", "group_id": ids["control"], "group_key": "control",
                    "params": {"button-flag": "control"}},
    }  # fmt: skip
    assert found == [caller.layers(unit_id=unit) for unit in UNITS]


def test_a_layer_holds_one_experiment_a_unit(environment: Environment, caller: Caller) -> None:
    layer = a_layer(environment.project, key="landing")
    for key in ("one", "two"):
        experiments.hold_slots(a_split(environment, key), layer, slots=4_000, actor=SYSTEM)

    found = [caller.layers(unit_id=unit) for unit in UNITS]

    assert all(layers.keys() == {"landing"} for layers in found)
    assert {layers["landing"]["experiment_key"] for layers in found} == {"one", "two", "default"}


def test_a_filter_never_shows_what_was_not_asked_for(environment: Environment, caller: Caller) -> None:
    layer = a_layer(environment.project, key="landing")
    for key in ("one", "two"):
        experiments.hold_slots(a_split(environment, key), layer, slots=5_000, actor=SYSTEM)
    a_split(environment, "alone")
    in_two = next(u for u in UNITS if caller.layers(unit_id=u)["landing"]["experiment_key"] == "two")

    def asked(**options: Any) -> dict[str, str]:
        layers = caller.layers(unit_id=in_two, filter_options=options)
        return {key: group["experiment_key"] for key, group in layers.items()}

    assert asked() == asked(layer_keys=[], experiment_keys=[]) == {"landing": "two", "alone": "alone"}
    assert asked(layer_keys=None) == asked()
    assert asked(layer_keys=["landing"]) == {"landing": "two"}
    assert asked(experiment_keys=["two"]) == {"landing": "two"}
    assert asked(experiment_keys=["one"]) == {"landing": "default"}
    assert asked(experiment_keys=["one", "alone"]) == {"landing": "default", "alone": "alone"}
    assert asked(layer_keys=["landing"], experiment_keys=["alone"]) == {}
    assert asked(layer_keys=["unknown"]) == asked(experiment_keys=["unknown"]) == {}


def test_who_takes_no_part_has_the_default_group(environment: Environment, caller: Caller) -> None:
    audience = a_segment(environment.project, conditions=a_condition("age", "gte", 18))
    experiment = a_split(environment, "adults", audience=audience)
    age = {"age": {"user_attrs": ["18"]}}

    assert caller.layers() == {"adults": DEFAULT}
    assert caller.layers(profiles={"age": {"user_attrs": ["17"]}}) == {"adults": DEFAULT}
    assert caller.layers(profiles=age)["adults"]["experiment_key"] == "adults"
    assert caller.layers(profile=age) == caller.layers(profiles=age) == caller.layers(profiles=age, profile={})
    assert caller.layers(profiles={}, profile=age) == {"adults": DEFAULT}
    assert caller.layers(profiles=None, profile=age) == caller.layers(profiles=age)

    set_override(experiment.feature, environment, identifier="user_id_1", value=1, actor=SYSTEM)
    assert caller.layers(profiles=age) == {"adults": DEFAULT}
    assert caller.layers(profiles=age, unit_id="user_id_2")["adults"]["experiment_key"] == "adults"

    experiments.pause(experiment, actor=SYSTEM)
    assert caller.layers(profiles=age, unit_id="user_id_2") == {"adults": DEFAULT}


def test_an_experiment_in_a_rule_is_one_too(environment: Environment, caller: Caller) -> None:
    feature = a_feature(environment, key="checkout", value_type="json", state={"status": "on"})
    experiment = a_running_experiment(an_environment(), None)
    experiment = an_experiment(environment, feature, key="germans")
    a_variant(experiment, key="only", weight=1, value="v2")
    a_rule(feature, environment, experiment=experiments.start(experiment, actor=SYSTEM), conditions=a_condition())
    germany = {"country": {"user_attrs": ["DE"]}}

    assert caller.layers() == {"germans": DEFAULT}
    assert caller.layers(profiles=germany)["germans"]["params"] == {"checkout": "v2"}
    assert caller.flags(profiles=germany)["checkout"]["relative_experiment"]["exp_key"] == "germans"


def test_values_are_text_of_every_type(environment: Environment, caller: Caller) -> None:
    values: dict[str, tuple[str, Any, str]] = {
        "text": ("string", "rot", "rot"),
        "empty": ("string", "", ""),
        "whole": ("number", 20, "20"),
        "broken": ("number", 0.5, "0.5"),
        "yes": ("boolean", True, "true"),
        "shape": ("json", {"a": [1, None]}, '{"a":[1,null]}'),
        "null": ("json", None, "null"),
    }
    for key, (kind, value, _) in values.items():
        a_feature(environment, key=key, value_type=kind, state={"status": "on", "on_value": value})
    a_feature(environment, key="no")

    flags = caller.flags()

    for key, (_, _, text) in values.items():
        assert flags[key] == {"name": key, "value": text, "relative_experiment": None}
    assert flags["no"]["value"] == "false"


def test_a_flag_tells_of_its_experiment(environment: Environment, caller: Caller) -> None:
    experiment = a_split(environment, "colours", "my_colour", rollout_percent=50)
    ids = dict(experiment.variants.values_list("key", "number"))

    found = [caller.flags(unit_id=unit)["my_colour"] for unit in UNITS]

    outside = [flag for flag in found if flag["relative_experiment"] is None]
    inside = [flag["relative_experiment"] for flag in found if flag["relative_experiment"]]
    assert {flag["value"] for flag in outside} == {"control"}
    assert {group["exp_key"] for group in inside} == {"colours"}
    assert {(group["group_key"], group["group_id"]) for group in inside} == set(ids.items())
    assert all(0 < group["group_id"] < 2**53 for group in inside)
    control = next(group for group in inside if group["group_key"] == "control")
    assert control["params"] == {"my_colour": "control"}


def test_flags_are_named_or_all(environment: Environment, caller: Caller) -> None:
    for key in ("a", "b"):
        a_feature(environment, key=key, state={"status": "on"})
    a_feature(environment, key="secret", is_server_only=True, state={"status": "on"})

    assert caller.flags().keys() == caller.flags(feature_names=[]).keys() == {"a", "b"}
    assert caller.flags(feature_names=None, scene_ids=[1]).keys() == {"a", "b"}
    assert caller.flags(feature_names=["b", "b"]).keys() == {"b"}
    some = caller.told(FLAGS, feature_names=["x", "a", "secret"])
    assert (some["ret_code"], some["msg"], list(some["data"])) == (100, "NOT FOUND: x, secret", ["a"])
    none = caller.told(FLAGS, feature_names=["x", "y"])
    assert none == {"ret_code": 105, "msg": "NOT FOUND: x, y", "exp_data": {}, "data": {}}
    many = caller.told(FLAGS, feature_names=[f"n{number}" for number in range(1_000)])
    assert len(many["msg"]) < 200


def test_features_that_are_off_are_left_out_where_the_environment_hides_them(
    environment: Environment, caller: Caller
) -> None:
    a_feature(environment, key="asleep")
    update_environment(environment, actor=SYSTEM, hide_disabled_flags=True)

    assert caller.flags() == {}
    assert caller.flags(feature_names=["asleep"])["asleep"]["value"] == "false"


def test_a_project_is_its_key_or_its_number(environment: Environment, caller: Caller) -> None:
    elsewhere = an_environment().project
    project = environment.project

    for good in (project.key, str(project.pk), project.pk):
        assert caller.told(FLAGS, project_id=good)["ret_code"] == 100, good
    for missing in (..., None, "", " ", 0):
        told = caller.told(FLAGS, project_id=missing)
        assert (told["ret_code"], told["msg"]) == (103, "required project id"), missing
    for other in (elsewhere.key, elsewhere.pk, "nowhere", f" {project.key}", -1, 10**17):
        told = caller.told(EXPERIMENTS, project_id=other)
        assert told == {"ret_code": 103, "msg": "NOT FOUND: project", "exp_data": {}, "data": {}}, other


def test_a_question_that_is_none_is_refused(environment: Environment, caller: Caller) -> None:
    wrong: dict[str, list[Any]] = {
        "unit_id": [..., None, "", "  ", 7, True, [], {}, "u" * 513],
        "project_id": [True, [], {}, 1.5],
        "profiles": [[], "age", 7, {"age": {}}, {"age": [[]]}, {"age": {"user_attrs": [{}]}}],
        "profile": [[], "age", {"age": {"user_attrs": [None]}}],
    }
    only_for: dict[str, dict[str, list[Any]]] = {
        EXPERIMENTS: {"filter_options": [[], "x", {"layer_keys": "x"}, {"layer_keys": [7]}, {"experiment_keys": {}}]},
        FLAGS: {"feature_names": ["x", {}, [7], [None], 7]},
    }

    for target, more in only_for.items():
        for name, values in {**wrong, **more}.items():
            for value in values:
                told = caller.told(target, **{name: value})
                assert told["ret_code"] == 105, (target, name, value, told)
                assert told["msg"].startswith("invalid param: "), told
                assert told["exp_data"] == told["data"] == {}


def test_bytes_that_are_no_question_are_refused(caller: Caller, mount: Mount) -> None:
    good = {"project_id": caller.project, "unit_id": "u"}
    asking = replace(caller, mount=mount)

    for name, body in {**BODIES, **{name: with_value(good, "x", value) for name, value in VALUES.items()}}.items():
        for target in (EXPERIMENTS, FLAGS):
            answer = asking.sent(Ask("POST", target, body))

            assert (answer.status, answer.json["ret_code"]) == (200, 105), name
    assert asking.sent(Ask("GET", FLAGS)).status == 405


def test_who_asks_about_one_thing_uses_it(environment: Environment, caller: Caller) -> None:
    a_split(environment, "button", "my_button")
    a_feature(environment, key="other", state={"status": "on"})

    caller.flags(feature_names=["my_button"])
    caller.flags(feature_names=["other"])
    caller.layers(filter_options={"experiment_keys": ["button"]}, unit_id="user_id_2")
    caller.flags(unit_id="user_id_3")
    caller.flags(feature_names=["my_button", "other"], unit_id="user_id_3")
    caller.layers(unit_id="user_id_3")
    process.gateway().observer.flush()

    rows = Usage.objects.filter(environment_id=environment.pk)
    assert sum(row.count for row in rows) == 3
    assert {(row.subject, row.source) for row in Exposure.objects.all()} == {
        ("user_id_1", "abetterchoice"),
        ("user_id_2", "abetterchoice"),
    }


def test_who_calls_too_often_is_told_when_to_come_back(caller: Caller, settings: Settings) -> None:
    process.stop()
    settings.RATE_LIMIT = 1

    answers = [caller.sent(caller.call(FLAGS)) for _ in range(5)]

    assert {answer.json["ret_code"] for answer in answers} == {100, 102}
    assert answers[-1].json["msg"] == "traffic limit"
    assert (answers[-1].status, int(answers[-1].headers["retry-after"]) > 0) == (200, True)


def test_attributes_that_bucket_stay_text(environment: Environment, caller: Caller) -> None:
    a_split(environment, "companies", hash_attribute="company")

    def group(company: str, unit: str) -> Any:
        return caller.layers(unit_id=unit, profiles={"company": {"user_attrs": [company]}})["companies"]["group_key"]

    assert all(len({group(company, unit) for unit in UNITS[:4]}) == 1 for company in ("7", "true", "acme"))
    assert {group(str(number), "u") for number in range(20)} == {"blue", "control"}
    assert caller.layers()["companies"] == DEFAULT
