"""One Tornado handler runs every route: right, limit, idempotency, typed request, endpoint, typed answer, errors.

The order is fixed: who calls -> may they -> how often -> is the input sound -> was it asked before -> act -> answer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
from msgspec import Struct
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPServerRequest
from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler, stream_request_body

from handlers.authentication import authenticate
from handlers.decoding import bearer_token, decode_body, decode_query, idempotency_key, in_background
from handlers.idempotency import Idempotencies, Stored
from handlers.limits import Limits
from handlers.metrics import Metrics
from handlers.routing import Idempotency, Raw, Right, Route
from kernel.cost import COST, Cost
from kernel.errors import (
    BanshiError,
    Code,
    NotAuthenticated,
    TooLarge,
    TooManyRequests,
    Unavailable,
)
from kernel.ids import Ids, Kind
from services.city import City
from services.files.actions import too_large
from services.identity.model import Session
from services.identity.staff.model import StaffSession

log = logging.getLogger("banshi.http")

SLOW_SECONDS = 1.0
JSON = "application/json; charset=utf-8"
# What multipart/form-data puts around a file: boundaries and headers.
MULTIPART_ROOM = 16 * 1024
# A body so many times over the limit is not even received.
ABSURD_BODIES = 32
# Ten megabytes from a telephone at the edge of the network; other bodies have the server's body_timeout.
UPLOAD_SECONDS = 180
_encoder = msgspec.json.Encoder()


@dataclass
class Call:
    """What an endpoint knows of its caller."""

    frame: Frame
    request: HTTPServerRequest
    request_id: str
    address: str
    right: Right
    session: Session | None = None
    staff: StaffSession | None = None
    token: str = ""
    key: str | None = None
    # Asked by a screen and not by whoever sits at it: no use of a staff session.
    background: bool = False

    @property
    def city(self) -> City:
        return self.frame.city

    @property
    def person(self) -> str:
        """The resident who calls. Raises NotAuthenticated where the route lets anyone in and nobody is signed in."""
        if self.session is None:
            raise NotAuthenticated
        return self.session.person_id

    @property
    def officer(self) -> StaffSession:
        if self.staff is None:
            raise NotAuthenticated
        return self.staff

    @property
    def body(self) -> bytes:
        return self.request.body

    @property
    def request_key(self) -> str | None:
        """A name for this request that is the same when it is repeated: who calls and their Idempotency-Key."""
        return f"{self.caller}:{self.key}" if self.key else None

    @property
    def caller(self) -> str:
        if self.session is not None:
            return self.session.person_id
        if self.staff is not None:
            return self.staff.staff_id
        return self.address


@dataclass
class Frame:
    """What all handlers of one process share. ``probe`` asks the dependencies how they are; ``draining``: the process
    is about to stop and wants no new callers."""

    city: City
    ids: Ids
    limits: Limits
    idempotencies: Idempotencies
    metrics: Metrics
    probe: Callable[[], Awaitable[dict[str, str]]]
    metrics_token: str = ""
    sms_receipt_secret: str = ""
    # Largest body that is read, in bytes; what is over it is received, dropped and answered with TOO_LARGE.
    body_limit: int = 1024 * 1024
    # Largest file that a route for uploads takes, in bytes.
    file_limit: int = 10 * 1024 * 1024
    draining: bool = False
    # Requests and frames being answered now: a process that drains waits for them.
    running: int = 0
    # Held while one question is answered.
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    openapi: dict[str, Any] = field(default_factory=dict)


class ErrorBody(Struct, kw_only=True):
    """What went wrong: a code for machines, a sentence for people, fields, and the request id to quote."""

    code: str
    message: str
    fields: dict[str, Any]
    request_id: str


class ErrorAnswer(Struct):
    error: ErrorBody


class Done(Struct, kw_only=True):
    """The answer of an action that has nothing else to tell."""

    done: bool = True


class BaseHandler(RequestHandler):
    """Request id, security headers and typed errors for every answer, also those that Tornado itself writes."""

    frame: Frame

    def initialize(self, frame: Frame) -> None:
        # Here and not in prepare, which an address that is no UTF-8 never reaches.
        self.frame = frame
        self.started = time.perf_counter()
        self.cost = Cost()
        self.request_id = self.frame.ids.new(Kind.REQUEST)
        self.frame.running += 1

    def prepare(self) -> None:
        COST.set(self.cost)
        self.set_header("X-Request-Id", self.request_id)

    def on_finish(self) -> None:
        self.frame.running -= 1

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", "same-origin")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None, None))[1]
        self.answer_error(as_banshi_error(error, status_code))

    def answer_error(self, error: BanshiError) -> None:
        self.set_status(error.status)
        if isinstance(error, TooManyRequests):
            self.set_header("Retry-After", str(error.fields["retry_after"]))
        body = ErrorBody(
            code=error.code.name,
            message=error.detail,
            fields=dict(error.fields),
            request_id=getattr(self, "request_id", ""),
        )
        self.set_header("Content-Type", JSON)
        self.finish(_encoder.encode(ErrorAnswer(body)))


def as_banshi_error(error: BaseException | None, status: int) -> BanshiError:
    """What to tell the caller: never a stack trace, never a foreign library's words."""
    if isinstance(error, BanshiError):
        return error
    if isinstance(error, PyMongoError | RedisError | TimeoutError | ConnectionError):
        return Unavailable()
    by_status = {404: Code.ROUTE_NOT_FOUND, 405: Code.METHOD_NOT_ALLOWED, 413: Code.TOO_LARGE, 400: Code.INVALID_INPUT}
    return BanshiError(by_status.get(status, Code.INTERNAL))


