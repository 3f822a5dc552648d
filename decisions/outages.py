"""What it looks like when the database is away, and what to do when it comes back."""

from django.db import DatabaseError, InterfaceError, InternalError, OperationalError, connection

SORRY = "the database is not available; try again"
_AWAY = (OperationalError, InterfaceError, InternalError)  # PostgreSQL says that it is read-only by an InternalError


class Away(OperationalError):
    """The database did not answer when it was last asked, so that it is not asked again on behalf of a caller."""

    def __init__(self) -> None:
        super().__init__(SORRY)


def is_away(error: BaseException) -> bool:
    """Whether the database cannot do its work now, whatever it is asked: gone, full, locked or read-only.

    Not whether there is something wrong with what it was asked: those are subclasses of DatabaseError of their own.
    """
    return isinstance(error, _AWAY) or type(error) is DatabaseError


def forget_dead_connections() -> None:
    """Have the pool try its connections, and replace those that an outage ended, before each disappoints somebody."""
    if connection.vendor == "postgresql" and (pool := getattr(connection, "pool", None)):
        pool.check()
