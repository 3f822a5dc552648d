"""The one gateway of a process: its shelf, its watch on the database, and its recorder, started on first use."""

import os
import sys
import threading

from django.conf import settings

from decisions.freshness import Freshness
from decisions.gateway import Gateway
from decisions.observer import Observer
from decisions.protocols import protocols
from decisions.recorder import Recorder
from decisions.sinks import DatabaseSink, ForgetfulSink
from decisions.snapshots import Shelf

SWITCH_SECONDS = 0.0005
"""How long a busy thread may keep the interpreter from another. The recorder comes back from the database several times
a batch; at Python's default of 5 ms it would wait that long each time, for a loop that is busy with new requests."""

_starting = threading.Lock()
_running: dict[int, Gateway] = {}
"""By process id: one that was forked starts its own, because threads are not inherited."""


def gateway() -> Gateway:
    """This process's gateway."""
    return _running.get(os.getpid()) or _start()


def _start() -> Gateway:
    with _starting:
        if running := _running.get(os.getpid()):
            return running
        sys.setswitchinterval(SWITCH_SECONDS)
        shelf = Shelf()
        freshness = Freshness(shelf)
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
        _running[os.getpid()] = started
        return started


def stop() -> None:
    """Commit what is queued and end the threads, if there are any."""
    with _starting:
        running = _running.pop(os.getpid(), None)
    if running:
        running.recorder.close()
        running.observer.close()
        running.freshness.stop()
