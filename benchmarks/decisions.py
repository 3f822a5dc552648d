"""What a decision costs on one database: kept, not kept, next to `/health` and to the floor."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks import floor, process
from benchmarks.installation import ROOT, Installation
from benchmarks.load import Ask
from benchmarks.rounds import Figures, Pace, Subject, interleave

DURABLE = "POST /decisions, durable"
WITHOUT_RECORD = "POST /decisions, no record"
HEALTH = "GET /health"
FLOOR = "floor (constant answer)"


@dataclass(frozen=True, slots=True)
class DecisionBodies:
    """Bodies of `POST /decisions`. No two have the same request id, in this run or another; every user is a new one."""

    feature_key: str

    def __call__(self) -> Iterator[bytes]:
        prefix = f"{time.time_ns():x}-{secrets.token_hex(4)}".encode()
        feature = self.feature_key.encode()
        for n in itertools.count():
            yield b'{"request_id":"%b-%d","feature_key":"%b","user_id":"u-%d","context":{}}' % (prefix, n, feature, n)


def ask_for_decision(key: str, feature_key: str = "new_checkout") -> Ask:
    """One decision of the Feature Hub protocol, new every time."""
    return Ask("POST", "/decisions", (("X-Environment-Key", key),), DecisionBodies(feature_key))


def measure(installation: Installation, pace: Pace) -> dict[str, Figures]:
    """Start all servers, then load one at a time."""
    decision = ask_for_decision(installation.key)
    with ExitStack() as stack:
        durable = stack.enter_context(installation.serve("durable"))
        without = stack.enter_context(installation.serve("without-record", RECORD_DECISIONS="off"))
        bare = stack.enter_context(
            process.serve(floor.COMMAND, env=installation.env, cwd=ROOT, log=installation.directory / "floor.log")
        )
        return interleave(
            [
                Subject(DURABLE, durable, decision),
                Subject(WITHOUT_RECORD, without, decision),
                Subject(HEALTH, durable, Ask("GET", "/health")),
                Subject(FLOOR, bare, decision),
            ],
            pace,
        )


def ratios(figures: dict[str, Figures]) -> dict[str, float]:
    """Throughput against throughput, which says more on a noisy machine than either figure."""
    return {
        "durable / without record": figures[DURABLE].rps / figures[WITHOUT_RECORD].rps,
        "without record / floor": figures[WITHOUT_RECORD].rps / figures[FLOOR].rps,
    }
