"""The environment document: what a client with a server key needs to decide by itself."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from uuid import UUID

from decisions.engine.conditions.binding import Binder
from decisions.engine.conditions.operators import Broken
from decisions.protocols.flagsmith.conditions import Branches, rules_of
from decisions.protocols.flagsmith.leaves import Inexpressible
from decisions.protocols.flagsmith.moments import Phase
from decisions.protocols.flagsmith.plans import Plan, Planner, State, Target
from decisions.snapshots import EnvironmentSnapshot

Json = dict[str, Any]


def document(snapshot: EnvironmentSnapshot, phase: Phase, now: float) -> Json:
    """The whole document as it is at a moment: more than any client needs, so that every one finds its own."""
    planner = Planner(snapshot, now)
    plans = [planner.safely(feature) for feature in snapshot.definitions.values()]
    about = snapshot.about
    return {
        "id": snapshot.environment_id,
        "api_key": about.public_id,
        "name": about.name,
        "updated_at": phase.updated_at.isoformat(),
        "allow_client_traits": about.allow_client_traits,
        "hide_sensitive_data": about.hide_sensitive_data,
        "hide_disabled_flags": about.hide_disabled_flags,
        "use_identity_composite_key_for_hashing": True,
        "use_identity_overrides_in_local_eval": True,
        "project": project(snapshot, planner, plans),
        "feature_states": [feature_state(plan, plan.default) for plan in plans],
        "identity_overrides": list(identity_overrides(about.public_id, phase, plans)),
    }


def inexpressible(snapshot: EnvironmentSnapshot, now: float) -> dict[str, list[str]]:
    """The features that clients decide as control or off, and why."""
    planner = Planner(snapshot, now)
    found = {}
    for key, feature in snapshot.definitions.items():
        try:
            planner.plan(feature)
        except Inexpressible as error:
            found[key] = [f"{complaint[:1].upper()}{complaint[1:]}." for complaint in error.args]
    return found


def project(snapshot: EnvironmentSnapshot, planner: Planner, plans: list[Plan]) -> Json:
    about = snapshot.about
    return {
        "id": about.project_id,
        "name": about.project_name,
        "hide_disabled_flags": about.hide_disabled_flags,
        "enable_realtime_updates": True,
        "server_key_only_feature_ids": [
            feature.number for feature in snapshot.definitions.values() if feature.is_server_only
        ],
        "organisation": {
            "id": about.organisation_id,
            "name": about.organisation_name,
            "feature_analytics": True,
            "stop_serving_flags": False,
            "persist_trait_data": about.persist_traits,
        },
        "segments": segments(snapshot, planner, plans),
    }


def segments(snapshot: EnvironmentSnapshot, planner: Planner, plans: list[Plan]) -> list[Json]:
    """The project's segments as far as clients can be told them, then those that only rules need."""
    found: dict[str, list[Json]] = {
        segment.key: [
            {"id": segment.id, "name": segment.name, "rules": rules_of(branch), "feature_states": []} for branch in whom
        ]
        for segment, whom in expressible_segments(snapshot, planner)
    }
    made: list[Json] = []
    for plan in plans:
        for priority, target in enumerate(plan.targets):
            state = feature_state(plan, target.state, priority)
            for segment in found.get(target.segment or "") or _made(target, made):
                segment["feature_states"].append(state)
    return numbered([segment for parts in found.values() for segment in parts] + made)


def expressible_segments(snapshot: EnvironmentSnapshot, planner: Planner) -> Iterator[tuple[Any, Branches]]:
    binder = Binder({key: segment.tree for key, segment in snapshot.segments.items()})
    for segment in snapshot.segments.values():
        try:
            binder.segment(segment.key)
            yield segment, planner.translator.whom(segment.tree)
        except (Broken, Inexpressible):
            continue


def _made(target: Target, made: list[Json]) -> list[Json]:
    """Segments for those whom a rule means."""
    fresh = [{"id": 0, "name": target.name, "rules": rules_of(branch), "feature_states": []} for branch in target.whom]
    made += fresh
    return fresh


def numbered(found: list[Json]) -> list[Json]:
    """Segments with an id each: whoever has none, or that of another one, gets a number below zero."""
    taken: set[int] = {0}
    for number, segment in enumerate(found, 1):
        if segment["id"] in taken:
            segment["id"] = -number
        taken.add(segment["id"])
    return found


def identity_overrides(api_key: str, phase: Phase, plans: list[Plan]) -> Iterator[Json]:
    """Each subject with all that it gets by itself. There is no `django_id`: client 3.10 would hash by it."""
    found: dict[str, list[Json]] = {}
    for plan in plans:
        for identifier, state in plan.overrides.items():
            found.setdefault(identifier, []).append(feature_state(plan, state))
    for identifier, states in found.items():
        yield {
            "identifier": identifier,
            "identity_uuid": uuid_of("identity", api_key, identifier),
            "created_date": phase.updated_at.isoformat(),
            "environment_api_key": api_key,
            "composite_key": f"{api_key}_{identifier}",
            "identity_features": states,
            "identity_traits": [],
            "dashboard_alias": None,
        }


def feature_state(plan: Plan, state: State, priority: int | None = None) -> Json:
    """A state in the document. `django_id` is what a split is hashed with."""
    feature = plan.feature
    return {
        "feature": {"id": feature.number, "name": feature.key, "type": "MULTIVARIATE" if state.arms else "STANDARD"},
        "enabled": state.enabled,
        "feature_state_value": state.value,
        "django_id": state.seed,
        "featurestate_uuid": uuid_of("state", feature.key, state.seed, priority),
        "feature_segment": None if priority is None else {"priority": priority},
        "multivariate_feature_state_values": [
            {
                "id": arm.number,
                "mv_fs_value_uuid": uuid_of("variant", feature.key, arm.number),
                "percentage_allocation": arm.percent,
                "multivariate_feature_option": {"id": arm.number, "value": arm.value, "key": arm.key},
            }
            for arm in state.arms
        ],
    }


def uuid_of(*parts: object) -> str:
    """The same UUID for the same thing, of version 4, because that is what client 3.10 asks for."""
    return str(UUID(bytes=sha256(repr(parts).encode("utf-8", "surrogatepass")).digest()[:16], version=4))
