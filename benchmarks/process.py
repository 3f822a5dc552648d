"""A server as a child process, and what it and all its descendants use of the machine, read from /proc (Linux)."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class NeverAnswered(RuntimeError):
    """A server that ended, or did not answer in time; the message ends with the last lines it printed."""


@dataclass(frozen=True, slots=True)
class Stat:
    """The fields of /proc/<pid>/stat that matter here. `ticks` includes children that were waited for."""

    pid: int
    parent: int
    ticks: int
    pages: int


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it listens, and its first process."""

    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """User and system time of the whole tree since it began, in seconds, to the kernel's tick (10 ms)."""
        return sum(stat.ticks for stat in tree(self.pid)) / TICKS_A_SECOND

    def rss_mb(self) -> float:
        """Resident memory of the whole tree in megabytes; a page that two processes share is counted twice."""
        return sum(stat.pages for stat in tree(self.pid)) * PAGE_BYTES / 1e6


@contextlib.contextmanager
def serve(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    log: Path,
    path: str = "/health",
    patience: float = 30.0,
) -> Iterator[Server]:
    """Run `command` with PORT in its environment until the block ends; entered once `path` answers 2xx.

    `patience` is in seconds. Raises NeverAnswered.
    """
    port = free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **env, "PORT": str(port)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        await_answer(process, port, path=path, patience=patience, log=log)
        yield Server(pid=process.pid, port=port)
    finally:
        stop(process)


def await_answer(process: subprocess.Popen[bytes], port: int, *, path: str, patience: float, log: Path) -> None:
    """Return once the server answers `path` with 2xx; give up after `patience` seconds. Raises NeverAnswered."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and process.poll() is None:
        if answers(port, path):
            return
        time.sleep(0.05)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
    raise NeverAnswered(f"{' '.join(map(str, process.args))} did not answer {path} on port {port}:\n{tail}")  # type: ignore[arg-type]


def answers(port: int, path: str) -> bool:
    """Whether GET `path` is answered with 2xx now."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return 200 <= connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def stop(process: subprocess.Popen[bytes], *, patience: float = 10.0) -> None:
    """Ask the server to end, wait `patience` seconds, then kill whatever is left of the tree it was."""
    descendants = [stat.pid for stat in tree(process.pid)]
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        for pid in descendants:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def tree(pid: int) -> list[Stat]:
    """A process and all its descendants."""
    everything = {stat.pid: stat for stat in all_stats()}
    children = defaultdict(list)
    for stat in everything.values():
        children[stat.parent].append(stat.pid)
    found, pending = [], [pid]
    while pending:
        at = pending.pop()
        if at in everything:
            found.append(everything[at])
            pending += children[at]
    return found


def all_stats() -> Iterator[Stat]:
    """Every process of the machine."""
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            text = (entry / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        yield read_stat(text)


def read_stat(text: str) -> Stat:
    """One line of /proc/<pid>/stat, see proc(5); the name in parentheses may hold spaces and parentheses itself."""
    pid, _, rest = text.partition(" (")
    fields = rest.rpartition(") ")[2].split()
    return Stat(pid=int(pid), parent=int(fields[1]), ticks=sum(map(int, fields[11:15])), pages=int(fields[21]))


def free_port() -> int:
    """A TCP port of this host that nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
