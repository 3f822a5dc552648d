"""Protocols tried out: their own handlers answer, through a gateway with a key made for it, and nothing is recorded."""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import unquote

from django.conf import settings

from audits.records import Record
from decisions.engine.types import Decision, Subject
from decisions.freshness import Freshness
from decisions.gateway import Gateway, Listening, Waiting
from decisions.observer import Event, Exposed, Observer, Traits
from decisions.protocols import protocols
from decisions.protocols._base import Example, Protocol, Question, Refusal, Request, Told
from decisions.recorder import Recorder
from decisions.responses import Response
from decisions.sinks import Draft, ForgetfulSink
from decisions.snapshots import EnvironmentSnapshot, Grant, Shelf
from tenants.credentials import SIGNING_NAME, digest, new_key
from tenants.roles import RIGHTS, Kind

SIGNER = "rehearsal"


class Still(Freshness):
    """One snapshot, and nothing else there is to look for."""

    def __init__(self, snapshot: EnvironmentSnapshot) -> None:
        super().__init__(Shelf(capacity=1))
        self.only = snapshot

    def environment_of_key(self, key_digest: str) -> int | None:
        return self.only.environment_id if key_digest in self.only.grants else None

    def is_recent(self) -> bool:
        return True

    def snapshot(self, environment_id: int) -> EnvironmentSnapshot | None:
        return self.only


class Unrecorded(Recorder):
    """Decides at once, and stores nothing."""

    def __init__(self) -> None:
        super().__init__(ForgetfulSink())

    def submit(self, snapshot: EnvironmentSnapshot, request_id: str, draft: Draft) -> Future[Record]:
        decided: Future[Record] = Future()
        outcome = draft(snapshot)
        if isinstance(outcome, Refusal):
            decided.set_exception(outcome)
        else:
            decided.set_result(outcome)
        return decided


class Untouched(Traits):
    """What is kept of subjects, read and never changed."""

    __slots__ = ()

    def merge(self, identifier: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        merged = {**(self.read(identifier) or {}), **changes}
        return {name: value for name, value in merged.items() if value is not None}

    def increment(self, identifier: str, name: str, by: int) -> int:
        value = (self.read(identifier) or {}).get(name, 0)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"{name!r} is not a whole number")
        return value + by


class Unseen(Observer):
    """Looks away."""

    def traits(self, environment_id: int) -> Traits:
        return Untouched(environment_id)

    def seen(self, environment_id: int, decision: Decision, subject: Subject, source: str) -> None:
        """Nobody met anything."""

    def count(self, environment_id: int, feature_key: str, outcome: str, times: int) -> None:
        """Nothing is counted."""

    def report(self, snapshot: EnvironmentSnapshot, events: Sequence[Event | Exposed], source: str) -> int:
        return 0


class Rehearsed(NamedTuple):
    """What a protocol answered: `told` is None where that was a refusal."""

    protocol: Protocol
    status: int
    body: str
    told: Told | None


def rehearse(snapshot: EnvironmentSnapshot, question: Question, *, kind: Kind = Kind.CLIENT) -> list[Rehearsed]:
    """Every protocol that can be asked about one feature, asked now with a key of a kind that exists only here."""
    key = new_key("try-")
    spoken = protocols(settings.PROTOCOL_OPTIONS)
    gateway = Gateway(spoken, Still(replace(snapshot, grants=_grants(key, kind))), Unrecorded(), Unseen())
    asked = question._replace(key=key, signer=SIGNER)
    return [_rehearsed(gateway, protocol, protocol.example(asked)) for protocol in spoken if protocol.example]


def _grants(key: str, kind: Kind) -> dict[str, Grant]:
    """What the key may do: by its digest, and as a signing key."""
    return {
        digest(key): Grant(0, kind, RIGHTS[kind]),
        digest(SIGNING_NAME + SIGNER): Grant(0, Kind.SIGNING, RIGHTS[Kind.SIGNING], secret=key),
    }


def _rehearsed(gateway: Gateway, protocol: Protocol, example: Example) -> Rehearsed:
    response = _answered(gateway, example)
    return Rehearsed(protocol, response.status, response.body.decode(errors="replace"), _told(example, response))


def _answered(gateway: Gateway, example: Example) -> Response:
    path, _, query = example.target.partition("?")
    headers = {name.lower(): value for name, value in example.headers}
    body = json.dumps(example.body).encode()
    request = Request("POST", unquote(path), query, {"content-type": "application/json", **headers}, body)
    match = gateway.find(request.path)
    assert match is not None  # noqa: S101  an example names a route of its protocol
    response = gateway.respond(match, request, load=True)
    if isinstance(response, Waiting):
        return response.finish()
    assert not isinstance(response, Listening)  # noqa: S101  an example asks for an answer that ends
    return response


def _told(example: Example, response: Response) -> Told | None:
    """The answer in a few words; None if it is a refusal."""
    return example.read(json.loads(response.body)) if response.status == 200 else None
