"""Which keys are in use: noted in memory on the way of a decision, stored with all else that was seen."""

from datetime import UTC, datetime
from time import monotonic

from tenants.uses import NOTED, store_uses


class Uses:
    """When each key was last used, to the minute."""

    def __init__(self) -> None:
        self._due: dict[int, float] = {}
        self._noted: dict[int, datetime] = {}

    def note(self, credential_id: int) -> bool:
        """Note a use; whether that is news. Of a key that is used all the time it is news once a minute."""
        now = monotonic()
        if now < self._due.get(credential_id, 0.0):
            return False
        self._due[credential_id] = now + NOTED.total_seconds()
        self._noted[credential_id] = datetime.now(UTC)
        return True

    def flush(self) -> None:
        """Store what was noted. Raises what the database raises, and forgets nothing then."""
        noted, self._noted = self._noted, {}
        if not noted:
            return
        try:
            store_uses(noted)
        except Exception:
            self._noted = noted | self._noted
            raise
