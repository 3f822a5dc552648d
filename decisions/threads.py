"""Threads that go on: whatever ends one, short of being told to, it is begun again."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

log = structlog.get_logger(__name__)

WATCH_SECONDS = 1.0


class Lasting:
    """A piece of work in a thread of its own, which returns when it is told to stop."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self.name, self._work = name, work
        self._thread: threading.Thread | None = None

    def is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def begin(self) -> None:
        """Begin, or begin again."""
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def join(self, timeout: float) -> None:
        if self._thread:
            self._thread.join(timeout)

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001  it is begun again, and has told why
            log.critical("a thread has died", thread=self.name, error=repr(error))


class Watchdog:
    """Begins threads, and begins those again that died. It does nothing else that it could die of itself."""

    def __init__(self, threads: Sequence[Lasting]) -> None:
        self.threads = threads
        self._stopping = threading.Event()
        self._watching = Lasting("watchdog", self._watch)

    def start(self) -> None:
        for thread in self.threads:
            thread.begin()
        self._watching.begin()

    def stop(self, timeout: float = 5.0) -> None:
        """Wait for threads that were told to stop."""
        self._stopping.set()
        for thread in (self._watching, *self.threads):
            thread.join(timeout)

    def _watch(self) -> None:
        while not self._stopping.wait(WATCH_SECONDS):
            for thread in self.threads:
                if not thread.is_alive() and not self._stopping.is_set():
                    with suppress(Exception):  # no memory for a thread: perhaps in a second
                        thread.begin()
