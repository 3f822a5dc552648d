"""Other versions of Flagsmith's clients against a running server. Run by `make sdks`, and not by `make test`."""

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.process import Server
from decisions.protocols.flagsmith import local_evaluation
from decisions.protocols.flagsmith.values import is_number_like
from decisions.snapshots import EnvironmentSnapshot, read
from tenants.models import Environment
from tenants.roles import Kind
from tests.builders import a_condition, a_feature, a_key, a_project, a_rule, an_environment
from tests.protocols.flagsmith.asks import a_split
from tests.protocols.flagsmith.drawing import IDENTIFIERS, a_random_environment, an_identity
from tests.sdks.old.environments import HERE, answer_of, node_with, python_with

IDENTITIES = 150
Answers = list[dict[str, dict[str, list[Any]]]]


@pytest.fixture
def environment(transactional_db: None) -> Environment:
    return a_random_environment()


@pytest.fixture
def snapshot(environment: Environment) -> EnvironmentSnapshot:
    found = read(environment.pk)
    assert found
    return found


@pytest.fixture
def told(environment: Environment, start_server: Callable[..., Server]) -> dict[str, Any]:
    """What a client must know."""
    key = a_key(environment, Kind.SERVER)  # before the server, which hears of later ones within a second
    api_url = f"http://127.0.0.1:{start_server(workers=1).port}/api/v1/"
    identities = dict(an_identity() for _ in range(IDENTITIES))  # once each, since their traits are kept
    return {"api_url": api_url, "key": key, "identities": [*identities.items()]}


@pytest.mark.parametrize("version", ["3.10.0", "4.0.1", "5.1.0", "6.3.0"])
def test_python(version: str, told: dict[str, Any], snapshot: EnvironmentSnapshot) -> None:
    python = python_with(f"flagsmith=={version}")
    answers = answer_of(str(python), str(HERE / "flagsmith_client.py"), told=told)

    without = split_rules(snapshot) if version < "5" else set()
    assert_alike(answers, snapshot, without, told["identities"])


def test_node(told: dict[str, Any], snapshot: EnvironmentSnapshot) -> None:
    """It takes no text for a number. Of those with overrides it finds none with a comma, and forgets what is false."""
    told["identities"] = [
        (identifier, {key: value for key, value in typed(traits).items() if value or identifier not in IDENTIFIERS})
        for identifier, traits in told["identities"]
        if "," not in identifier
    ]
    folder = node_with("flagsmith-nodejs")
    answers = answer_of("node", str(HERE / "flagsmith_client.mjs"), told=told, folder=folder)

    assert_alike(answers, snapshot, set(), told["identities"])


def test_browsers(told: dict[str, Any]) -> None:
    """They are told everything, and lower the case of names."""
    told["identities"] = [(identifier, typed(traits)) for identifier, traits in told["identities"]][:30]
    folder = node_with("flagsmith", "flagsmith-nodejs")
    program = str(HERE / "flagsmith_client.mjs")
    in_node = answer_of("node", program, told=told, folder=folder)
    in_browsers = answer_of("node", program, told=told | {"client": "browser"}, folder=folder)

    assert [answer["remote"] for answer in in_browsers] == [answer["remote"] for answer in in_node]


def test_openfeature(transactional_db: None, start_server: Callable[..., Server]) -> None:
    """Its provider needs another version of OpenFeature than the judges do, so it is here."""
    environment = an_environment(a_project(bucketing="flagsmith"))
    a_feature(environment, key="beta", state={"status": "on"})
    a_feature(environment, key="theme", value_type="json", state={"status": "on", "on_value": {"dark": [1, None]}})
    limit = a_feature(environment, key="limit", value_type="number", state={"status": "on", "on_value": 10})
    a_rule(limit, environment, conditions=a_condition("plan", "equals", "pro"), value=100)
    a_split(environment)
    asks = {"identifier": "ann", "traits": {"plan": "pro"}, "key": a_key(environment)}
    told = asks | {"api_url": f"http://127.0.0.1:{start_server(workers=1).port}/api/v1/"}

    python = python_with("openfeature-provider-flagsmith==1.0.0")
    answers = answer_of(str(python), str(HERE / "flagsmith_openfeature.py"), told=told)

    assert answers.pop("checkout") in {"old", "new"}
    assert answers == {"beta": True, "limit": 100, "theme": {"dark": [1, None]}, "unknown": "FLAG_NOT_FOUND"}


def split_rules(snapshot: EnvironmentSnapshot) -> set[str]:
    """The features with an experiment in a rule: before 5.1, clients split by environment only."""
    return {key for key, feature in snapshot.definitions.items() if any(rule.experiment for rule in feature.rules)}


def typed(traits: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in traits.items() if not (isinstance(value, str) and is_number_like(value))}


def assert_alike(answers: Answers, snapshot: EnvironmentSnapshot, without: set[str], asked: list[Any]) -> None:
    left_out = without | local_evaluation(snapshot).keys()
    assert len(answers) == len(asked)
    compared = 0
    for answer, identity in zip(answers, asked, strict=True):
        remote, local = answer["remote"], answer["local"]
        assert remote.keys() == local.keys() == snapshot.definitions.keys()
        wrong = {key: (remote[key], local[key]) for key in remote.keys() - left_out if remote[key] != local[key]}
        assert not wrong, (wrong, identity)
        compared += len(remote.keys() - left_out)
    assert compared > 25 * len(asked)
