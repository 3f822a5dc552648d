"""The features document: made once for all who may see the same, and again when time has changed it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from time import time
from typing import Any, NamedTuple

import msgspec

from decisions.engine.types import Feature
from decisions.protocols.growthbook.encryption import encrypted
from decisions.protocols.growthbook.features import Definitions
from decisions.protocols.growthbook.moments import next_moment
from decisions.snapshots import EnvironmentSnapshot, Grant

_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


class Document(NamedTuple):
    """A document, and until when it holds (seconds since the epoch)."""

    body: bytes
    version: str
    """Another one whenever the features are others, and only then."""
    until: float

    def lines(self) -> bytes:
        """The same in many short lines, for readers that take no long ones."""
        return json.dumps(json.loads(self.body), ensure_ascii=False, indent=0, separators=(",", ":")).encode()


class Versions:
    """The document of one snapshot for all who may see the same."""

    def __init__(self, snapshot: EnvironmentSnapshot, *, can_read: bool, encryption_key: str) -> None:
        self.snapshot, self.encryption_key = snapshot, encryption_key
        everything = snapshot.definitions
        self.visible: dict[str, Feature] = {
            key: feature for key, feature in everything.items() if can_read or not feature.is_server_only
        }
        self._held: Document | None = None

    def at(self, moment: float, before: Callable[[], None]) -> Document:
        """The document as it is at a moment. Two threads may make it at once; it comes out alike."""
        held = self._held
        if held is None or moment >= held.until:
            before()
            held = self._held = self._made(moment)
        return held

    def _made(self, moment: float) -> Document:
        everything = self.snapshot.definitions
        definitions = Definitions(self.visible, everything, self.snapshot.segments, moment).all()
        features = {key: made.written() for key, made in definitions.items()}
        written = msgspec.json.encode(features)
        version, date = dated(written)
        told: dict[str, Any] = {"features": msgspec.Raw(written)}
        if self.encryption_key:
            told = {"features": {}, "encryptedFeatures": encrypted(written, self.encryption_key)}
        body = msgspec.json.encode({"status": 200, **told, "dateUpdated": date})
        return Document(body, version, next_moment(everything.values(), moment))


def document_for(
    snapshot: EnvironmentSnapshot,
    grant: Grant,
    moment: float | None = None,
    *,
    before: Callable[[], None] = lambda: None,
) -> Document:
    """What the bearer of a key gets, now or at another moment (seconds since the epoch). `before` is called if it is
    not made yet."""
    asked = ("growthbook", grant.can_read, grant.encryption_key)
    versions = snapshot.keep(
        asked, lambda: Versions(snapshot, can_read=grant.can_read, encryption_key=grant.encryption_key)
    )
    return versions.at(time() if moment is None else moment, before)


def dated(features: bytes) -> tuple[str, str]:
    """A version of these features, in JSON, and the same as a date: SDKs skip a document whose date they know.

    No process knows when another one first served them, so it is no date of the calendar: 40 bits of the content's
    digest, as milliseconds from the year 2000 on.
    """
    digest = sha256(features).digest()
    date = _BEGINNING + timedelta(milliseconds=int.from_bytes(digest[:5]))
    return digest[:16].hex(), f"{date:%Y-%m-%dT%H:%M:%S}.{date.microsecond // 1000:03}Z"
