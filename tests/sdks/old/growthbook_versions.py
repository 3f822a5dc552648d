"""Other versions of GrowthBook's SDKs against a running server. Run by `make sdks`, and not by `make test`."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from audits.services import SYSTEM
from benchmarks.process import Server
from decisions.engine.evaluate import decide_all
from decisions.engine.types import Subject
from decisions.protocols.growthbook.features import Definition, Definitions
from decisions.protocols.growthbook.subjects import key_of
from features.models import Feature
from features.services import set_state
from tenants.models import Environment
from tenants.roles import Kind
from tenants.services import issue_credential
from tests.builders import a_key, an_environment
from tests.protocols.growthbook.asks import KEYS, evaluated, furnish, subjects
from tests.protocols.growthbook.draws import NOW, SEGMENTS, a_snapshot, attributes, features
from tests.sdks.in_conversation import Conversation, conversation
from tests.sdks.old.environments import HERE, node_with, python_with

SUBJECTS = 150
FEATURES = 100


@pytest.fixture
def environment(transactional_db: None) -> Environment:
    environment = an_environment()
    furnish(environment)
    return environment


@pytest.fixture
def told(environment: Environment) -> dict[str, dict[str, Any]]:
    """How a client is to work, with the key for that."""
    sealed, sealed_key = issue_credential(environment, kind=Kind.CLIENT, name="sealed", is_encrypted=True, actor=SYSTEM)
    return {
        "sync": {"mode": "sync", "key": a_key(environment)},
        "async": {"mode": "async", "key": a_key(environment)},
        "remote": {"mode": "remote", "key": a_key(environment, is_remote_only=True)},
        "sealed": {"mode": "async", "key": sealed_key, "decryption_key": sealed.encryption_key},
    }


@pytest.fixture
def host(told: dict[str, Any], start_server: Callable[..., Server]) -> str:
    return f"http://127.0.0.1:{start_server(workers=1).port}"


@pytest.mark.parametrize("version", ["1.2.1", "2.2.1", "3.2.2", "4.0.0"])
def test_python(version: str, environment: Environment, told: dict[str, dict[str, Any]], host: str) -> None:
    """The stream of 1.x never tells its client anything."""
    python = str(python_with(f"growthbook=={version}"))

    def start(mode: str) -> AbstractContextManager[Conversation]:
        return conversation(python, str(HERE / "growthbook_client.py"), told=told[mode] | {"host": host})

    for mode in ("sync", "async"):
        assert_alike(start(mode), host, told[mode]["key"])
    if version != "1.2.1":
        assert_an_edit_arrives(start("sealed"), environment)


def test_node(environment: Environment, told: dict[str, dict[str, Any]], host: str) -> None:
    folder, program = node_with("@growthbook/growthbook", "eventsource"), str(HERE / "growthbook_client.mjs")

    def start(mode: str) -> AbstractContextManager[Conversation]:
        return conversation("node", program, told=told[mode] | {"host": host}, folder=folder)

    for mode in ("async", "remote"):
        assert_alike(start(mode), host, told[mode]["key"])
    assert_an_edit_arrives(start("sealed"), environment)


def test_node_decides_random_features_as_the_engine_does() -> None:
    """The document of features of every kind, for subjects of every kind."""
    folder, program = node_with("@growthbook/growthbook", "eventsource"), str(HERE / "growthbook_client.mjs")
    snapshot = a_snapshot(features(FEATURES))
    made = Definitions(snapshot.definitions, snapshot.definitions, SEGMENTS, NOW).all()
    exact = [key for key in made if not made[key].complaints]

    with conversation("node", program, told={"features": written(made)}, folder=folder) as client:
        for number in range(500):
            said = attributes(number)
            ours = decide_all(snapshot.features, Subject(key_of(said), said, NOW))

            assert client.ask(said, exact) == {key: ours[key].value for key in exact}, said
    assert len(exact) > FEATURES / 2


def written(made: dict[str, Definition]) -> dict[str, Any]:
    return {key: definition.written() for key, definition in made.items()}


def assert_alike(starting: AbstractContextManager[Conversation], host: str, key: str) -> None:
    with starting as client:
        for subject in subjects(SUBJECTS):
            ours = evaluated(host, key, subject)

            assert client.ask(subject, KEYS) == {name: ours[name] for name in KEYS}, subject


def assert_an_edit_arrives(starting: AbstractContextManager[Conversation], environment: Environment) -> None:
    """Over the stream, to a client that has to decrypt it."""
    with starting as client:
        assert client.ask({"id": "ann"}, ["word"]) == {"word": "blue"}
        set_state(Feature.objects.get(key="word"), environment, actor=SYSTEM, on_value="red")

        assert client.seconds_until("word", "red", {"id": "ann"}) < 5
