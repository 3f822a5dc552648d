"""How the subjects of an experiment were split, against how they should be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from experiments.models import Experiment, Exposure, Variant
from experiments.statistics import sample_ratio

MISMATCH = 0.001
"""Below this probability a split is no accident: the usual bound for a sample-ratio mismatch."""
DAYS = 30


@dataclass(frozen=True, slots=True)
class Arm:
    """One variant: how many subjects met it, and how many of them all should have."""

    key: str
    count: int
    share: float
    planned: float
    expected: float
    is_control: bool = False
    is_removed: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """All arms of an experiment, and how likely such a split is by chance alone."""

    arms: tuple[Arm, ...]
    total: int
    probability: float

    @property
    def is_mismatched(self) -> bool:
        return self.probability < MISMATCH


def split_of(experiment: Experiment, variants: Sequence[Variant]) -> Split:
    """The exposures of an experiment by variant. One query."""
    return split_among(variants, Exposure.objects.of(experiment).by_variant().get(experiment.number, {}))


def split_among(variants: Sequence[Variant], met: Mapping[str, int]) -> Split:
    """How many subjects met each variant, by its key. Those of a variant that was removed are only listed."""
    counts = [met.get(variant.key, 0) for variant in variants]
    total, weight = sum(counts), sum(variant.weight for variant in variants) or 1
    arms = [
        Arm(
            key=variant.key,
            count=count,
            share=count / total if total else 0.0,
            planned=variant.weight / weight,
            expected=total * variant.weight / weight,
            is_control=variant.is_control,
        )
        for variant, count in zip(variants, counts, strict=True)
    ]
    gone = sorted(met.keys() - {variant.key for variant in variants})
    arms += [Arm(key, met[key], 0.0, 0.0, 0.0, is_removed=True) for key in gone]
    return Split(tuple(arms), total, sample_ratio(counts, [variant.weight for variant in variants]))


def days_of(experiment: Experiment, today: date) -> tuple[list[date], dict[str, list[int]]]:
    """New exposures of each variant on each of the last days, from the first on which there was one. One query."""
    since = today - timedelta(days=DAYS - 1)
    begin = datetime.combine(since, time(), UTC)
    found = Exposure.objects.of(experiment).by_variant_and_day(begin)
    seen = [day for counts in found.values() for day in counts]
    first = min(seen, default=today)
    days = [first + timedelta(days=number) for number in range((today - first).days + 1)]
    return days, {key: [counts.get(day, 0) for day in days] for key, counts in sorted(found.items())}
