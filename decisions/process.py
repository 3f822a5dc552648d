"""The one gateway of a process: its shelf, its watch on the database, and its recorder, started on first use."""

import os
import sys
import threading
from functools import cache

from django.conf import settings

from decisions.freshness import Freshness
from decisions.gateway import Gateway
from decisions.protocols import protocols
from decisions.recorder import Recorder
from decisions.sinks import DatabaseSink, ForgetfulSink
from decisions.snapshots import Shelf

SWITCH_SECONDS = 0.0005
"""How long a busy thread may keep the interpreter from another. The recorder comes back from the database several times a
batch; at Python's default of 5 ms it would wait that long each time, for an event loop that is busy with new requests."""

_starting = threading.Lock()


@cache
def _gateway_of(pid: int) -> Gateway:
    """A process that was forked starts its own threads: they are not inherited."""
    sys.setswitchinterval(SWITCH_SECONDS)
    shelf = Shelf()
    freshness = Freshness(shelf)
    recorder = Recorder(DatabaseSink(shelf) if settings.RECORD_DECISIONS else ForgetfulSink())
    freshness.start()
    return Gateway(protocols(), freshness, recorder, open_environment=settings.OPEN_ENVIRONMENT)


def gateway() -> Gateway:
    """This process's gateway."""
    with _starting:
        return _gateway_of(os.getpid())


def stop() -> None:
    """Commit what is queued and end the threads, if there are any."""
    with _starting:
        if _gateway_of.cache_info().currsize:
            running = _gateway_of(os.getpid())
            running.recorder.close()
            running.freshness.stop()
            _gateway_of.cache_clear()
