"""Answers that go on: whoever listens is told what is true now, and again after every change of its environment."""

import asyncio
import random
import signal
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from math import inf
from time import time
from typing import Any

import structlog

from decisions.freshness import Freshness
from decisions.gateway import Listening
from decisions.protocols._base import Kind, Refusal
from decisions.snapshots import EnvironmentSnapshot, Grant

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 15.0
DRAIN_SECONDS = 5.0
RETRY_SECONDS = (2, 15)

Send = Callable[[bytes], Awaitable[None]]


class Hub:
    """The listeners of one event loop. A change wakes those of its environment; what they are sent is made once."""

    def __init__(self, freshness: Freshness, slots: int) -> None:
        self.freshness, self.slots = freshness, slots
        self._loop = asyncio.get_running_loop()
        self._listeners: set[Listener] = set()
        self._closing = False
        freshness.moved.append(self._moved)

    def open(self, listening: Listening) -> "Listener":
        """A slot for one more. Refused where all are taken, or when this process is about to go."""
        if self._closing or len(self._listeners) >= self.slots:
            raise Refusal(Kind.TOO_BUSY, "too many streams are open here; try again", random.randint(*RETRY_SECONDS))  # noqa: S311
        listener = Listener(self, listening)
        self._listeners.add(listener)
        self.freshness.watched[listener.environment_id] += 1
        return listener

    def leave(self, listener: "Listener") -> None:
        self._listeners.discard(listener)
        self.freshness.watched[listener.environment_id] -= 1

    def drain(self) -> None:
        """Let everybody go, not all at the same moment: they come back to a process that has room for them."""
        self._closing = True
        for listener in self._listeners:
            self._loop.call_later(random.uniform(0, DRAIN_SECONDS), listener.end)  # noqa: S311

    def close(self) -> None:
        """Let everybody go now."""
        self._closing = True
        if self._moved in self.freshness.moved:
            self.freshness.moved.remove(self._moved)
        for listener in list(self._listeners):
            listener.end()

    def _moved(self, environment_id: int) -> None:
        """Called in any thread."""
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._wake, environment_id)

    def _wake(self, environment_id: int) -> None:
        for listener in self._listeners:
            if listener.environment_id == environment_id:
                listener.wake.set()


class Listener:
    """One caller who stays."""

    def __init__(self, hub: Hub, listening: Listening) -> None:
        self.hub, self.listening = hub, listening
        self.environment_id = listening.snapshot.environment_id
        self.wake = asyncio.Event()
        self.ended = False

    def end(self) -> None:
        self.ended = True
        self.wake.set()

    async def tell(self, send: Send, gone: "asyncio.Future[Any]") -> None:
        """Send what is true, and what becomes true, until the caller has gone or may listen no longer."""
        stream, told, held = self.listening.stream, None, inf
        if stream.first:
            await send(stream.first)
        while not self.ended and not gone.done():
            snapshot, grant = self._now()
            if grant is None:
                return
            until = stream.until(snapshot, grant) if stream.until else inf
            if told is None or snapshot.revision != told.revision or until != held:
                if message := _rendered(self.listening, snapshot, told if until == held else None, grant, until):
                    await send(message)
                told, held = snapshot, until
            if not await self._woken(gone, until) and stream.heartbeat and not gone.done():
                await send(stream.heartbeat)

    def leave(self) -> None:
        """Free the slot."""
        self.hub.leave(self)

    def _now(self) -> tuple[EnvironmentSnapshot, Grant | None]:
        """The snapshot of now, and what the caller's key is worth in it."""
        listening = self.listening
        snapshot = self.hub.freshness.snapshot(self.environment_id) or listening.snapshot
        grant = snapshot.grants.get(listening.key_digest) if listening.key_digest else listening.grant
        return snapshot, None if grant is None or grant.is_expired() else grant

    async def _woken(self, gone: "asyncio.Future[Any]", until: float) -> bool:
        """Wait for a change, the caller's leaving, `until`, or the time of a heartbeat; False is a moment."""
        patience = min(HEARTBEAT_SECONDS, max(0.0, until - time()))
        waiting = asyncio.ensure_future(self.wake.wait())
        try:
            done, _ = await asyncio.wait({waiting, gone}, timeout=patience, return_when="FIRST_COMPLETED")
        finally:
            waiting.cancel()
        self.wake.clear()
        return bool(done)


def _rendered(
    listening: Listening, snapshot: EnvironmentSnapshot, before: EnvironmentSnapshot | None, grant: Grant, until: float
) -> bytes:
    """What is sent, made once for all who were told the same before and may know the same."""
    render = listening.stream.render
    known = before.revision if before else ""
    name = ("stream", render, known, until, grant.kind, grant.encryption_key, grant.is_remote_only)
    try:
        return snapshot.keep(name, lambda: render(snapshot, before, grant))
    except Exception:
        log.exception("a stream cannot say what changed", protocol=listening.protocol.slug)
        return b""


class Shutdown:
    """Tells a hub that the server is about to stop. Servers wait for open streams before they tell anybody else."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self._before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._follow(number)

    def _follow(self, number: int) -> None:
        before = signal.getsignal(number)
        if callable(before):
            self._before[number] = before
            signal.signal(number, self._heard)

    def _heard(self, number: int, frame: Any) -> None:
        with suppress(RuntimeError):
            self.hub._loop.call_soon_threadsafe(self.hub.drain)
        self._before[number](number, frame)

    def forget(self) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
