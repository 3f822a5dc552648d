"""How often one key may call: a bucket of tokens a key, filled at a steady rate (a token bucket, per process)."""

from math import ceil
from time import monotonic

BURST_SECONDS = 2.0


class Limiter:
    """Lets `per_second` calls of each key pass, and twice as many at once after a pause; 0 lets everything pass.

    Only keys that are good get this far, so there are no more buckets than keys. Two threads that ask at the same
    moment may both get the last token: a limit is no lock.
    """

    def __init__(self, per_second: int) -> None:
        self.per_second = per_second
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait(self, key_digest: str) -> int:
        """Whole seconds to wait before the next call; 0 is none, and takes a token."""
        if not self.per_second:
            return 0
        now = monotonic()
        tokens, then = self._buckets.get(key_digest, (self.per_second * BURST_SECONDS, now))
        tokens = min(self.per_second * BURST_SECONDS, tokens + (now - then) * self.per_second)
        if tokens < 1:
            return ceil((1 - tokens) / self.per_second)
        self._buckets[key_digest] = tokens - 1, now
        return 0
