"""Every server on the same flags: who answers how much, how fast, and at what cost."""

from __future__ import annotations

import http.client
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from benchmarks import contenders, filling, workloads
from benchmarks.contenders import CONTENDERS
from benchmarks.filling import Filled, Wanted
from benchmarks.installation import Installation
from benchmarks.load import Ask, Asks
from benchmarks.process import Server
from benchmarks.rounds import Figures, Pace, Subject, interleave

FASTAPI, DJANGO, NGINX = "FastAPI + growthbook", "Django REST + flagsmith", "nginx"
EDGE, WEB, FLOOR, GRANIAN = "edge", "web", "floor", "granian floor"
COMPARED = range(0, workloads.SUBJECTS, 50)


@dataclass(frozen=True, slots=True)
class Line:
    """What was asked of whom, and how that went."""

    workload: str
    contender: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class Flags:
    """The same flags twice, because each rival knows its own scheme only."""

    growthbook: Filled
    flagsmith: Filled

    def documents(self) -> dict[str, Ask]:
        """Every document, each of the flags that it can express."""
        return workloads.documents(self.growthbook) | {"Flagsmith": workloads.documents(self.flagsmith)["Flagsmith"]}


def wanted(count: int) -> list[Wanted]:
    return [Wanted(f"g{count}", count), Wanted(f"f{count}", count, bucketing="flagsmith")]


def measure(installation: Installation, pace: Pace, *, brief: bool = False) -> list[Line]:
    """Single questions and documents of 10 features, then everything at once of 10 and of 200."""
    made = filling.order(installation, [*wanted(10), *wanted(200)])
    ten, many = (Flags(made[f"g{count}"], made[f"f{count}"]) for count in (10, 200))
    with arena(installation, ten) as servers:
        lines = run(servers, [*single(servers, ten, brief=brief), *bulk(servers, ten, brief=brief)], pace)
    with arena(installation, many) as servers:
        return lines + run(servers, [*bulk(servers, many, brief=brief), *documents(servers, many, brief=brief)], pace)


Question = tuple[str, str, Asks]
"""A workload, the contender that is asked, and how."""


def run(servers: Mapping[str, Server], questions: Sequence[Question], pace: Pace) -> list[Line]:
    """Take turns at all questions."""
    subjects = [Subject(f"{what}|{who}", servers[who], ask) for what, who, ask in questions]
    found = interleave(subjects, pace)
    return [Line(what, who, found[f"{what}|{who}"]) for what, who, _ in questions]


@contextmanager
def arena(installation: Installation, flags: Flags) -> Iterator[dict[str, Server]]:
    """Everybody at once, and agreed about who gets what."""
    with ExitStack() as stack:
        servers = {name: stack.enter_context(CONTENDERS[name](installation)) for name in (EDGE, WEB)}
        papers = Path(mkdtemp(prefix="documents-", dir=installation.directory))
        for name, ask in flags.documents().items():
            (papers / f"{slug(name)}.json").write_bytes(told(servers[EDGE], ask)[0])
        rest = {
            FLOOR: {"DOCUMENTS": str(papers)},
            GRANIAN: {"DOCUMENTS": str(papers)},
            FASTAPI: {"DOCUMENT": f"{papers}/growthbook.json", "TOKEN": flags.growthbook.client[0]},
            DJANGO: {"DOCUMENT": f"{papers}/flagsmith.json", "TOKEN": flags.flagsmith.client[0]},
            NGINX: {},
        }
        for name, env in rest.items():
            if contenders.is_installed(name):
                servers[name] = stack.enter_context(CONTENDERS[name](installation, **env))
        agree(servers, flags)
        yield servers


def single(servers: Mapping[str, Server], flags: Flags, *, brief: bool) -> Iterator[Question]:
    """One feature for one subject: every protocol of ours, and each rival's own call."""
    ours, what = workloads.single(flags.growthbook), "one of 10"
    for protocol, ask in itertools.islice(ours.items(), 3 if brief else None):
        yield f"{what}, {protocol}", EDGE, ask
    yield f"{what}, OFREP", WEB, ours["OFREP"]
    for floor in (FLOOR, GRANIAN, *(name for name in servers if name == NGINX)):
        yield what, floor, ours["OFREP"]
    yield what, FASTAPI, ours["GrowthBook API"]
    yield what, DJANGO, workloads.by_flagsmith(flags.flagsmith, flags.flagsmith.features[-1])


def bulk(servers: Mapping[str, Server], flags: Flags, *, brief: bool) -> Iterator[Question]:
    """Every feature for one subject."""
    ours = workloads.bulk(flags.growthbook) | {"Flagsmith": workloads.identities(flags.flagsmith)}
    what = f"all {len(flags.growthbook.features)}"
    for protocol, ask in itertools.islice(ours.items(), 2 if brief else None):
        yield f"{what}, {protocol}", EDGE, ask
    yield f"{what}, OFREP", WEB, ours["OFREP"]
    yield what, FASTAPI, workloads.all_by_growthbook(flags.growthbook)
    yield what, DJANGO, workloads.by_flagsmith(flags.flagsmith)


def documents(servers: Mapping[str, Server], flags: Flags, *, brief: bool) -> Iterator[Question]:
    """Whole documents, and the word that nothing is new, beside a floor that sends the same bytes."""
    for protocol, ask in itertools.islice(flags.documents().items(), 1 if brief else None):
        etag = told(servers[EDGE], ask)[1]
        yield f"document, {protocol}", EDGE, ask
        yield f"document, {protocol}", FLOOR, Ask("GET", f"/document/{slug(protocol)}")
        yield f"unchanged, {protocol}", EDGE, workloads.unchanged(ask, etag)
    yield "unchanged", FLOOR, Ask("GET", "/unchanged", (("If-None-Match", '"a-tag-of-some-length"'),))


def slug(name: str) -> str:
    return name.lower().replace(" ", "-")


def told(server: Server, ask: Ask, number: int = 0) -> tuple[bytes, str]:
    """One answer, to one of the subjects, and its ETag. Raises AssertionError if it is none."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    body = next(itertools.islice(ask.bodies(), number, None)) if ask.bodies else None
    headers = {**dict(ask.headers), **({"Content-Type": "application/json"} if body else {})}
    try:
        connection.request(ask.method, ask.path, body, headers)
        response = connection.getresponse()
        answer = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise AssertionError(f"{ask.method} {ask.path}: {response.status} {answer[:200]!r}")
    return answer, response.headers.get("ETag", "")


def agree(servers: Mapping[str, Server], flags: Flags) -> None:
    """Whoever decides otherwise than we do is doing something else. Raises AssertionError."""
    one = workloads.single(flags.growthbook)["GrowthBook API"]
    identity, rival = workloads.identities(flags.flagsmith), workloads.by_flagsmith(flags.flagsmith)
    for number in COMPARED:
        ours, theirs = (json.loads(told(servers[name], one, number)[0]) for name in (EDGE, FASTAPI))
        if ours["value"] != theirs["value"]:
            raise AssertionError(f"u-{number} gets {ours} from us and {theirs} from FastAPI")
        ours = {flag["feature"]["name"]: flag["feature_state_value"] for flag in asked(servers[EDGE], identity, number)}
        theirs = {key: flag["value"] for key, flag in json.loads(told(servers[DJANGO], rival, number)[0]).items()}
        if ours != theirs:
            raise AssertionError(f"u-{number} gets {ours} from us and {theirs} from Django")


def asked(server: Server, ask: Ask, number: int) -> Any:
    return json.loads(told(server, ask, number)[0])["flags"]
