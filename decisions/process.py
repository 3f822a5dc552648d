"""The one gateway of a process: its shelf, its watch on the database, and its recorder, started on first use."""

import gc
import os
import sys
import threading
from hashlib import sha256
from pathlib import Path

from django.conf import settings
from django.db import connection

from audits.partitions import Keeper
from decisions.freshness import Freshness
from decisions.gateway import Gateway
from decisions.lastgood import LastGood
from decisions.observer import Observer
from decisions.protocols import protocols
from decisions.recorder import Recorder
from decisions.sinks import DatabaseSink, ForgetfulSink
from decisions.snapshots import EnvironmentSnapshot, Shelf
from tenants.models import Environment

SWITCH_SECONDS = 0.0005
"""How long a busy thread may keep the interpreter from another. The recorder comes back from the database several times
a batch; at Python's default of 5 ms it would wait that long each time, for a loop that is busy with new requests."""

YOUNG = 10_000
"""How many new objects there may be before the collector looks at them. With Python's 700, calls that wait for their
rows are looked at again and again, and as they survive, everything older is as well."""

_starting = threading.Lock()
_running: list[Gateway] = []
"""The one of this process, once there is one."""
_keepers: list[Keeper] = []
_beside = Shelf(capacity=2_000)

for inherited in (_running, _keepers):  # threads are not inherited: a process that was forked starts its own
    os.register_at_fork(after_in_child=inherited.clear)


def gateway() -> Gateway:
    """This process's gateway."""
    return _running[0] if _running else _start()


def snapshot_of(environment: Environment) -> EnvironmentSnapshot | None:
    """An environment as the row says it is configured, for people who look at it: the gateway's own snapshot if that is
    of the same revision, else one that is kept beside, because what the gateway holds is for its watch to renew."""
    running = _running[0] if _running else None
    held = running.freshness.snapshot(environment.pk) if running else None
    if held and held.revision == environment.revision:
        return held
    return _beside.load(environment.pk, revision=environment.revision)


def _start() -> Gateway:
    with _starting:
        if _running:
            return _running[0]
        sys.setswitchinterval(SWITCH_SECONDS)
        shelf = Shelf()
        freshness = Freshness(shelf, LastGood(last_good_folder() if settings.LAST_GOOD else None))
        recorder = Recorder(DatabaseSink(shelf) if settings.RECORD_DECISIONS else ForgetfulSink())
        freshness.start()
        spoken = protocols(settings.PROTOCOL_OPTIONS)
        started = Gateway(
            spoken,
            freshness,
            recorder,
            Observer(),
            open_environment=settings.OPEN_ENVIRONMENT,
            rate_limit=settings.RATE_LIMIT,
        )
        _running.append(started)
        _keepers.append(Keeper())
        _keepers[0].start()
        return started


def settle_in() -> Gateway:
    """This process's gateway, in a process that does nothing else from now on.

    What was loaded until now stays, so the collector need never look at it again, while callers wait.
    """
    started = gateway()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)
    return started


def last_good_folder() -> Path:
    """Where this installation keeps what it knew last: another database is another installation."""
    where = [str(connection.settings_dict[name]) for name in ("ENGINE", "HOST", "PORT", "NAME")]
    return Path(settings.STATE_DIR) / "lastgood" / sha256(repr(where).encode()).hexdigest()[:16]


def stop() -> None:
    """Commit what is queued and end the threads, if there are any."""
    with _starting:
        running = _running.pop() if _running else None
        keeper = _keepers.pop() if _keepers else None
    if keeper:
        keeper.stop()
    if running:
        running.recorder.close()
        running.observer.close()
        running.freshness.stop()
