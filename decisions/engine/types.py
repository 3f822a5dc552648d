"""The values a decision is made of: what is asked about, who asks, and what comes out.

All of them are immutable. Percentages are integers in thousandths of a percent (0..100_000), so that splits are exact.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Protocol

FULL = 100_000  # thousandths of a percent: everyone

_EMPTY: Mapping[str, Any] = MappingProxyType({})


def nothing() -> Mapping[str, Any]:
    """The one empty mapping, for fields that were given none."""
    return _EMPTY


class Status(StrEnum):
    """What a feature does in one environment."""

    OFF = "off"
    ON = "on"
    EXPERIMENT = "experiment"


class Reason(StrEnum):
    """Why a decision came out as it did. Each protocol words these in its own terms."""

    OFF = "off"
    ON = "on"
    ROLLOUT = "rollout"
    EXPERIMENT_INACTIVE = "experiment_inactive"
    NOT_IN_ROLLOUT = "not_in_rollout"
    ASSIGNED = "assigned"
    NOT_IN_AUDIENCE = "not_in_audience"
    NOT_IN_LAYER = "not_in_layer"
    OVERRIDE = "override"
    PREREQUISITE = "prerequisite"
    RULE = "rule"
    UNDECIDED = "undecided"


class Fault(StrEnum):
    """Why no decision could be made. A decision with a fault still carries a safe value."""

    FLAG_NOT_FOUND = "flag_not_found"
    TARGETING_KEY_MISSING = "targeting_key_missing"
    VARIANT_REQUIRED = "variant_required"
    WEIGHT_REQUIRED = "weight_required"


@dataclass(frozen=True, slots=True)
class Subject:
    """Who a decision is for: the key that buckets them, what is known about them, and when they ask.

    `at` is in seconds since the epoch: the engine has no clock, so the time is part of the question.
    """

    key: str | None
    attributes: Mapping[str, Any] = field(default_factory=nothing)
    at: float = 0.0


Known = dict[Any, bool]
"""What has been found out about one subject while features are decided together; whoever decides one keeps nothing."""
Holds = Callable[[Subject, Known | None], bool]
"""Whether a subject is meant. Total."""


class Condition(Protocol):
    """Whether a subject is meant, and why. Total."""

    @property
    def holds(self) -> Holds: ...

    @property
    def lone_segment(self) -> Holds | None:
        """What the segment asks, where a condition is that the subject is in one, and nothing else."""

    def __call__(self, subject: Subject) -> bool: ...

    def explain(self, subject: Subject) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Ramp:
    """A percentage that moves in a straight line. Times in seconds since the epoch, rollouts in thousandths."""

    start_at: float
    start_rollout: int
    end_at: float
    end_rollout: int


@dataclass(frozen=True, slots=True)
class Step:
    """From `at` on, whatever is not None here holds instead; `value` counts only where `sets_value` says so.

    A `rollout` replaces a ramp as well.
    """

    at: float
    status: Status | None = None
    rollout: int | None = None
    value: Any = None
    sets_value: bool = False


@dataclass(frozen=True, slots=True)
class Layer:
    """Experiments that exclude each other: each holds some of 10,000 slots, and nobody is in two slots."""

    key: str
    seed: str


@dataclass(frozen=True, slots=True)
class Variant:
    """One arm of an experiment. `weight` counts relative to the other arms; `value` None means "not set"."""

    key: str
    weight: int
    number: int = 0
    is_control: bool = False
    value: Any = None
    payload: Mapping[str, Any] = field(default_factory=nothing)


@dataclass(frozen=True, slots=True)
class Experiment:
    """A question asked of a feature. `public_id` salts the Feature Hub scheme, `seed` salts all of them."""

    public_id: str
    key: str
    seed: str
    variants: tuple[Variant, ...] = ()
    name: str = ""
    number: int = 0
    is_running: bool = True
    rollout: int = FULL
    bucketing: str = "growthbook"
    hash_attribute: str = ""
    audience: Condition | None = None
    layer: Layer | None = None
    slots: tuple[tuple[int, int], ...] = ()
    """Half-open ranges of the layer's slots."""
    key_prefix: str = ""
    """Goes before the subject's key in the Flagsmith scheme, whose clients hash "environment key_identifier"."""
    audience_tree: Any = None
    """The audience as it is written, for documents that carry it; None is everyone."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Subjects under a name, as documents carry them; conditions are bound to its tree beforehand."""

    id: int
    key: str
    name: str
    tree: Any


@dataclass(frozen=True, slots=True)
class Rule:
    """Who it means gets its value, or takes part in its experiment; `rollout` of them, the others go on."""

    key: str
    condition: Condition
    value: Any = True
    rollout: int = FULL
    experiment: Experiment | None = None
    is_on: bool = True
    steps: tuple[Step, ...] = ()
    ramp: Ramp | None = None
    tree: Any = None
    """The condition as it is written, for documents that carry it."""
    trees: tuple[Any, ...] = ()
    """What the condition is bound from: all of these hold, each bound by itself."""


@dataclass(frozen=True, slots=True)
class Override:
    """What one subject gets, until it expires (seconds since the epoch; None is for ever)."""

    value: Any
    expires_at: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Prerequisite:
    """What another feature must answer first: that it is on or off, or a value, or both."""

    feature_key: str
    enabled: bool | None = True
    value: Any = None
    needs_value: bool = False


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature as one environment serves it."""

    key: str
    number: int = 0
    name: str = ""
    status: Status = Status.OFF
    on_value: Any = True
    off_value: Any = False
    rollout: int = FULL
    experiment: Experiment | None = None
    rules: tuple[Rule, ...] = ()
    overrides: Mapping[str, Override] = field(default_factory=nothing)
    prerequisites: tuple[Prerequisite, ...] = ()
    steps: tuple[Step, ...] = ()
    ramp: Ramp | None = None
    value_type: str = "boolean"
    description: str = ""
    tags: tuple[str, ...] = ()
    is_server_only: bool = False
    created_at: float = 0.0
    """Seconds since the epoch. Like everything from `value_type` on, it is told, and decides nothing."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a subject gets from a feature, and why. Prepared once per snapshot, shared by all who get it."""

    feature: Feature
    reason: Reason
    value: Any = None
    enabled: bool = False
    variant: Variant | None = None
    experiment: Experiment | None = None
    in_experiment: bool = False
    fault: Fault | None = None
    rule: Rule | None = None
    payload: Mapping[str, Any] = field(default_factory=nothing)
