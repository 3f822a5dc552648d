"""The values a decision is made of: what is asked about, who asks, and what comes out.

All of them are immutable. Percentages are integers in thousandths of a percent (0..100_000), so that splits are exact.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

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
    UNDECIDED = "undecided"


class Fault(StrEnum):
    """Why no decision could be made. A decision with a fault still carries a safe value."""

    FLAG_NOT_FOUND = "flag_not_found"
    TARGETING_KEY_MISSING = "targeting_key_missing"
    VARIANT_REQUIRED = "variant_required"
    WEIGHT_REQUIRED = "weight_required"


@dataclass(frozen=True, slots=True)
class Subject:
    """Who a decision is for: the key that buckets them, and what is known about them."""

    key: str | None
    attributes: Mapping[str, Any] = field(default_factory=nothing)


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
    payload: Mapping[str, Any] = field(default_factory=nothing)
