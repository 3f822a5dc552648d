"""Traits: what applications say of identities, kept by itself. Clients of today send traits with the identity."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from decisions.protocols._base import Call, Kind, Refusal, Reply
from decisions.protocols.flagsmith import fields
from decisions.protocols.flagsmith.fields import Trait, Wrong, invalid, read, together
from decisions.protocols.flagsmith.plans import numbers_of
from decisions.protocols.flagsmith.values import as_number

NOT_ALLOWED = "Setting traits not allowed with client key."
NOT_KEPT = "Organisation is not authorised to store traits."
NO_INTEGER = "Trait is not an integer."


class FlagsmithWho(msgspec.Struct):
    """An identity by its name."""

    identifier: str


class FlagsmithIdentityTrait(msgspec.Struct):
    """One trait of one identity."""

    identity: FlagsmithWho
    trait_key: str
    trait_value: str | int | float | bool | None


class FlagsmithIncrement(msgspec.Struct):
    """How much is added to a trait."""

    identifier: str
    trait_key: str
    increment_by: int


class FlagsmithIncremented(msgspec.Struct):
    """What a trait is after that."""

    trait_key: str
    trait_value: int
    identifier: str


def set_trait(call: Call) -> Reply:
    """POST /api/v1/traits/: keep one trait."""
    may_keep(call)
    identifier, trait = read(_kept, call.fields())
    keep(call, identifier, [trait])
    return Reply(echo(identifier, trait))


def _kept(body: Any) -> tuple[str, Trait]:
    identifier, trait = fields.trait_of_identity(body)
    if trait.value is None:
        raise Wrong({"trait_value": [fields.NULL]})
    return identifier, trait


def set_traits(call: Call) -> Reply:
    """PUT /api/v1/traits/bulk/: keep and forget traits of several identities. Answers those that were kept."""
    may_keep(call)
    items = call.body(object)
    if not isinstance(items, list):
        raise Refusal(Kind.INVALID, "Invalid request data")
    found = read(lambda body: fields.each(fields.trait_of_identity, body), items)
    by_identity: dict[str, list[Trait]] = {}
    for identifier, trait in found:
        by_identity.setdefault(identifier, []).append(trait)
    for identifier, traits in by_identity.items():
        keep(call, identifier, traits)
    return Reply([echo(identifier, trait) for identifier, trait in found if trait.value is not None])


def increment_trait(call: Call) -> Reply:
    """POST /api/v1/traits/increment-value/: add to a trait that is a whole number."""
    may_keep(call)
    identifier, key, by = read(_increment, call.fields())
    try:
        value = call.traits.increment(identifier, key, by)
    except ValueError as error:
        raise invalid([NO_INTEGER]) from error
    return Reply(FlagsmithIncremented(trait_key=key, trait_value=value, identifier=identifier))


def _increment(body: Any) -> list[Any]:
    return together(
        identifier=lambda: fields.identifier_in(body),
        trait_key=lambda: fields.text(body, "trait_key", fields.KEY_LENGTH),
        increment_by=lambda: fields.whole(body, "increment_by"),
    )


def may_keep(call: Call) -> None:
    """Refuses keys whose traits do not count, and environments that keep none."""
    if not accepts_traits(call):
        raise invalid({"non_field_errors": [NOT_ALLOWED]})
    if not call.snapshot.about.persist_traits:
        raise Refusal(Kind.FORBIDDEN, NOT_KEPT, NOT_KEPT)


def accepts_traits(call: Call) -> bool:
    """Whether this key may say anything of identities."""
    return call.grant.can_read or call.snapshot.about.allow_client_traits


def keep(call: Call, identifier: str, traits: Iterable[Trait]) -> dict[str, Any]:
    """Keep traits, and forget those that are None. Answers all that are kept."""
    return call.traits.merge(identifier, {trait.key: trait.value for trait in traits})


def attributes(call: Call, traits: Mapping[str, Any]) -> Mapping[str, Any]:
    """Traits as the engine takes them: of those that are only compared as numbers, text that looks like one is one."""
    numbers = numbers_of(call.snapshot)
    if numbers.isdisjoint(traits):
        return traits
    return {key: as_number(value) if key in numbers else value for key, value in traits.items()}


def echo(identifier: str, trait: Trait) -> FlagsmithIdentityTrait:
    return FlagsmithIdentityTrait(FlagsmithWho(identifier), trait.key, trait.value)
