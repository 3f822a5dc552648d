"""A thread that ends without being told to is begun again, whatever ended it."""

import ctypes
import threading
from collections.abc import Callable
from time import monotonic, sleep

import pytest

from decisions import threads
from decisions.threads import Lasting, Watchdog

ENDS = [ValueError("no"), SystemExit(1), KeyboardInterrupt(), MemoryError(), None]


class Work:
    """Ends at first, however it is told to; later it lasts."""

    def __init__(self, end: BaseException | None) -> None:
        self.end, self.begun, self.stopping = end, 0, threading.Event()

    def __call__(self) -> None:
        self.begun += 1
        if self.begun == 1:
            if self.end:
                raise self.end
            return
        self.stopping.wait(30)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "WATCH_SECONDS", 0.01)


def until(is_so: Callable[[], bool]) -> bool:
    deadline = monotonic() + 10
    while not is_so() and monotonic() < deadline:
        sleep(0.005)
    return is_so()


@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_whatever_ends_it_it_is_begun_again(end: BaseException | None) -> None:
    work = Work(end)
    watchdog = Watchdog([Lasting("work", work)])

    watchdog.start()

    assert until(lambda: work.begun == 2)
    work.stopping.set()
    watchdog.stop()


def test_one_that_is_struck_from_outside_is_begun_again() -> None:
    work = Work(SystemExit(1))
    lasting = Lasting("work", work)
    watchdog = Watchdog([lasting])
    watchdog.start()
    assert until(lambda: work.begun == 2 and lasting.is_alive())
    [victim] = [thread for thread in threading.enumerate() if thread.name == "work"]

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(victim.ident or 0), ctypes.py_object(SystemExit))
    work.stopping.set()  # it is waiting, and hears of nothing until it comes back
    work.stopping = threading.Event()

    assert until(lambda: work.begun == 3)
    work.stopping.set()
    watchdog.stop()


def test_one_that_is_told_to_stop_is_left_alone() -> None:
    work = Work(None)
    watchdog = Watchdog([Lasting("work", work)])
    watchdog.start()
    assert until(lambda: work.begun == 2)

    work.stopping.set()
    watchdog.stop()

    assert [thread.name for thread in threading.enumerate() if thread.name in {"work", "watchdog"}] == []
    assert work.begun == 2
