"""What all our WebSockets share: a first frame that says who calls, typed errors, bounds on what a client may do.

Bad frames are answered, not punished; a silent, slow or flooding client is closed: 4001 no hello, 4003 the session
ended, 4008 too many sockets, 1008 flooding, 1009 a message too large to be received, 1013 too slow. 1001 says that the
process stops: come back.
"""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from typing import Any

import msgspec
from msgspec import Struct
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from handlers.base import ErrorBody, Frame, as_banshi_error
from handlers.chat import EntryView, Stream
from handlers.decoding import decode_body
from handlers.hub import Hub
from kernel.errors import BanshiError, InvalidInput, NotAuthenticated, TooManyRequests
from kernel.ids import Kind

log = logging.getLogger("banshi.live")

HELLO_SECONDS = 10
MAX_FRAME = 16 * 1024
# A client that has not taken so many frames is cut off: they would pile up in memory. It reads anew on return.
MAX_PENDING = 100
# Frames of one connection: a burst, then so many a second; who goes on regardless is closed.
BURST, PER_SECOND, PATIENCE = 40, 20.0, 200
# Open sockets of one person in one process.
MAX_SOCKETS = 10
# Conversations that one socket follows.
MAX_STREAMS = 60
TYPING_SECONDS = 1.0

NO_HELLO, SESSION_ENDED, TOO_MANY_SOCKETS, FLOOD, SLOW = 4001, 4003, 4008, 1008, 1013


class OutgoingFrame(Struct, kw_only=True, omit_defaults=True):
    """``id`` repeats the id of the frame answered."""

    type: str
    id: str = ""
    error: ErrorBody | None = None


class LiveHandler(WebSocketHandler, ABC):
    """One connection. Subclasses say which frames there are and who may call."""

    incoming: type[Struct]

    def initialize(self, frame: Frame, hub: Hub) -> None:
        self.frame = frame
        self.hub = hub
        self.greeted = False
        self.pending = 0
        self.topics: set[str] = set()
        self.streams: dict[str, Stream] = {}
        self.tokens, self.filled_at = float(BURST), time.monotonic()
        self.refused = 0
        self.typed_at = 0.0

    def check_origin(self, origin: str) -> bool:
        # The token in the first frame is what authorises, never a cookie: another site's page has nothing to abuse.
        return True

    def get_compression_options(self) -> None:
        return None

    def open(self, *args: str, **kwargs: str) -> None:
        self.set_nodelay(True)
        self.frame.metrics.sockets.inc()
        self.timeout = asyncio.get_running_loop().call_later(HELLO_SECONDS, self.close, NO_HELLO, "no hello")

    def on_close(self) -> None:
        self.timeout.cancel()
        self.frame.metrics.sockets.dec()
        for topic in list(self.topics):
            self.leave(topic)
        for stream in self.streams.values():
            stream.stop()

    async def on_message(self, message: str | bytes) -> None:
        id_ = ""
        self.frame.running += 1
        try:
            self._count_frame()
            raw = message.encode() if isinstance(message, str) else message
            if len(raw) > MAX_FRAME:
                raise InvalidInput(field="$", reason=f"a frame holds at most {MAX_FRAME} bytes")
            incoming: Any = decode_body(raw, self.incoming)
            id_ = incoming.id[:64]
            if incoming.type != "hello" and not self.greeted:
                raise NotAuthenticated(field="$.type", reason="hello comes first")
            # One frame at a time, in the order they came: Tornado reads the next one after this has returned.
            await self.take(incoming, id_)
        except Exception as error:
            if not isinstance(error, BanshiError):
                log.warning("frame failed", exc_info=True)
            self.answer_error(as_banshi_error(error, 500), id_)
        finally:
            self.frame.running -= 1

    @abstractmethod
    async def take(self, incoming: Any, id_: str) -> None:
        """One frame of who may send it; raises what is answered as an error."""

    @abstractmethod
    def tell_event(self, topic: str, event: dict[str, Any]) -> None:
        """What the hub heard of a topic that this connection has joined."""

    # -- who listens to what -----------------------------------------------------------------------------------

    def join(self, topic: str) -> None:
        self.topics.add(topic)
        self.hub.join(topic, self)

    def leave(self, topic: str) -> None:
        self.topics.discard(topic)
        self.hub.leave(topic, self)

    def greet(self, topic: str) -> bool:
        """Listens to who has said hello; False, and closed, when they have too many sockets open."""
        self.greeted = True
        self.timeout.cancel()
        if self.hub.listening(topic) >= MAX_SOCKETS:
            self.close(TOO_MANY_SOCKETS, "too many sockets")
            return False
        self.join(topic)
        return True

    async def follow(self, stream: Stream) -> None:
        """Everything of a conversation after the number the client has, then what comes, in order."""
        known = self.streams.pop(stream.conversation, None)
        if known is not None:
            known.stop()
        elif len(self.streams) >= MAX_STREAMS:
            self.unfollow(next(iter(self.streams)))
        self.streams[stream.conversation] = stream
        self.join(stream.conversation)
        await stream.fill()

    def unfollow(self, conversation: str) -> None:
        stream = self.streams.pop(conversation, None)
        if stream is not None:
            stream.stop()
            self.leave(conversation)

    def resync(self) -> None:
        for stream in self.streams.values():
            stream.fill_soon()

    # -- answering ---------------------------------------------------------------------------------------------

    def tell(self, outgoing: Struct) -> None:
        if self.pending >= MAX_PENDING:
            self.close(SLOW, "too slow")
            return
        try:
            written = self.write_message(msgspec.json.encode(outgoing).decode())
        except WebSocketClosedError:
            return
        self.pending += 1
        asyncio.ensure_future(written).add_done_callback(self._written)

    def _written(self, future: asyncio.Future[None]) -> None:
        self.pending -= 1
        if not future.cancelled():
            future.exception()  # the connection is gone; on_close sees to that

    def answer_error(self, error: BanshiError, id_: str) -> None:
        body = ErrorBody(
            code=error.code.name,
            message=error.detail,
            fields=dict(error.fields),
            request_id=self.frame.ids.new(Kind.REQUEST),
        )
        self.tell(OutgoingFrame(type="error", id=id_, error=body))

    def may_type(self) -> bool:
        """Whether a typing notice is passed on: one a second says all there is to say."""
        now = time.monotonic()
        if now - self.typed_at < TYPING_SECONDS:
            return False
        self.typed_at = now
        return True

    def _count_frame(self) -> None:
        """Raises TooManyRequests over the connection's bound."""
        now = time.monotonic()
        self.tokens = min(float(BURST), self.tokens + (now - self.filled_at) * PER_SECOND)
        self.filled_at = now
        if self.tokens < 1:
            self.refused += 1
            if self.refused > PATIENCE:
                self.close(FLOOD, "flood")
            raise TooManyRequests((1 - self.tokens) / PER_SECOND)
        self.tokens -= 1
        # Not to zero: a flood, too, has a frame let through now and then.
        self.refused = max(0, self.refused - 1)


class EntriesFrame(Struct, kw_only=True):
    """The next entries of a conversation, in order and without a gap."""

    type: str = "entries"
    conversation: str
    entries: list[EntryView]
