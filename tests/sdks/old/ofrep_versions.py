"""OpenFeature's SDKs for JavaScript, in Node and in a browser on another origin. Run by `make sdks`."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import time
from typing import Any

import pytest
from pytest_django import Settings

from audits.services import SYSTEM
from benchmarks.process import Server
from decisions.engine.evaluate import decide
from decisions.engine.types import Subject
from decisions.snapshots import read
from features.models import Feature
from features.services import set_state
from tenants.models import Environment
from tests.browsers import chromium
from tests.builders import a_key, an_environment
from tests.protocols.ofrep.asks import furnish
from tests.sdks.old.environments import HERE, answer_of, node_with, run

ANN = {"targetingKey": "ann", "country": "DE"}
PATIENCE = 60  # seconds until a browser that says nothing is given up
COLOURS = ("red", "green", "yellow")


@pytest.fixture
def environment(transactional_db: None) -> Environment:
    environment = an_environment()
    furnish(environment)
    return environment


@pytest.fixture
def told(environment: Environment, start_server: Callable[..., Server], settings: Settings) -> dict[str, Any]:
    """What a client must know. The server shares a folder with this process, and so hears of its edits."""
    server = start_server(workers=1, STATE_DIR=str(settings.STATE_DIR))
    return {"url": f"http://127.0.0.1:{server.port}", "key": a_key(environment), "context": ANN}


def test_node(environment: Environment, told: dict[str, Any]) -> None:
    folder = node_with("@openfeature/server-sdk", "@openfeature/ofrep-provider")
    questions: list[tuple[str, Any, Any, list[Any]]] = [
        ("awake", False, ANN, [True, "STATIC", "on", None]),
        ("awake", False, {}, [True, "STATIC", "on", None]),
        ("word", "", ANN, ["blue", "STATIC", "on", None]),
        ("share", 0, ANN, [0.5, "STATIC", "on", None]),
        ("count", 0, ANN, [100, "STATIC", "on", None]),
        ("shape", {}, ANN, [{"a": [1]}, "STATIC", "on", None]),
        ("ruled", False, ANN, [True, "TARGETING_MATCH", "germans", None]),
        ("asleep", True, ANN, [True, "ERROR", None, "GENERAL"]),  # how it takes an answer without a value
        ("nowhere", True, ANN, [True, "ERROR", None, "FLAG_NOT_FOUND"]),
        ("half", True, {}, [True, "ERROR", None, "TARGETING_KEY_MISSING"]),
        *(("half", False, {"targetingKey": f"u-{number}"}, half(environment, f"u-{number}")) for number in range(50)),
    ]
    asked = told | {"questions": [question[:3] for question in questions]}

    answers = answer_of("node", str(HERE / "ofrep_node.mjs"), told=asked, folder=folder)

    assert answers == [question[3] for question in questions]


def half(environment: Environment, key: str) -> list[Any]:
    snapshot = read(environment.pk)
    assert snapshot
    value = decide(snapshot.features, "half", Subject(key)).value
    return [value, "SPLIT", "on" if value else "off", None]


def test_a_browser_on_another_origin(environment: Environment, told: dict[str, Any], tmp_path: Path) -> None:
    with serving(a_page(tmp_path)) as page, browsing(told | {"page": page}) as events:
        first = next(event for event in events if event["event"] == "ready")
        events.await_unchanged()
        delays = [told_after(environment, colour, events) for colour in COLOURS]
        statuses = [event["status"] for event in events.answers if event["method"] == "POST"]

    assert (first["value"], first["reason"], first["variant"]) == ("blue", "STATIC", "on")
    assert first["off"] == [True, "DISABLED"]
    assert statuses[:2] == [200, 304], "pages of another origin do not see the ETag"
    assert min(delays) < 1.0, delays


def told_after(environment: Environment, colour: str, events: "Events") -> float:
    """How many seconds after an edit a page shows the new value."""
    set_state(Feature.objects.get(key="word"), environment, actor=SYSTEM, on_value=colour)
    edited = time()
    changed = next(event for event in events if event["event"] == "changed" and event["value"] == colour)
    return float(changed["at"]) / 1000 - edited


class Events:
    """What a page tells, as it comes; the answers that it got are put aside."""

    def __init__(self, lines: Any) -> None:
        self._lines = lines
        self.answers: list[dict[str, Any]] = []

    def await_unchanged(self) -> None:
        """Wait for the answer to what is asked once the stream is open, which is that nothing has changed."""
        while not any(answer["status"] == 304 for answer in self.answers):
            self.answers.append(json.loads(next(self._lines)))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for line in self._lines:
            event = json.loads(line)
            if event["event"] == "answer":
                self.answers.append(event)
            else:
                yield event


def a_page(folder: Path) -> Path:
    """A folder with the page and its script, in one piece."""
    home = node_with("@openfeature/web-sdk", "@openfeature/ofrep-web-provider", "esbuild", "playwright-core")
    (folder / "index.html").write_text('<!doctype html><script src="page.js"></script>')
    esbuild = str(home / "node_modules/.bin/esbuild")
    packages, outfile = f"NODE_PATH={home / 'node_modules'}", f"--outfile={folder / 'page.js'}"
    run("env", packages, esbuild, str(HERE / "ofrep_page.js"), "--bundle", "--log-level=error", outfile)
    return folder


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and says nothing of it."""

    def log_message(self, *said: Any) -> None:
        pass


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A site of its own origin."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


@contextmanager
def browsing(told: dict[str, Any]) -> Iterator[Events]:
    """A browser that shows the page until the block ends."""
    asked = json.dumps(told | {"chromium": chromium()})
    command = ["node", str(HERE / "ofrep_browser.mjs"), asked]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=node_with(), stdin=pipe, stdout=pipe, text=True) as process:
        watchdog = threading.Timer(PATIENCE, process.kill)
        watchdog.start()
        assert process.stdin
        try:
            yield Events(process.stdout)
        finally:
            process.stdin.close()
            watchdog.cancel()
