"""Many callers at once against a real server: raw HTTP over kept connections, in one event loop."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self


class Told(NamedTuple):
    """A status and a body. Status 0 means that the connection broke too early, and the body says how."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Line:
    """One connection, opened when it is needed and kept while the server keeps it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        if self._streams:
            self._streams[1].close()
        self._streams = None

    def is_open(self) -> bool:
        """Whether the server has not said, or shown, that it asks for nothing more."""
        return self._streams is not None

    async def ask(self, method: str, target: str, body: Any, **headers: str) -> Told:
        """One call; a connection that breaks is an answer too. Names of headers have underscores for hyphens."""
        try:
            return await self._ask(method, target, json.dumps(body).encode(), headers)
        except (OSError, asyncio.IncompleteReadError) as error:
            self.close()
            return Told(0, repr(error).encode())

    async def _ask(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Told:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self._streams
        head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        head += "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(answer.partition("content-length: ")[2].split()[0])
        told = Told(int(answer.split()[1]), await reader.readexactly(length))
        if "connection: close" in answer:
            self.close()
        return told

    async def decide(self, request_id: str, user_id: str, feature_key: str = "checkout") -> Told:
        """One decision."""
        body = {"request_id": request_id, "feature_key": feature_key, "user_id": user_id}
        return await self.ask("POST", "/decisions", body)


def lines(port: int, count: int) -> list[Line]:
    return [Line(port) for _ in range(count)]


def hang_up(connections: Iterable[Line]) -> None:
    for line in connections:
        line.close()
