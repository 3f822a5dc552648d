"""A snapshot as JSON, and back: what it was compiled from, which is bound and made ready again by the engine itself.

A snapshot that was restored decides as the compiled one did. Secrets are sealed. There is no pickle in it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from datetime import datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from decisions.engine import types as engine
from decisions.engine.conditions.binding import Binder
from decisions.engine.types import Experiment, Feature, Rule
from decisions.snapshots import About, EnvironmentSnapshot, Grant, assembled
from tenants.credentials import seal, unseal

Part = TypeVar("Part")
Row = dict[str, Any]

_WRITTEN = (
    *(EnvironmentSnapshot, About, Grant, Feature, Rule, Experiment, engine.Segment, engine.Variant, engine.Layer),
    *(engine.Override, engine.Prerequisite, engine.Step, engine.Ramp),
)
FORMAT = 1
"""To be raised when something is written in another way that the shapes do not show."""


def schema_of(shapes: Iterable[Any]) -> str:
    """What these shapes look like, in a few letters: it changes by itself with every field."""
    told = [(shape.__name__, [(field.name, str(field.type)) for field in fields(shape)]) for shape in shapes]
    return sha256(repr([FORMAT, *told]).encode()).hexdigest()[:16]


SCHEMA = schema_of(_WRITTEN)


class Unfaithful(ValueError):
    """Something in a snapshot cannot be written so that it reads the same again."""


def encoded(snapshot: EnvironmentSnapshot) -> bytes:
    """A snapshot as bytes. Raises `Unfaithful` if it could not be restored from them as it is."""
    try:
        document = msgspec.to_builtins(_document(snapshot), enc_hook=_plain, str_keys=True)
        body = msgspec.json.encode(document)
        in_full = msgspec.msgpack.decode(msgspec.msgpack.encode(document))
    except (TypeError, ValueError, OverflowError, NotImplementedError) as error:
        raise Unfaithful(str(error)) from error
    written = msgspec.json.decode(body)
    if written != in_full:
        raise Unfaithful("it holds numbers that JSON has not got")
    _parts(written)
    return body


def decoded(body: bytes) -> EnvironmentSnapshot:
    """The snapshot that these bytes tell of. Raises `Unfaithful`."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unfaithful(str(error)) from error
    features, parts = _parts(document)
    return assembled(features, **parts)


def _document(snapshot: EnvironmentSnapshot) -> Row:
    features = list(snapshot.definitions.values())
    return {
        **_but(snapshot, *_MADE_AGAIN),
        "features": [_feature_row(feature) for feature in features],
        "experiments": [_experiment_row(found) for found in _experiments(snapshot)],
        "in_use": [found.public_id for found in snapshot.experiments.values()],
        "grants": {key: _sealed(grant) for key, grant in snapshot.grants.items()},
    }


_MADE_AGAIN = ("features", "public_features", "definitions", "experiments", "grants", "_kept")


def _but(value: Any, *names: str) -> Row:
    """The fields of a value, without these."""
    return {field.name: getattr(value, field.name) for field in fields(value) if field.name not in names}


def _plain(value: Any) -> Any:
    if isinstance(value, MappingProxyType):
        return dict(value)
    raise NotImplementedError(f"{type(value).__name__} is not written")


def _experiments(snapshot: EnvironmentSnapshot) -> list[Experiment]:
    """Every experiment once, wherever it is served."""
    served = [feature.experiment for feature in snapshot.definitions.values()]
    served += [rule.experiment for feature in snapshot.definitions.values() for rule in feature.rules]
    found = {one.public_id: one for one in (*snapshot.experiments.values(), *served) if one}
    return list(found.values())


def _feature_row(feature: Feature) -> Row:
    rules = [_rule_row(rule) for rule in feature.rules]
    return _but(feature) | {"rules": rules, "experiment": _name(feature.experiment)}


def _rule_row(rule: Rule) -> Row:
    return _but(rule, "condition") | {"experiment": _name(rule.experiment)}


def _experiment_row(experiment: Experiment) -> Row:
    return _but(experiment) | {"audience": experiment.audience is not None}


def _name(experiment: Experiment | None) -> str | None:
    return experiment.public_id if experiment else None


def _sealed(grant: Grant) -> Row:
    sealed = {"secret": seal(grant.secret) if grant.secret else None}
    return _but(grant) | sealed | {"encryption_key": seal(grant.encryption_key) if grant.encryption_key else ""}


def _parts(document: Any) -> tuple[list[Feature], Row]:
    """The features, and everything else that a snapshot is assembled from. Raises `Unfaithful`."""
    try:
        rest = dict(document)
        segments = _many(rest["segments"], engine.Segment)
        binder = Binder({key: segment.tree for key, segment in segments.items()})
        experiments = {row["public_id"]: _experiment(row, binder) for row in rest["experiments"]}
        in_use = [experiments[name] for name in rest.pop("in_use")]
        features = [_feature(row, experiments, binder) for row in rest.pop("features")]
        grants = {key: grant for key, row in rest["grants"].items() if (grant := _unsealed(row))}
        return features, rest | {
            "changed_at": datetime.fromisoformat(rest["changed_at"]),
            "about": msgspec.convert(rest["about"], About),
            "segments": MappingProxyType(segments),
            "experiments": MappingProxyType({found.key: found for found in in_use}),
            "layers": tuple(rest["layers"]),
            "grants": grants,
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:  # msgspec's own is a ValueError
        raise Unfaithful(repr(error)) from error


def _experiment(row: Row, binder: Binder) -> Experiment:
    return Experiment(
        **row
        | {
            "variants": msgspec.convert(row["variants"], tuple[engine.Variant, ...]),
            "audience": binder.bind(row["audience_tree"]) if row["audience"] else None,
            "layer": msgspec.convert(row["layer"], engine.Layer | None),
            "slots": msgspec.convert(row["slots"], tuple[tuple[int, int], ...]),
        }
    )


def _feature(row: Row, experiments: Mapping[str, Experiment], binder: Binder) -> Feature:
    return Feature(
        **row
        | _timeline(row, experiments)
        | {
            "status": engine.Status(row["status"]),
            "rules": tuple(_rule(rule, experiments, binder) for rule in row["rules"]),
            "overrides": _many(row["overrides"], engine.Override),
            "prerequisites": msgspec.convert(row["prerequisites"], tuple[engine.Prerequisite, ...]),
            "tags": tuple(row["tags"]),
        }
    )


def _rule(row: Row, experiments: Mapping[str, Experiment], binder: Binder) -> Rule:
    trees = tuple(row["trees"])
    return Rule(**row | _timeline(row, experiments) | {"condition": binder.bind(*trees), "trees": trees})


def _timeline(row: Row, experiments: Mapping[str, Experiment]) -> Row:
    """What features and rules have alike."""
    return {
        "experiment": experiments[row["experiment"]] if row["experiment"] else None,
        "steps": msgspec.convert(row["steps"], tuple[engine.Step, ...]),
        "ramp": msgspec.convert(row["ramp"], engine.Ramp | None),
    }


def _many(rows: Row, shape: type[Part]) -> dict[str, Part]:
    return msgspec.convert(rows, dict[str, shape])  # type: ignore[valid-type]


def _unsealed(row: Row) -> Grant | None:
    """A grant; None if its secrets cannot be opened any more, because then nobody can prove to have it."""
    grant = msgspec.convert(row, Grant)
    opened = {name: unseal(sealed) for name in ("secret", "encryption_key") if (sealed := getattr(grant, name))}
    return None if None in opened.values() else replace(grant, **opened)  # type: ignore[arg-type]