class NoSuchRoute(BaseHandler):
    """Whatever path no route has."""

    async def prepare(self) -> None:  # type: ignore[override]
        super().prepare()
        self.answer_error(BanshiError(Code.ROUTE_NOT_FOUND))


@stream_request_body
class Endpoint(BaseHandler):
    """Runs the routes of one path. The body is taken in pieces, so that one that is too large costs no memory and its
    sender still gets a typed answer instead of a closed connection."""

    SUPPORTED_METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD")

    def initialize(self, frame: Frame, routes: Mapping[str, Route]) -> None:  # type: ignore[override]
        super().initialize(frame)
        self.routes = routes
        self.route: Route | None = None
        self.pieces: list[bytes] = []
        self.received = 0
        self.room = self.frame.body_limit
        self.admitted: Call | None = None
        self.refused: Exception | None = None

    def prepare(self) -> Awaitable[None] | None:  # type: ignore[override]
        super().prepare()
        route = self.routes.get(self.request.method or "")
        return self._prepare_upload(route) if route is not None and route.upload else None

    async def _prepare_upload(self, route: Route) -> None:
        """Before the first byte of the body: who may not send a file gets no memory for it, only their answer."""
        connection = cast(HTTP1Connection, self.request.connection)
        connection.set_max_body_size(ABSURD_BODIES * self.frame.file_limit)
        connection.set_body_timeout(UPLOAD_SECONDS)
        try:
            self.admitted = await self._admit(route)
            self.room = self.frame.file_limit + MULTIPART_ROOM
        except (BanshiError, PyMongoError, RedisError, TimeoutError, ConnectionError) as error:
            self.refused, self.room = error, 0

    def data_received(self, chunk: bytes) -> None:
        self.received += len(chunk)
        if self.received <= self.room:
            self.pieces.append(chunk)
        else:
            self.pieces.clear()

    async def get(self, **path: str) -> None:
        await self._run("GET", path)

    async def head(self, **path: str) -> None:
        await self._run("GET", path)

    async def post(self, **path: str) -> None:
        await self._run("POST", path)

    async def put(self, **path: str) -> None:
        await self._run("PUT", path)

    async def delete(self, **path: str) -> None:
        await self._run("DELETE", path)

    async def _run(self, method: str, path: Mapping[str, str]) -> None:
        route = self.routes.get(method)
        if route is None:
            self.set_header("Allow", ", ".join(sorted(self.routes)))
            self.answer_error(BanshiError(Code.METHOD_NOT_ALLOWED, allowed=sorted(self.routes)))
            return
        self.route = route
        self.request.body = b"".join(self.pieces)
        try:
            if self.refused is not None:
                raise self.refused
            if self.received > self.room:
                raise too_large(self.frame.file_limit) if route.upload else TooLarge(limit=self.frame.body_limit)
            call = self.admitted or await self._admit(route)
            arguments = self._arguments(route, path)
            if route.idempotency is Idempotency.KEY and call.key is not None:
                await self._run_once(route, call, arguments)
            else:
                self._answer(route, await route.endpoint(call, **arguments))
        except BanshiError as error:
            if error.status >= 500:
                log.warning(
                    "request failed",
                    extra={"route": route.name, "code": error.code.name, "request_id": self.request_id},
                )
            self.answer_error(error)
        except StreamClosedError:
            log.info("the caller went away", extra={"route": route.name, "request_id": self.request_id})
        except (PyMongoError, RedisError, TimeoutError, ConnectionError) as error:
            log.warning(
                "dependency failed", extra={"route": route.name, "error": repr(error), "request_id": self.request_id}
            )
            self.answer_error(Unavailable())

    async def _admit(self, route: Route) -> Call:
        """Who calls, whether they may, and how often. Raises NotAuthenticated, NotAllowed, TooManyRequests."""
        request = self.request
        address = request.remote_ip or ""
        call = Call(self.frame, request, self.request_id, address, route.right)
        call.token = bearer_token(request.headers.get("Authorization"))
        call.key = idempotency_key(request.headers.get("Idempotency-Key"))
        call.background = in_background(request.headers.get("X-Background"))
        await authenticate(call, self.frame)
        await self.frame.limits.check(route.limit, call.caller)
        return call

    def _arguments(self, route: Route, path: Mapping[str, str]) -> dict[str, Any]:
        arguments: dict[str, Any] = dict(path)
        if "body" in route.parameters:
            arguments["body"] = decode_body(self.request.body, route.parameters["body"])
        if "query" in route.parameters:
            arguments["query"] = decode_query(self.request.query_arguments, route.parameters["query"])
        return arguments

    async def _run_once(self, route: Route, call: Call, arguments: dict[str, Any]) -> None:
        """The first call acts; a repeat gets the same answer; another body under the same key is refused."""
        name = f"{route.name}|{self.request.path}"
        store = self.frame.idempotencies
        stored = await store.begin(call.request_key or "", name, self.request.body)
        if stored is not None:
            self.set_header("Idempotency-Replayed", "true")
            self.set_status(stored.status)
            self.set_header("Content-Type", JSON)
            self.finish(stored.body)
            return
        try:
            body = _encoder.encode(await route.endpoint(call, **arguments))
        except BaseException:
            # Nothing happened, or nothing that a repeat would not find done: the key is free again.
            await store.forget(call.request_key or "")
            raise
        await store.finish(call.request_key or "", name, self.request.body, Stored(route.status, body))
        self.set_status(route.status)
        self.set_header("Content-Type", JSON)
        self.finish(body)

    def _answer(self, route: Route, answer: Any) -> None:
        if isinstance(answer, Raw):
            self.set_status(answer.status)
            self.set_header("Content-Type", answer.content_type)
            for name, value in answer.headers.items():
                self.set_header(name, value)
            if "Etag" in answer.headers and answer.headers["Etag"] in self.request.headers.get("If-None-Match", ""):
                self.set_status(304)
                self.finish()
                return
            self.finish(answer.body)
            return
        self.set_status(route.status)
        if answer is None:
            self.finish()
            return
        self.set_header("Content-Type", JSON)
        self.finish(_encoder.encode(answer))

    def compute_etag(self) -> str | None:
        # Only answers that carry their own version have one; hashing every answer would cost more than it saves.
        return None

    def on_finish(self) -> None:
        super().on_finish()
        seconds = time.perf_counter() - self.started
        name = self.route.name if self.route else f"{self.request.method} -"
        self.frame.metrics.request(name, self.get_status(), seconds, self.cost.commands)
        if seconds > SLOW_SECONDS:
            log.warning(
                "slow request",
                extra={
                    "route": name, "seconds": round(seconds, 3), "commands": self.cost.commands,
                    "request_id": self.request_id,
                },
            )  # fmt: skip
