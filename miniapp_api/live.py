"""The mini-program's WebSocket: questions and answers, and what happens to the resident's things as it happens.

Frames are JSON objects with a ``type``. The client sends ``hello`` first (with its token, or none to stay anonymous),
then ``ask`` or ``ping``; each may carry an ``id`` that the answer repeats. The server sends ``welcome``, ``answer``,
``pong``, ``error`` and, to a signed-in resident, ``event``: a name and an aggregate's id, a reason to read it again.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec
from msgspec import Struct
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from handlers.base import ErrorBody, Frame, as_banshi_error, decode_body
from handlers.hub import Hub
from handlers.routing import Limit
from kernel.errors import BanshiError, InvalidInput, NotAuthenticated
from kernel.ids import Kind
from miniapp_api.ask import MAX_TEXT, AskAnswer, answer
from services.identity.model import Session

log = logging.getLogger("banshi.live")

HELLO_SECONDS = 10
MAX_FRAME = 16 * 1024
# A client that has not taken so many frames is cut off: they would pile up in memory. It reads anew on return.
MAX_PENDING = 100


class Incoming(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    type: str
    id: str = ""
    token: str = ""
    text: str = ""


class Outgoing(Struct, kw_only=True, omit_defaults=True):
    type: str
    id: str = ""
    level: int | None = None
    answer: AskAnswer | None = None
    error: ErrorBody | None = None
    event: dict[str, Any] | None = None


class LiveSocket(WebSocketHandler):
    """One resident's connection. Bad frames are answered, not punished; a silent or flooding one is closed."""

    def initialize(self, frame: Frame, hub: Hub) -> None:
        self.frame = frame
        self.hub = hub
        self.session: Session | None = None
        self.greeted = False
        self.pending = 0

    def check_origin(self, origin: str) -> bool:
        # The token in the first frame is what authorises, never a cookie: another site's page has nothing to abuse.
        return True

    def get_compression_options(self) -> None:
        return None

    def open(self, *args: str, **kwargs: str) -> None:
        self.set_nodelay(True)
        self.frame.metrics.sockets.inc()
        self.timeout = asyncio.get_running_loop().call_later(HELLO_SECONDS, self._no_hello)

    def on_close(self) -> None:
        self.timeout.cancel()
        self.frame.metrics.sockets.dec()
        if self.session is not None:
            self.hub.leave(self.session.person_id, self)

    async def on_message(self, message: str | bytes) -> None:
        id_ = ""
        try:
            raw = message.encode() if isinstance(message, str) else message
            if len(raw) > MAX_FRAME:
                raise InvalidInput(field="$", reason=f"a frame holds at most {MAX_FRAME} bytes")
            incoming: Incoming = decode_body(raw, Incoming)
            id_ = incoming.id[:64]
            await self._take(incoming, id_)
        except Exception as error:
            if not isinstance(error, BanshiError):
                log.warning("frame failed", exc_info=True)
            self.answer_error(as_banshi_error(error, 500), id_)

    async def _take(self, incoming: Incoming, id_: str) -> None:
        if incoming.type == "hello":
            await self._hello(incoming.token)
        elif not self.greeted:
            raise NotAuthenticated(field="$.type", reason="hello comes first")
        elif incoming.type == "ask":
            if len(incoming.text) > MAX_TEXT:
                raise InvalidInput(field="$.text", reason=f"at most {MAX_TEXT} characters")
            await self.frame.limits.check(Limit.ASK, self.caller)
            self.tell(Outgoing(type="answer", id=id_, answer=await answer(self.frame, incoming.text)))
        elif incoming.type == "ping":
            self.tell(Outgoing(type="pong", id=id_))
        else:
            raise InvalidInput(field="$.type", reason="one of hello, ask, ping")

    async def _hello(self, token: str) -> None:
        if self.greeted:
            raise InvalidInput(field="$.type", reason="hello comes once")
        session = await self.frame.city.identity_queries.session(token) if token else None
        if token and session is None:
            raise NotAuthenticated
        self.greeted = True
        self.timeout.cancel()
        if session is not None:
            self.session = session
            self.hub.join(session.person_id, self)
        self.tell(Outgoing(type="welcome", level=None if session is None else int(session.level)))

    @property
    def caller(self) -> str:
        return self.session.person_id if self.session else self.request.remote_ip or ""

    def tell(self, outgoing: Outgoing) -> None:
        if self.pending >= MAX_PENDING:
            self.close(1013, "too slow")
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

    def tell_event(self, event: dict[str, Any]) -> None:
        self.tell(Outgoing(type="event", event=event))

    def answer_error(self, error: BanshiError, id_: str) -> None:
        body = ErrorBody(
            code=error.code.name,
            message=error.detail,
            fields=dict(error.fields),
            request_id=self.frame.ids.new(Kind.REQUEST),
        )
        self.tell(Outgoing(type="error", id=id_, error=body))

    def _no_hello(self) -> None:
        self.close(4001, "no hello")
