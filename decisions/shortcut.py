"""HTTP without ASGI in between: uvicorn reads the calls of our protocols, and what is in memory is answered at once.

A call is answered as soon as its last byte is read, in the same turn of the loop: no scope, no messages, no task. One
that waits for its row is answered when the row is stored. All else goes uvicorn's usual way, through `decisions.asgi`:
other paths, what must be loaded first, answers that go on, and whatever is not plain HTTP/1.1.

What it takes of uvicorn's class is told in docs/adr/0015-a-short-cut.md; its version is pinned.
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from decisions.gateway import Gateway, Waiting
from decisions.mailbox import mailbox_of
from decisions.process import gateway
from decisions.protocols._base import Cold, Request
from decisions.protocols._base import Headers as Pairs
from decisions.responses import Response
from decisions.routing import Match
from decisions.wsgi import PATIENCE

AT_ONCE = 32
"""How many calls of one connection are answered in one turn of the loop; whoever sends more waits for the others."""
FAREWELL = 1.0
"""Seconds that a connection without a call stays open when the server stops: a call may be on its way already."""
HEAD_LIMIT = 65_536
"""Bytes of a request before its body; uvicorn knows no limit. Beyond, 431."""
DAWDLING = 60.0
"""Seconds that a request may take to arrive. Beyond, 408: who sends a byte now and then keeps a place for nothing."""
REMEMBERED = 4_096
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class ShortCut(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._match: Match | None = None
        """Whose call is being read, if it takes the short cut."""
        self._method = self._path = self._query = ""
        self._pieces: list[bytes] = []
        """The body, as it came."""
        self._size = self._head_size = self._answered = 0
        self._is_reading = self._is_leaving = False
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def data_received(self, data: bytes) -> None:
        self._answered = 0
        self._head_size += len(data)
        super().data_received(data)
        if self._is_reading:
            self._mind_the_size_and_the_time()
        elif self._deadline:
            self._deadline.cancel()
            self._deadline = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline:
            self._deadline.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._is_reading = True
        self.url, self.headers, self.expect_100_continue = b"", [], False

    def on_headers_complete(self) -> None:
        self._head_size = 0
        self._match, self._pieces, self._size = self._find(), [], 0
        if self._match is None:
            self._go_the_usual_way()

    def on_body(self, body: bytes) -> None:
        self._head_size = 0
        if self._match is None:
            super().on_body(body)
            return
        self._pieces.append(body)
        self._size += len(body)
        if self._size > self._match.body_limit(self._method):
            self._go_the_usual_way()

    def on_message_complete(self) -> None:
        self._is_reading, self._head_size = False, 0
        if self._match is None:
            super().on_message_complete()
            return
        front, match, self._match = gateway(), self._match, None
        if self.transport.is_closing():
            return
        body = b"".join(self._pieces)
        request = Request(self._method, self._path, self._query, Headers(dict(self.headers)), body)
        try:
            answer = front.respond(match, request)
        except Cold:
            answer = None
        if isinstance(answer, Response):
            self._send(answer, keep_alive=not self._is_leaving)
            self.on_response_complete()
        elif isinstance(answer, Waiting):
            self._park(front, match, request, answer)
        else:
            self._go_the_usual_way()
            super().on_message_complete()

    def shutdown(self) -> None:
        """The server stops: finish what has begun, and let go of who does not ask for anything more."""
        if self._match is not None:
            self._go_the_usual_way()
        if self._is_busy():
            super().shutdown()
        else:
            self._is_leaving = True
            self.loop.call_later(FAREWELL, self._leave)

    def _leave(self) -> None:
        if self._match is None and not self._is_busy():
            self.transport.close()

    def _is_busy(self) -> bool:
        """Whether a call is being answered in uvicorn's way, or waits for its row."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _mind_the_size_and_the_time(self) -> None:
        """A request has begun to arrive, and is not complete."""
        if self._head_size > HEAD_LIMIT:
            self._turn_away(431)
        elif self._deadline is None:
            self._deadline = self.loop.call_later(DAWDLING, self._turn_away, 408)

    def _turn_away(self, status: int) -> None:
        if not self._is_busy() and not self.transport.is_closing():
            self._send(Response(status, (("Content-Length", "0"),), b""), keep_alive=False)
        self.transport.close()

    def _find(self) -> Match | None:
        """Whose call this is; None if it is to go the usual way."""
        parser, url = self.parser, self.url
        if self._answered >= AT_ONCE or self.flow.write_paused or self.expect_100_continue or self._is_busy():
            return None
        if parser.should_upgrade() or not parser.should_keep_alive() or parser.get_http_version() != "1.1":
            return None
        if not url.startswith(b"/") or b"%" in url or b"#" in url or not url.isascii():
            return None
        self._answered += 1
        self._method = parser.get_method().decode("ascii")
        path, _, self._query = url.decode("ascii").partition("?")
        self._path = self.root_path + path
        return gateway().find(self._path)

    def _go_the_usual_way(self) -> None:
        """What would have happened with every part of the request that was read."""
        self._match = None
        url, headers, is_expected = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, is_expected
        self.headers += headers  # the scope has the same list
        super().on_headers_complete()
        if self._pieces:
            super().on_body(b"".join(self._pieces))
        if self._is_leaving:
            super().shutdown()

    def _park(self, front: Gateway, match: Match, request: Request, waiting: Waiting) -> None:
        """Answer when the row is stored, but do not wait for ever. Until then the connection's other calls queue up."""
        parked = Parked()
        self.cycle = cast(RequestResponseCycle, parked)  # it has all that uvicorn asks of one
        parked.timer = self.loop.call_later(PATIENCE, self._finish, parked, partial(front.unavailable, match, request))
        mailbox, finish = mailbox_of(self.loop), partial(self._finish, parked, waiting.finish)
        waiting.pending.future.add_done_callback(lambda _done: mailbox.put(finish))

    def _finish(self, parked: "Parked", answer: Callable[[], Response]) -> None:
        if parked.response_complete:
            return
        parked.response_complete = True
        if parked.timer:
            parked.timer.cancel()
        if not parked.disconnected:
            self._send(answer(), keep_alive=parked.keep_alive and not self._is_leaving)
            self.on_response_complete()

    def _send(self, response: Response, *, keep_alive: bool) -> None:
        status, headers, body = response
        head = head_of(status, headers, keep_alive)
        usual = b"".join([b"%b: %b\r\n" % pair for pair in self.server_state.default_headers])
        self.transport.write(b"%b%b\r\n%b" % (head, usual, body))
        if not keep_alive:
            self.transport.close()


