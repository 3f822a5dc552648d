"""Which arm a subject falls into: one pinned function a scheme.

A scheme is a promise to everybody who is already bucketed by it. NEVER edit one, however small the mistake in it:
whoever is in an experiment would silently change sides. Add another scheme beside it, and pin it with vectors.
"""

from __future__ import annotations  # closures are made by the thousand: none is to carry types of its own

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import sha256
from itertools import accumulate

import fnv_hash_fast

from decisions.engine.types import FULL, Experiment

try:
    # CPython's own, which takes half as long over a few bytes as OpenSSL behind hashlib; not every build has it.
    from _md5 import md5  # type: ignore[import-not-found]
except ImportError:
    from hashlib import md5

Assign = Callable[[str], int | None]
"""A subject's key to the index of its variant; None when the subject is outside the rollout."""

FLAGSMITH_STEPS = 9998
fnv1a_32: Callable[[bytes], int] = fnv_hash_fast.fnv1a_32
from_bytes = int.from_bytes


def fnv32(text: str) -> int:
    """FNV-1a, 32 bits, over UTF-16 code units, as JavaScript strings hash (GrowthBook's SDKs are the source)."""
    try:
        return fnv1a_32(text.encode("latin-1"))
    except UnicodeEncodeError:
        return _fnv32_wide(text)


def _fnv32_wide(text: str) -> int:
    """FNV-1a where a code unit exceeds a byte: the whole unit is folded in at once."""
    units = memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H")
    value = 0x811C9DC5
    for unit in units:
        value = (value ^ unit) * 0x01000193 & 0xFFFFFFFF
    return value


def growthbook_bucket(seed: str, key: str) -> int:
    """GrowthBook's hash version 2: a bucket in 0..9999."""
    try:
        value = fnv1a_32((seed + key).encode("latin-1"))  # fnv32, without the call: nearly all of it is this line
    except UnicodeEncodeError:
        value = _fnv32_wide(seed + key)
    return fnv1a_32(b"%d" % value) % 10_000


def growthbook_ranges(shares: Sequence[int], coverage: int) -> list[tuple[float, float]]:
    """Half-open ranges in 0..1 for arms of `shares`, all in thousandths of a percent.

    A range keeps its start when the coverage grows, so nobody who is in changes sides. The sums are made in the same
    order and in the same floating point as GrowthBook's `getBucketRanges`, so that its SDKs agree to the last bucket.
    """
    weights = [share / FULL for share in shares]
    starts = accumulate(weights, initial=0.0)
    return [(start, start + coverage / FULL * weight) for start, weight in zip(starts, weights, strict=False)]


