"""`python -m benchmarks.soak`: hours in minutes. An edit a second, the database killed each minute, and callers who
never pause; prints what was answered and how much memory was used, and ends with 1 where a decision was not served."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, cycle
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic

from benchmarks import postgres
from benchmarks.contenders import CONTENDERS
from benchmarks.installation import Installation, installed
from benchmarks.load import Ask, Client, Load, Mix, Sample, percentile
from benchmarks.postgres import Cluster
from benchmarks.process import Server

KINDS = ("evaluations", "decisions", "edits")
EDITS_A_SECOND = 1.0


def main(arguments: Sequence[str]) -> int:
    asked = parse(arguments)
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="switchyard-soak-")))
        cluster = stack.enter_context(postgres.throwaway_cluster())
        installation = installed(directory, cluster.url, workers=asked.workers)
        server = stack.enter_context(CONTENDERS[asked.process](installation))
        editor = server if asked.process == "web" else stack.enter_context(CONTENDERS["web"](installation))
        soak = Soak(installation, server, editor, cluster, asked)
        asyncio.run(soak.run())
    print(soak.summary())
    return 1 if soak.failures() else 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long; default: 600")
    parser.add_argument("--restart", type=float, default=60.0, help="seconds from one outage to the next; default: 60")
    parser.add_argument("--down", type=float, default=3.0, help="seconds that an outage lasts; default: 3")
    parser.add_argument("--every", type=float, default=10.0, help="seconds from one line to the next; default: 10")
    parser.add_argument("--rate", type=float, default=200.0, help="evaluations a second; default: 200")
    parser.add_argument("--workers", type=int, default=2, help="processes of the server; default: 2")
    parser.add_argument("--process", choices=("web", "edge"), default="web", help="which one is soaked")
    return parser.parse_args(arguments)


@dataclass
class Soak:
    """One run."""

    installation: Installation
    server: Server
    editor: Server
    """Where edits go: the web process, for the edge has none."""
    cluster: Cluster
    asked: argparse.Namespace
    statuses: dict[str, Counter[int]] = field(default_factory=lambda: {kind: Counter() for kind in KINDS})
    memory: list[float] = field(default_factory=list)
    outages: int = 0

    async def run(self) -> None:
        outages = asyncio.create_task(self.strike())
        clients = self.clients()
        print(f"{'s':>6} {'outages':>7} {'RSS MB':>7} {'p99 ms':>7}  statuses")
        began = monotonic()
        while monotonic() - began < self.asked.seconds:
            phases = (client.phase(self.asked.every) for client in clients.values())
            samples = dict(zip(clients, await asyncio.gather(*phases), strict=True))
            self.note(samples, monotonic() - began)
        outages.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await outages
        for client in clients.values():
            client.close()

    def clients(self) -> dict[str, Client]:
        """Who asks, each kind at its own rhythm."""
        rate, port = self.asked.rate, self.server.port
        loads = {
            "evaluations": Load(port, evaluations(self.installation), connections=32, rate=rate),
            "decisions": Load(port, decisions(self.installation), connections=16, rate=rate / 4),
            "edits": Load(self.editor.port, edits(self.installation), connections=1, rate=EDITS_A_SECOND),
        }
        return {kind: Client(load, connections=load.connections) for kind, load in loads.items()}

    async def strike(self) -> None:
        """Kill the database again and again, as if its machine had failed, and bring it back."""
        while True:
            await asyncio.sleep(self.asked.restart)
            await asyncio.to_thread(self.cluster.stop)
            await asyncio.sleep(self.asked.down)
            await asyncio.to_thread(self.cluster.start)
            self.outages += 1

    def note(self, samples: dict[str, Sample], seconds: float) -> None:
        self.memory.append(self.server.rss_mb())
        for kind, sample in samples.items():
            self.statuses[kind].update(sample.statuses)
        slowest = percentile(sorted(samples["evaluations"].latencies), 99) * 1000
        told = "; ".join(f"{kind} {written(sample.statuses)}" for kind, sample in samples.items())
        print(f"{seconds:6.0f} {self.outages:7} {self.memory[-1]:7.1f} {slowest:7.1f}  {told}", flush=True)

    def failures(self) -> int:
        """Evaluations that got no decision."""
        return sum(times for status, times in self.statuses["evaluations"].items() if status == 0 or status >= 400)

    def summary(self) -> str:
        third = max(1, len(self.memory) // 3)
        first, last = median(self.memory[third : 2 * third] or self.memory), median(self.memory[-third:])
        told = "\n".join(f"{kind}: {written(statuses)}" for kind, statuses in self.statuses.items())
        return (
            f"\n{told}\n{self.outages} outages; evaluations without a decision: {self.failures()}\n"
            f"memory, medians of the second and of the last third: {first:.1f} and {last:.1f} MB"
        )


def written(statuses: Counter[int]) -> str:
    return " ".join(f"{status or 'broken'}×{times}" for status, times in sorted(statuses.items())) or "none"


def evaluations(installation: Installation) -> Mix:
    """Single ones, all at once, and a document: what the memory answers."""
    key = installation.key
    one = Ask("POST", "/ofrep/v1/evaluate/flags/new_checkout", (("X-API-Key", key),), subjects)
    everything = Ask("POST", "/v1/allflags", (("X-API-Key", key),), contexts)
    document = Ask("GET", "/api/v1/environment-document/", (("X-Environment-Key", key),))
    return Mix(((one, 8), (everything, 1), (document, 1)))


def subjects() -> Iterator[bytes]:
    for number in count():
        yield json.dumps({"context": {"targetingKey": f"user-{number % 10_000}"}}).encode()


def contexts() -> Iterator[bytes]:
    for number in count():
        yield json.dumps({"evaluationContext": {"key": f"user-{number % 10_000}"}}).encode()


def decisions(installation: Installation) -> Ask:
    """Those that are stored before they are answered."""
    return Ask("POST", "/decisions", (("X-Environment-Key", installation.key),), requests)


def requests() -> Iterator[bytes]:
    for number in count():
        body = {"request_id": f"soak-{number}", "feature_key": "new_checkout", "user_id": f"user-{number % 10_000}"}
        yield json.dumps(body).encode()


def edits(installation: Installation) -> Ask:
    """One feature, on and off."""
    manage = str(installation.demo["environments"]["development"]["manage"])
    return Ask("PATCH", "/features/feat-002", (("X-Environment-Key", manage),), switches)


def switches() -> Iterator[bytes]:
    for status in cycle(("on", "off")):
        yield json.dumps({"status": status}).encode()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