class Parked:
    """A call that waits for its row, in the place of uvicorn's own cycle of a call."""

    def __init__(self) -> None:
        self.response_complete = self.disconnected = False
        self.keep_alive = True
        self.timer: asyncio.TimerHandle | None = None
        self.message_event = self

    def set(self) -> None:
        """The caller has left; nobody waits for a message of theirs."""


@lru_cache(REMEMBERED)
def head_of(status: int, headers: Pairs, keep_alive: bool) -> bytes:
    """The first lines of an answer. Raises ValueError if what is to be a header would be more than one."""
    if any(CONTROL.search(part) for pair in headers for part in pair):
        raise ValueError("a header may not hold control characters")
    last = "" if keep_alive else "Connection: close\r\n"
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    return STATUS_LINE[status] + f"{lines}{last}".encode("latin-1")


class _Encoded(dict[str, bytes]):
    """The names of headers as bytes; the protocols' code asks for a few dozen at most."""

    def __missing__(self, name: str) -> bytes:
        self[name] = name.encode("latin-1")
        return self[name]


_ENCODED = _Encoded()


class Headers(Mapping[str, str]):
    """The headers of a call by their names in lower case, decoded when somebody asks: most are of no interest."""

    __slots__ = ("_given",)

    def __init__(self, given: dict[bytes, bytes]) -> None:
        self._given = given

    def get(self, name: str, default: Any = None) -> Any:
        value = self._given.get(_ENCODED[name])
        return default if value is None else value.decode("latin-1")

    def __getitem__(self, name: str) -> str:
        return self._given[_ENCODED[name]].decode("latin-1")

    def __iter__(self) -> Iterator[str]:
        return (name.decode("latin-1") for name in self._given)

    def __len__(self) -> int:
        return len(self._given)
