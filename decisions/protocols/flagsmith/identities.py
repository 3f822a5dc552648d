"""Identities: every flag for somebody, from what they say of themselves now and what was kept of them before."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec

from decisions.protocols._base import Call, Kind, Refusal, Reply
from decisions.protocols.flagsmith import fields
from decisions.protocols.flagsmith.fields import Trait, read, together
from decisions.protocols.flagsmith.flags import FlagsmithFlag, encode, one, shown, updated_at
from decisions.protocols.flagsmith.moments import phase_at
from decisions.protocols.flagsmith.traits import accepts_traits, attributes, keep

NEGATIVE = {"", "0", "false", "no", "off"}


class FlagsmithSentTrait(msgspec.Struct):
    """A trait as it is sent: null forgets it, a transient one is not kept."""

    trait_key: str
    trait_value: str | int | float | bool | None
    transient: bool = False


class FlagsmithAsk(msgspec.Struct):
    """Who asks. Without an identifier nothing is kept."""

    identifier: str | None = None
    traits: list[FlagsmithSentTrait] = []
    transient: bool = False


class FlagsmithTrait(msgspec.Struct):
    """A trait that counted. It has no id here."""

    trait_key: str
    trait_value: Any
    transient: bool = False
    id: int | None = None


class FlagsmithIdentity(msgspec.Struct):
    """Somebody's traits and flags."""

    identifier: str
    traits: list[FlagsmithTrait]
    flags: list[FlagsmithFlag]


class Identity(NamedTuple):
    """Who asks, as it was sent."""

    identifier: str
    traits: Sequence[Trait]
    is_transient: bool
    """Whether nothing of it is kept."""
    is_nobody: bool = False
    """Whether its identifier was made up."""


def get_identity(call: Call) -> Reply:
    """GET /api/v1/identities/: the flags of the identity that `identifier` names."""
    identifier = call.query("identifier")
    if not identifier:
        raise Refusal(Kind.INVALID, "Missing identifier")
    asked = {"identifier": identifier, "transient": (call.query("transient") or "").lower() not in NEGATIVE}
    return answer(call, read(identity, asked))


def post_identity(call: Call) -> Reply:
    """POST /api/v1/identities/: keep what is said of an identity, and answer its flags."""
    return answer(call, read(identity, call.fields()))


def identity(body: Any) -> Identity:
    """Raises `Wrong`."""
    identifier, traits, is_transient = together(
        identifier=lambda: None if body.get("identifier") in (None, "") else fields.identifier_in(body),
        traits=lambda: fields.each(fields.trait, body.get("traits") or []),
        transient=lambda: fields.boolean(body, "transient"),
    )
    if identifier is None:
        return Identity(made_up(traits), traits, is_transient=True, is_nobody=True)
    return Identity(identifier, traits, is_transient)


def made_up(traits: Sequence[Trait]) -> str:
    """An identifier for somebody who has none: the same for the same traits."""
    if not traits:
        return uuid4().hex
    said = "".join(f"{trait.key}{trait.value}" for trait in sorted(traits, key=lambda trait: trait.key))
    return sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


def answer(call: Call, asked: Identity) -> Reply:
    """All that counts of an identity, and its flags."""
    traits = counted(call, asked)
    now = call.subject(None, {}).at
    known = {trait.trait_key: trait.trait_value for trait in traits}
    subject = call.subject(asked.identifier, attributes(call, known), at=now)
    headers = updated_at(phase_at(call.snapshot, now))
    name = call.query("feature")
    if name is not None:
        return Reply(one(call, name, subject), headers=headers)
    shown_traits = [] if call.snapshot.about.hide_sensitive_data else traits
    parts = encode(asked.identifier), encode(shown_traits), shown(call, call.decide_all(subject).values())
    return Reply(b'{"identifier":%b,"traits":%b,"flags":%b}' % parts, headers=headers)


def counted(call: Call, asked: Identity) -> list[FlagsmithTrait]:
    """What was kept before, changed by what is said now: one question to the database, and at most one change."""
    sent = asked.traits if accepts_traits(call) else ()
    found = kept(call, asked, [trait for trait in sent if not trait.is_transient])
    traits = {key: FlagsmithTrait(key, value) for key, value in found.items()}
    for trait in sent:
        traits[trait.key] = FlagsmithTrait(trait.key, trait.value, trait.is_transient or asked.is_transient)
    return [trait for trait in traits.values() if trait.trait_value is not None]


def kept(call: Call, asked: Identity, changes: Sequence[Trait]) -> dict[str, Any]:
    """What the environment keeps of the identity from now on, if it keeps anything."""
    if asked.is_nobody or not call.snapshot.about.persist_traits:
        return {}
    if asked.is_transient or not changes:
        return call.traits.read(asked.identifier) or {}
    return keep(call, asked.identifier, changes)
