"""Our features as GO Feature Flag's flags, for providers that evaluate in their own process.

A flag decides exactly as the feature does, or it is the control or the off value for everybody and says why.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from decisions.engine.conditions.binding import leaves
from decisions.engine.conditions.operators import SEGMENTS, is_number
from decisions.engine.types import Feature, Segment, Status
from decisions.protocols.go_feature_flag.branches import Branch, Outcome, Scope, branches_of, control_outcome
from decisions.protocols.go_feature_flag.queries import Inexpressible, text_of
from decisions.protocols.go_feature_flag.variations import Variations, phases_of
from decisions.snapshots import EnvironmentSnapshot

WHOLE = 2**53
"""Beyond it whole numbers are others in floating point, which is all that the evaluator has."""


class Part(msgspec.Struct, omit_defaults=True):
    """One rule of a flag. This and the other shapes have their fields in upstream's order, which its hashes follow."""

    name: str = ""
    query: str = ""
    variation: str = ""
    percentage: Mapping[str, int | float] = {}


class Scheduled(msgspec.Struct, kw_only=True):
    """What a flag becomes at a date."""

    defaultRule: Part
    disable: bool
    date: str


class Flag(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A feature as GO Feature Flag writes it."""

    variations: Mapping[str, Any]
    targeting: list[Part] = []
    defaultRule: Part
    scheduledRollout: list[Scheduled] = []
    disable: bool = False
    version: str = ""


class Compiled(NamedTuple):
    """A flag, and why it does not decide as the feature does, if it does not."""

    flag: Flag
    complaints: tuple[str, ...] = ()

    @property
    def needs_key(self) -> bool:
        """Whether upstream asks for a targeting key before it looks at anything else."""
        return any(part.percentage for part in (*self.flag.targeting, self.flag.defaultRule))


class Configuration:
    """The flags of one snapshot, each made when it is first asked for."""

    def __init__(self, snapshot: EnvironmentSnapshot) -> None:
        self.snapshot = snapshot
        self._scope = Scope(snapshot.definitions, snapshot.segments)
        self._compiled: dict[str, Compiled] = {}
        self._versions: dict[str, str] = {}

    def of(self, key: str) -> Compiled:
        """The flag of a feature that the snapshot has."""
        found = self._compiled.get(key)
        if found is None:
            found = self._compiled[key] = self._make(self.snapshot.definitions[key])
        return found

    def version(self, key: str) -> str:
        """Another one whenever anything about the feature is, and the same in every process."""
        found = self._versions.get(key)
        if found is None:
            found = self._versions[key] = self._fingerprint(self.snapshot.definitions[key])
        return found

    def _fingerprint(self, feature: Feature) -> str:
        is_circular = feature.key in self._scope.circular
        needed = [] if is_circular else [required.feature_key for required in feature.prerequisites]
        known = [self.version(key) for key in needed if key in self.snapshot.definitions]
        return version_of(feature, self.snapshot.segments, known)

    def _make(self, feature: Feature) -> Compiled:
        version = self.version(feature.key)
        try:
            check_values(feature)
            flag = flag_of(feature, self._scope)
        except Inexpressible as error:
            return Compiled(msgspec.structs.replace(safe_flag(feature), version=version), error.args)
        return Compiled(msgspec.structs.replace(flag, version=version))


def configuration_of(snapshot: EnvironmentSnapshot) -> Configuration:
    """The flags of a snapshot, kept with it."""
    return snapshot.keep("go_feature_flag.configuration", lambda: Configuration(snapshot))


def local_evaluation(snapshot: EnvironmentSnapshot) -> dict[str, list[str]]:
    """Which features a provider cannot decide in its own process, and why."""
    configuration = configuration_of(snapshot)
    found = {key: configuration.of(key).complaints for key in snapshot.definitions}
    return {key: list(complaints) for key, complaints in found.items() if complaints}


def flag_of(feature: Feature, scope: Scope) -> Flag:
    """The flag of a feature, without a version. Raises `Inexpressible`."""
    variations = Variations(feature)
    first, *later = phases_of(feature)
    if feature.steps:
        others, default = _branches_at_all_times(first, variations, scope), _default_in(first, variations, scope)
    else:
        *others, last = scope.of(feature.key)
        default = last.outcome
    moments = sorted(step.at for step in feature.steps)
    return Flag(
        variations=variations.values,
        targeting=list(map(part_of, others)),
        defaultRule=default_of(default),
        scheduledRollout=[
            Scheduled(
                defaultRule=default_of(_default_in(phase, variations, scope)),
                disable=phase.status is Status.OFF,
                date=moment_of(at),
            )
            for at, phase in zip(moments, later, strict=True)
        ],
        disable=first.status is Status.OFF,
    )


def _branches_at_all_times(phase: Feature, variations: Variations, scope: Scope) -> list[Branch]:
    """What stands before the status, which is all that steps change."""
    *others, _ = branches_of(replace(phase, status=Status.ON, ramp=None, rollout=0), variations, scope)
    return others


def _default_in(phase: Feature, variations: Variations, scope: Scope) -> Outcome:
    """What a phase ends with. Upstream merges steps into what was before, so only plain values may follow."""
    bare = replace(phase, overrides={}, prerequisites=(), rules=())
    *others, last = branches_of(bare, variations, scope)
    if others or last.outcome.shares:
        raise Inexpressible("it is an experiment for some time only")
    return last.outcome


def part_of(branch: Branch) -> Part:
    """A branch as a rule of a flag."""
    return msgspec.structs.replace(default_of(branch.outcome), name=branch.name, query=text_of(branch.query))


def default_of(outcome: Outcome) -> Part:
    """An outcome as what everybody gets."""
    if outcome.shares is None:
        return Part(variation=outcome.variation)
    return Part(percentage={name: percent(share) for name, share in outcome.shares.items()})


def percent(share: int) -> int | float:
    """Thousandths of a percent as Go writes a percentage: no fraction where there is none."""
    return share // 1000 if share % 1000 == 0 else share / 1000


def moment_of(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def safe_flag(feature: Feature) -> Flag:
    """The control or the off value for everybody."""
    variations = Variations(feature)
    experiment = feature.experiment if feature.status is Status.EXPERIMENT else None
    outcome = control_outcome(feature, variations, experiment)
    return Flag(variations={outcome.variation: outcome.value}, defaultRule=Part(variation=outcome.variation))


def check_values(feature: Feature) -> None:
    """Raises `Inexpressible` for values that would not arrive as they are."""
    if any(map(_is_rounded, _leaves_of(list(Variations(feature).values.values())))):
        raise Inexpressible("it has a whole number beyond 2**53, which the evaluator would round")


def _is_rounded(value: Any) -> bool:
    return is_number(value) and isinstance(value, int) and abs(value) > WHOLE


def _leaves_of(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if not isinstance(value, list):
        yield value
        return
    for item in value:
        yield from _leaves_of(item)


def version_of(feature: Feature, segments: Mapping[str, Segment], prerequisites: list[str]) -> str:
    """A fingerprint of everything that the feature's decisions come from, given those of its prerequisites."""
    experiments = [feature.experiment, *(rule.experiment for rule in feature.rules)]
    trees = [rule.tree for rule in feature.rules] + [found.audience_tree for found in experiments if found]
    told = replace(feature, name="", description="", tags=(), created_at=0.0)
    content = msgspec.json.encode([told, _trees_of(trees, segments), prerequisites], enc_hook=_as_json, order="sorted")
    return sha256(content).hexdigest()[:8]


def _as_json(value: Any) -> Any:
    """Mappings that cannot be changed, and conditions, which their trees stand for."""
    return dict(value) if isinstance(value, Mapping) else None


def _trees_of(trees: list[Any], segments: Mapping[str, Segment]) -> dict[str, Any]:
    """The trees of all segments that trees refer to, however far."""
    found: dict[str, Any] = {}
    pending = list(trees)
    while pending:
        for key in _segments_in(pending.pop()):
            if key in segments and key not in found:
                found[key] = segments[key].tree
                pending.append(found[key])
    return found


def _segments_in(tree: Any) -> Iterator[str]:
    for _path, leaf in leaves(tree):
        if isinstance(leaf, Mapping) and leaf.get("operator") in SEGMENTS and isinstance(leaf.get("value"), str):
            yield leaf["value"]
