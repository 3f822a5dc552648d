"""How likely what was counted is: pure functions, no database."""

from collections.abc import Sequence
from math import exp, lgamma, log

TERMS = 10_000
PRECISION = 1e-15


def sample_ratio(counts: Sequence[int], weights: Sequence[float]) -> float:
    """The p-value of Pearson's χ² test that subjects were split by the weights; 1.0 where there is nothing to test."""
    total, whole = sum(counts), sum(weights)
    if not total or not whole:
        return 1.0
    expected = [total * weight / whole for weight in weights]
    if any(count and not hoped for count, hoped in zip(counts, expected, strict=True)):
        return 0.0  # somebody got what nobody should get
    pairs = [(count, hoped) for count, hoped in zip(counts, expected, strict=True) if hoped]
    statistic = sum((count - hoped) ** 2 / hoped for count, hoped in pairs)
    return upper_tail(statistic, freedom=len(pairs) - 1)


def upper_tail(statistic: float, *, freedom: int) -> float:
    """P(χ² ≥ statistic) with so many degrees of freedom: the regularised incomplete gamma function Q(k/2, x/2)."""
    if freedom < 1 or statistic <= 0:
        return 1.0
    shape, x = freedom / 2, statistic / 2
    front = exp(shape * log(x) - x - lgamma(shape))
    return 1.0 - front * _series(shape, x) if x < shape + 1 else front * _fraction(shape, x)


def _series(shape: float, x: float) -> float:
    """The lower function's power series, which converges quickly below the mean."""
    term = total = 1 / shape
    for number in range(1, TERMS):
        term *= x / (shape + number)
        total += term
        if term < total * PRECISION:
            break
    return total


def _fraction(shape: float, x: float) -> float:
    """The upper function's continued fraction by Lentz's method, which converges quickly above the mean."""
    b = x + 1 - shape
    c, d = float("inf"), 1 / b
    value = d
    for number in range(1, TERMS):
        step = -number * (number - shape)
        b += 2
        d = 1 / (step * d + b)
        c = b + step / c
        value *= d * c
        if abs(d * c - 1) < PRECISION:
            break
    return value
