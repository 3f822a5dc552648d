"""GO Feature Flag's providers for JavaScript, in Node and in a browser on another origin. Run by `make sdks`."""

import os
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any

import pytest

from audits.services import SYSTEM
from benchmarks.process import Server
from decisions.engine.evaluate import decide
from decisions.engine.types import Subject
from decisions.snapshots import read
from experiments.models import Event, Exposure
from features.models import Rule, Usage
from features.services import update_rule
from tenants.models import Environment
from tests.builders import a_key
from tests.sdks.old.environments import HERE, answer_of, node_with, run
from tests.sdks.old.ofrep_versions import Events, browsing, serving
from tests.sdks.test_go_feature_flag import furnish

ANN = {"targetingKey": "ann", "plan": "pro", "age": 41}
GREETINGS = ("good morning", "good day", "good night")
USERS = 30
PATIENCE = 20  # seconds


@pytest.fixture
def environment(transactional_db: None) -> Environment:
    return furnish()


@pytest.fixture
def told(environment: Environment, start_server: Callable[..., Server]) -> dict[str, Any]:
    """What a client must know."""
    key = a_key(environment)
    return {"url": f"http://127.0.0.1:{start_server(workers=1).port}", "key": key, "context": ANN}


def test_node(environment: Environment, told: dict[str, Any]) -> None:
    """Version 0.7, which still asks as in the beginning: with a `user`."""
    folder = node_with("@openfeature/server-sdk", "@openfeature/go-feature-flag-provider")
    questions: list[tuple[str, Any, Any, list[Any]]] = [
        ("greeting", "", ANN, ["hello, pro", "TARGETING_MATCH", "pros", None]),
        ("greeting", "", {**ANN, "age": 17}, ["hello", "DEFAULT", "on", None]),
        ("share", 1.5, ANN, [0.5, "STATIC", "on", None]),
        ("limit", 5, ANN, [10, "STATIC", "on", None]),
        ("shape", {}, ANN, [{"a": [1]}, "STATIC", "on", None]),
        ("dark", True, ANN, [True, "DISABLED", None, None]),
        ("nowhere", True, ANN, [True, "ERROR", None, "FLAG_NOT_FOUND"]),
        *(("checkout", "", {"targetingKey": user}, split(environment, user)) for user in map(str, range(USERS))),
    ]

    asked = told | {"questions": [question[:3] for question in questions]}
    answers = answer_of("node", str(HERE / "go_feature_flag_node.mjs"), told=asked, folder=folder)

    assert answers == [question[3] for question in questions]
    assert within_patience(lambda: Exposure.objects.count() == USERS)


def split(environment: Environment, key: str) -> list[Any]:
    snapshot = read(environment.pk)
    assert snapshot
    decision = decide(snapshot.features, "checkout", Subject(key))
    assert decision.variant
    return [decision.value, "SPLIT", decision.variant.key, None]


def test_a_browser_on_another_origin(environment: Environment, told: dict[str, Any], tmp_path: Path) -> None:
    with serving(a_page(tmp_path)) as page, browsing(told | {"page": page}) as events:
        first = next(event for event in events if event["event"] == "ready")
        delays = [told_after(environment, greeting, events) for greeting in GREETINGS]
        check_reports(environment)

    assert (first["value"], first["reason"], first["variant"]) == ("hello, pro", "TARGETING_MATCH", "pros")
    assert first["off"] == [True, "ERROR"]  # how it takes an answer of no type
    print("seconds from edit to page:", delays)  # noqa: T201
    assert min(delays) < 1.0, delays


def told_after(environment: Environment, greeting: str, events: Events) -> float:
    """How many seconds after an edit a page shows the new value."""
    update_rule(Rule.objects.get(key="pros"), actor=SYSTEM, value=greeting)
    edited = time()
    changed = next(event for event in events if event["event"] == "changed" and event["value"] == greeting)
    assert changed["flags"] == ["greeting"]
    return float(changed["at"]) / 1000 - edited


def check_reports(environment: Environment) -> None:
    """What the page evaluated is counted, and what was done on it is stored."""
    assert within_patience(lambda: Usage.objects.filter(environment_id=environment.pk, feature_key="greeting").exists())
    assert within_patience(lambda: Event.objects.filter(name="opened").exists())
    event = Event.objects.get(name="opened")
    assert (event.subject, event.value, event.properties["what"]) == ("ann", 3, "page")


def within_patience(is_so: Callable[[], bool]) -> bool:
    end = monotonic() + PATIENCE
    while not is_so() and monotonic() < end:
        sleep(0.05)
    return is_so()


def a_page(folder: Path) -> Path:
    """A folder with the page and its script, in one piece."""
    home = node_with("@openfeature/web-sdk", "@openfeature/go-feature-flag-web-provider", "esbuild", "playwright-core")
    (folder / "index.html").write_text('<!doctype html><script src="page.js"></script>')
    program = str(HERE / "go_feature_flag_page.js")
    os.environ["NODE_PATH"] = str(home / "node_modules")
    bundle = [str(home / "node_modules/.bin/esbuild"), program, "--bundle", "--log-level=error"]
    run(*bundle, f"--outfile={folder / 'page.js'}")
    return folder