def shares_of(weights: Sequence[int]) -> list[int]:
    """Relative weights as thousandths of a percent that add up to exactly 100 %; largest remainders first."""
    total = sum(weights)
    shares = [weight * FULL // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: -(weights[i] * FULL % total))
    for index in by_remainder[: FULL - sum(shares)]:
        shares[index] += 1
    return shares


def weights_of(experiment: Experiment) -> list[int]:
    """The variants' weights in order; one below zero, which nothing lets in, counts as zero."""
    return [max(0, variant.weight) for variant in experiment.variants]


def growthbook(experiment: Experiment) -> Assign:
    """The default scheme: FNV-1a twice over seed and key, 10,000 buckets."""
    seed = experiment.seed or experiment.key
    ends, arms = _growthbook_arms(tuple(shares_of(weights_of(experiment))), experiment.rollout)
    return lambda key: arms[bisect_right(ends, growthbook_bucket(seed, key))]


@lru_cache(1_024)
def _growthbook_arms(shares: tuple[int, ...], coverage: int) -> tuple[tuple[int, ...], tuple[int | None, ...]]:
    """The buckets at which another arm begins, and the arms between them: most experiments are split alike."""
    ranges = growthbook_ranges(shares, coverage)

    def arm_at(bucket: int) -> int | None:
        position = bucket / 10_000
        return next((index for index, (start, end) in enumerate(ranges) if start <= position < end), None)

    ends = sorted({_first(10_000, lambda bucket: bucket / 10_000, bound) for pair in ranges for bound in pair})
    return tuple(ends), tuple(arm_at(start) for start in (0, *ends))  # between two ends there is one answer


def _first(steps: int, position: Callable[[int], float], bound: float) -> int:
    """The first of so many steps whose position is not below a bound: floating point once, integers from then on."""
    return bisect_left(range(steps), bound, key=position)


def feature_hub_bucket(seed: str, salt: str, key: str, modulus: int) -> int:
    """The whole SHA-256 of "seed:salt:key" as one big-endian number, modulo `modulus`."""
    digest = sha256(f"{seed}:{salt}:{key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest, "big") % modulus


def feature_hub(experiment: Experiment) -> Assign:
    """Feature Hub's own scheme: one bucket of 100 for the rollout, one of the sum of weights for the variant.

    Its modulus is the sum of the weights, so a change of that sum reshuffles everybody. It is kept for parity.
    """
    ends = list(accumulate(weights_of(experiment)))
    seed, rollout_salt, variant_salt = (
        experiment.seed,
        f"rollout:{experiment.public_id}",
        f"variant:{experiment.public_id}",
    )

    def assign(key: str) -> int | None:
        if experiment.rollout < FULL and feature_hub_bucket(seed, rollout_salt, key, 100) * 1000 >= experiment.rollout:
            return None
        return bisect_right(ends, feature_hub_bucket(seed, variant_salt, key, ends[-1]))

    return assign


def flagsmith_step(ids: str) -> int:
    """The whole MD5 of ids between commas, in the steps 0..9997.

    Step 9998 would be 100 %; whoever lands on it is hashed again, with all ids written out once more.
    """
    text = ids
    while True:
        try:
            digest = md5(text.encode(), usedforsecurity=False).digest()
        except UnicodeEncodeError:
            digest = md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
        step = from_bytes(digest, "big") % 9999
        if step < FLAGSMITH_STEPS:
            return step
        text = f"{text},{ids}"


def flagsmith_percentage(step: int) -> float:
    """Where a step stands, 0 <= percentage < 100."""
    return step / FLAGSMITH_STEPS * 100


def flagsmith_ends(experiment: Experiment) -> tuple[list[int], list[float]]:
    """The arms in the order of their ranges, and where each range ends, in percent: the control last, as the rest.

    Without a control the last arm takes the rest. The ends are added up in the same order and the same floating point
    as in Flagsmith's engine: decimals that make up half may end just beside the one step that is exactly 50 %.
    """
    shares, last = shares_of(weights_of(experiment)), len(experiment.variants) - 1
    rest = next((index for index, variant in enumerate(experiment.variants) if variant.is_control), last)
    arms = [index for index in range(last + 1) if index != rest]
    return [*arms, rest], list(accumulate(shares[index] / 1000 for index in arms))


def flagsmith(experiment: Experiment) -> Assign:
    """Flagsmith's scheme: each arm but the control has a range of 0..100 %, in order; the control has what is left.

    Flagsmith has no rollout of its own within a split, so that is another percentage, of another seed.
    """
    seed, rollout = experiment.seed or experiment.key, experiment.rollout
    ids, rollout_ids = f"{seed},{experiment.key_prefix}", f"rollout:{seed},{experiment.key_prefix}"
    arms, percentages = flagsmith_ends(experiment)
    *ends, inside = (_first(FLAGSMITH_STEPS, flagsmith_percentage, end) for end in (*percentages, rollout / 1000))

    def assign(key: str) -> int | None:
        return arms[bisect_right(ends, flagsmith_step(ids + key))]

    if rollout >= FULL:
        return assign
    return lambda key: assign(key) if flagsmith_step(rollout_ids + key) < inside else None


def go_feature_flag_hash(text: str) -> int:
    """FNV-1a, 32 bits, over UTF-8, as Go hashes text."""
    return fnv1a_32(text.encode("utf-8", "surrogatepass"))


def go_feature_flag(experiment: Experiment) -> Assign:
    """GO Feature Flag's scheme: one bucket in thousandths of a percent, the arms by their keys, from Z to A.

    Only whole numbers here. Upstream adds the percentages up in floating point, over a map whose order changes from
    one evaluation to the next: for some decimal splits the sum, and with it the modulus, is now 100,000 and now
    99,999, and people change sides between two requests. 100,000 is what was meant, so it is what we always use.

    The rollout, which upstream has not got, is hashed twice: FNV-1a of two texts with the same end is not independent,
    and hashed once a rollout would let in more of one arm than of another.
    """
    seed, rollout = experiment.seed or experiment.key, experiment.rollout
    rollout_seed = f"rollout:{seed}"
    shares = shares_of(weights_of(experiment))
    # UTF-8 keeps the order of code points, so this is the order of the keys' bytes.
    arms = sorted(range(len(shares)), key=lambda index: experiment.variants[index].key, reverse=True)
    ends = list(accumulate(shares[index] for index in arms))

    def assign(key: str) -> int | None:
        if rollout < FULL and go_feature_flag_hash(str(go_feature_flag_hash(rollout_seed + key))) % FULL >= rollout:
            return None
        return arms[bisect_right(ends, go_feature_flag_hash(seed + key) % FULL)]

    return assign


SCHEMES: dict[str, Callable[[Experiment], Assign]] = {
    "growthbook": growthbook,
    "feature_hub": feature_hub,
    "flagsmith": flagsmith,
    "go_feature_flag": go_feature_flag,
}


def is_inside(seed: str, key: str, rollout: int) -> bool:
    """Whether a key is inside a plain percentage: the first `rollout` of GrowthBook's buckets."""
    return growthbook_bucket(seed, key) * 10 < rollout
