"""What a decision costs on one database: kept, and not kept."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

from benchmarks.comparison import EDGE, WEB, Line
from benchmarks.contenders import CONTENDERS
from benchmarks.installation import Installation
from benchmarks.load import Ask
from benchmarks.rounds import Pace, Subject, interleave

DURABLE = "POST /decisions, durable"
WITHOUT_RECORD = "POST /decisions, no record"
SWITCHES = {DURABLE: "on", WITHOUT_RECORD: "off"}
CONNECTIONS = 64


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


def measure(installation: Installation, pace: Pace) -> list[Line]:
    """Ours with and without the record, by turns."""
    decision = ask_for_decision(installation.key)
    with ExitStack() as stack:
        servers = {
            (what, who): stack.enter_context(CONTENDERS[who](installation, RECORD_DECISIONS=switch))
            for what, switch in SWITCHES.items()
            for who in (EDGE, WEB)
        }
        subjects = [Subject(f"{what}|{who}", server, decision) for (what, who), server in servers.items()]
        found = interleave(subjects, replace(pace, connections=CONNECTIONS))
    return [Line(what, who, found[f"{what}|{who}"]) for what, who in servers]
