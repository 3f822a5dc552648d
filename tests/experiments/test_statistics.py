"""How likely a split is by chance: against values that were worked out elsewhere."""

import math

import pytest

from experiments.statistics import sample_ratio, upper_tail


@pytest.mark.parametrize(
    ("statistic", "freedom", "probability"),
    [
        *[(3.841458820694124, 1, 0.05), (6.634896601021213, 1, 0.01), (10.827566170662733, 1, 0.001)],
        *[(5.991464547107979, 2, 0.05), (13.815510557964274, 2, 0.001), (18.307038053275146, 10, 0.05)],
        *[(124.34211340400407, 100, 0.05), (77.92946516501723, 100, 0.95), (0.0, 3, 1.0), (5.0, 0, 1.0)],
    ],
)
def test_the_tail_of_chi_squared_is_that_of_the_tables(statistic: float, freedom: int, probability: float) -> None:
    assert upper_tail(statistic, freedom=freedom) == pytest.approx(probability, rel=1e-9)


def test_with_two_degrees_it_is_an_exponential_however_far_out() -> None:
    for statistic in (1e-9, 0.1, 1.0, 10.0, 100.0, 1_000.0):
        assert upper_tail(statistic, freedom=2) == pytest.approx(math.exp(-statistic / 2), rel=1e-9)
    assert upper_tail(1e9, freedom=2) == 0.0


@pytest.mark.parametrize(
    ("counts", "weights", "probability"),
    [
        ([500, 500], [50, 50], 1.0),
        ([520, 480], [1, 1], 0.20590321073206466),
        ([821_588, 815_482], [50, 50], 1.8227e-06),  # a known mismatch: 50.2 % of 1.6 million
        ([30, 70], [30, 70], 1.0),
        ([0, 0], [50, 50], 1.0),
        ([10, 0], [1, 0], 1.0),
        ([10, 1], [1, 0], 0.0),
        ([7], [100], 1.0),
        ([], [], 1.0),
        ([5, 5], [0, 0], 1.0),
    ],
)
def test_a_split_is_as_likely_as_it_is(counts: list[int], weights: list[int], probability: float) -> None:
    assert sample_ratio(counts, weights) == pytest.approx(probability, rel=1e-3)


def test_it_is_a_probability_whatever_is_counted() -> None:
    for counts in ([1, 10**9], [10**12, 10**12], [1] * 100, list(range(100))):
        assert 0.0 <= sample_ratio(counts, [1] * len(counts)) <= 1.0
