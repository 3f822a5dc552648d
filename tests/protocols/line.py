"""One connection to the short cut without a network: bytes in, answers out."""

import asyncio
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.server import ServerState

from decisions.shortcut import ShortCut
from tests.protocols.wire import Answer

PATIENCE = 20.0


class Wire(asyncio.Transport):
    """What the server writes to; it can be told that the caller reads nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.has_more = asyncio.Event()
        self.is_closed = self.is_paused = False

    def write(self, data: Any) -> None:
        assert not self.is_closed, "nothing is written after the end"
        self.written += data
        self.has_more.set()

    def close(self) -> None:
        self.is_closed = True
        self.has_more.set()

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False


class Connection:
    """A caller who is connected. To be used within a running loop."""

    def __init__(self, **options: Any) -> None:
        from app.asgi import application  # noqa: PLC0415  it sets Django up

        self.wire, self.state = Wire(), ServerState()
        config = Config(application, log_config=None, access_log=False, **options)
        self.server = ShortCut(config, self.state, {}, asyncio.get_running_loop())
        self.server.connection_made(self.wire)

    def send(self, data: bytes, piece: int = 65_536) -> None:
        """Bytes, as they may come from a network."""
        for at in range(0, len(data), piece):
            self.server.data_received(data[at : at + piece])

    async def hear(self, *methods: str) -> list[Answer]:
        """The answers to calls of these methods, in their order, and nothing beyond."""
        async with asyncio.timeout(PATIENCE):
            answers = [await self._next(method) for method in methods]
        assert not self.wire.written, bytes(self.wire.written)
        return answers

    async def leave(self) -> None:
        """Hang up, and wait until the server has noticed."""
        self.server.connection_lost(None)
        await asyncio.gather(*self.state.tasks)

    async def _next(self, method: str) -> Answer:
        reader = h11.Connection(h11.CLIENT)
        reader.send(h11.Request(method=method, target="/", headers=[("Host", "testserver")]))
        reader.send(h11.EndOfMessage())
        body, start = b"", None
        while True:
            event = reader.next_event()
            if isinstance(event, h11.Response):
                start = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                assert start is not None
                self.wire.written[:0] = reader.trailing_data[0]
                headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in start.headers}
                return Answer(start.status_code, headers, body)
            elif event is h11.NEED_DATA:
                await self._more(reader)

    async def _more(self, reader: h11.Connection) -> None:
        while not self.wire.written and not self.wire.is_closed:
            self.wire.has_more.clear()
            await self.wire.has_more.wait()
        data, self.wire.written = bytes(self.wire.written), bytearray()
        reader.receive_data(data)
