"""How long after an edit was answered the other processes serve it: on the same host, and on others."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from random import Random
from statistics import median
from tempfile import mkdtemp

from benchmarks.contenders import CONTENDERS
from benchmarks.installation import Installation
from benchmarks.process import Server

SAME_HOST, NOTIFIED, POLLING = "same host", "other host, notified", "other host, polling"
FEATURE, NUMBER = "dark_mode", "feat-001"
PAUSE = 0.05
"""Seconds between two edits, more or less, so that no poll is always as old."""
BLINK = 0.002
"""Seconds between two looks."""
PATIENCE = 20.0
CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class Delays:
    """Milliseconds until the last process of a server served an edit."""

    where: str
    median_ms: float
    most_ms: float
    edits: int


def measure(installation: Installation, *, brief: bool = False) -> Iterator[Delays]:
    """What the database makes possible: PostgreSQL tells other hosts, SQLite has none, so its poll is measured."""
    is_postgresql = installation.env["DATABASE_URL"].startswith("postgres")
    edits = 10 if brief else 40
    elsewhere = mkdtemp(prefix="elsewhere-", dir=installation.directory)
    places = {SAME_HOST: installation.env["STATE_DIR"], NOTIFIED if is_postgresql else POLLING: elsewhere}
    with CONTENDERS["web"](installation) as web:
        for where, state in places.items():
            with CONTENDERS["edge"](installation, STATE_DIR=state) as edge:
                yield reached(where, installation, web, edge, edits)


def reached(where: str, installation: Installation, web: Server, edge: Server, edits: int) -> Delays:
    """Switch a feature off and on, and look at every process of the edge."""
    random, manage = Random(where), str(installation.demo["environments"]["development"]["manage"])
    with ExitStack() as stack:
        editor = stack.enter_context(closing(http.client.HTTPConnection("127.0.0.1", web.port, timeout=PATIENCE)))
        processes = one_line_each(edge, stack)
        delays = []
        for turn in range(edits):
            is_on = turn % 2 == 1
            edit(editor, manage, is_on=is_on)
            delays.append(seconds_until(processes, lambda line, on=is_on: serves(line, installation.key) is on))  # type: ignore[misc]
            time.sleep(PAUSE * (1 + random.random()))
    return Delays(where, median(delays) * 1000, max(delays) * 1000, edits)


def one_line_each(server: Server, stack: ExitStack) -> list[http.client.HTTPConnection]:
    """A connection to each process of a server."""
    found: dict[str, http.client.HTTPConnection] = {}
    for _ in range(CONNECTIONS):
        line = stack.enter_context(closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)))
        found.setdefault(answerer(line), line)
    return list(found.values())


def answerer(line: http.client.HTTPConnection) -> str:
    """The process at the other end, by its number."""
    line.request("GET", "/metrics")
    return line.getresponse().read().decode().partition('pid="')[2].partition('"')[0]


def edit(line: http.client.HTTPConnection, key: str, *, is_on: bool) -> None:
    """Switch the feature. Raises AssertionError if that is refused."""
    body = json.dumps({"status": "on" if is_on else "off"})
    headers = {"X-Environment-Key": key, "Content-Type": "application/json"}
    line.request("PATCH", f"/features/{NUMBER}", body, headers)
    response = line.getresponse()
    told = response.read()
    if response.status != 200:
        raise AssertionError(f"PATCH /features/{NUMBER}: {response.status} {told[:200]!r}")


def serves(line: http.client.HTTPConnection, key: str) -> bool:
    """Whether the feature is on for those who ask this process."""
    body = json.dumps({"context": {"targetingKey": "u-1"}})
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    line.request("POST", f"/ofrep/v1/evaluate/flags/{FEATURE}", body, headers)
    answer = json.loads(line.getresponse().read())
    return bool(answer["reason"] != "DISABLED")


def seconds_until(
    lines: Sequence[http.client.HTTPConnection], is_so: Callable[[http.client.HTTPConnection], bool]
) -> float:
    """Until it is so in every process. Raises TimeoutError."""
    began, waiting = time.perf_counter(), list(lines)
    while waiting := [line for line in waiting if not is_so(line)]:
        if time.perf_counter() - began > PATIENCE:
            raise TimeoutError(f"{len(waiting)} processes do not hear of an edit")
        time.sleep(BLINK)
    return time.perf_counter() - began
