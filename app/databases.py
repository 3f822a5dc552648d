"""What each database needs to be dependable under several processes and many threads."""

from typing import Any

from dj_database_url import DBConfig

# WAL lets readers go on while one writes; FULL makes an acknowledged commit survive a power cut.
SQLITE_PRAGMAS = """
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA cache_size = -20000;
    PRAGMA temp_store = MEMORY;
"""


# A network that swallows packets: a connection that nothing comes from is given up, also in the middle of a statement.
SILENCE = {
    "keepalives_idle": 10,  # seconds
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,  # milliseconds
}


def configure(config: DBConfig, *, statement_timeout: int) -> DBConfig:
    """Add our options to what the URL asked for; on a conflict the URL wins. The timeout is in seconds, 0 for none."""
    asked = config.get("OPTIONS") or {}
    if config["ENGINE"].endswith("sqlite3"):
        return {**config, "OPTIONS": sqlite_options() | asked}
    # A pool and persistent connections exclude each other; under ASGI only the pool gives connections back.
    options = postgres_options(asked, statement_timeout)
    return {**config, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": True, "OPTIONS": options}


def sqlite_options() -> dict[str, Any]:
    """IMMEDIATE takes the write lock first: a transaction that reads and then writes would fail instead of waiting."""
    return {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": SQLITE_PRAGMAS}


def postgres_options(asked: dict[str, Any], statement_timeout: int) -> dict[str, Any]:
    """A small pool a process; short waits, because a caller prefers a quick 503 to a slow one.

    The pool gives up on a lost connection soon, and makes a new one when it is asked: left to itself it would wait
    twice as long after each failure, and come back minutes after the database did.
    """
    options = f"{asked.get('options', '')} -c statement_timeout={statement_timeout}s".strip()
    pool = {"min_size": 1, "max_size": 8, "timeout": 2, "reconnect_timeout": 1}
    return {"pool": pool, "connect_timeout": 3, **SILENCE, **asked, "options": options}
