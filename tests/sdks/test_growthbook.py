"""GrowthBook's real SDK against a running server: what it decides is what we answer, and edits reach it."""

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from audits.services import SYSTEM
from benchmarks.process import Server
from experiments.models import Exposure
from features.models import Feature
from features.services import set_state
from tenants.models import Environment
from tenants.roles import Kind
from tenants.services import issue_credential
from tests.builders import a_key, an_environment
from tests.protocols.growthbook.asks import KEYS, evaluated, furnish, subjects
from tests.sdks.in_conversation import Conversation, conversation
from tests.sdks.old.environments import HERE

PROGRAM = str(HERE / "growthbook_client.py")


@pytest.fixture
def environment(transactional_db: None) -> Environment:
    environment = an_environment()
    furnish(environment)
    return environment


@pytest.fixture
def told(environment: Environment) -> dict[str, dict[str, Any]]:
    """How each client is to work: with the key of its kind."""
    sealed, sealed_key = issue_credential(environment, kind=Kind.CLIENT, name="sealed", is_encrypted=True, actor=SYSTEM)
    plain_key, remote_key = a_key(environment), a_key(environment, is_remote_only=True)
    return {
        "sync": {"mode": "sync", "key": plain_key},
        "async": {"mode": "async", "key": plain_key},
        "sealed": {"mode": "async", "key": sealed_key, "decryption_key": sealed.encryption_key},
        "remote": {"mode": "remote", "key": remote_key},
        "async remote": {"mode": "async remote", "key": remote_key},
        "tracking": {"mode": "tracking", "key": plain_key},
    }


@pytest.fixture
def host(told: dict[str, Any], start_server: Callable[..., Server]) -> str:
    return f"http://127.0.0.1:{start_server(workers=1).port}"


def test_every_client_decides_as_we_do_and_hears_of_an_edit(
    environment: Environment, told: dict[str, dict[str, Any]], host: str
) -> None:
    with ExitStack() as stack:
        clients = {name: stack.enter_context(conversation(sys.executable, PROGRAM, told=how | {"host": host}))
                   for name, how in told.items()}  # fmt: skip

        for subject in subjects(40):
            ours = evaluated(host, told["remote"]["key"], subject)
            for name, client in clients.items():
                theirs = client.ask(subject, KEYS)
                assert theirs == {key: ours[key] for key in KEYS}, (name, subject)
        assert_an_edit_arrives(environment, {name: clients[name] for name in ("async", "sealed", "async remote")})
        assert_exposures_arrive(environment)


def assert_an_edit_arrives(environment: Environment, clients: dict[str, Conversation]) -> None:
    ann = {"id": "ann"}
    for colour in ("red", "green"):
        set_state(Feature.objects.get(key="word"), environment, actor=SYSTEM, on_value=colour)

        waited = {name: client.seconds_until("word", colour, ann) for name, client in clients.items()}
        assert max(waited.values()) < 5, waited  # about one, on a machine that does nothing else


def assert_exposures_arrive(environment: Environment) -> None:
    deadline = time.monotonic() + 10
    while not (found := Exposure.objects.filter(source="growthbook")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found.filter(environment_id=environment.pk).exists()
