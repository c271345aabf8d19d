"""What all simulators share: faults on demand, a movable clock, and the control endpoints.

Control endpoints (JSON in, JSON out; only from loopback):

    POST /control/faults    {path, kind, count=1, seconds=0, errcode?}   see ``Fault``
    GET  /control/faults    the faults still waiting
    GET  /control/sent      what was sent, newest last; ``?openid=`` / ``?phone=`` filter
    GET  /control/pushes    every delivery attempt of every callback, newest last
    POST /control/clock     {seconds}: move this simulator's clock forward
    POST /control/callback  {url}: where callbacks go from now on; "" for nowhere
    POST /control/reset     forget everything but the configuration
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol, cast

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler

from kernel.clock import Clock, SystemClock, to_milliseconds

FaultKind = Literal["delay", "drop", "refuse", "repeat", "http500", "lose_answer"]
FAULT_KINDS = ("delay", "drop", "refuse", "repeat", "http500", "lose_answer")
CALLBACK = "callback"  # the ``path`` of faults on what the simulator itself sends


@dataclass
class Fault:
    """One kind of misbehaviour of one path, ``count`` times.

    On a path of the simulated API: ``delay`` waits ``seconds`` and then answers as usual; ``drop`` closes the
    connection and has done nothing; ``refuse`` answers with ``errcode`` and has done nothing; ``http500`` answers 500
    and has done nothing; ``lose_answer`` does everything and closes the connection instead of answering.
    On ``callback``: ``delay`` sends later, ``drop`` does not send this attempt, ``repeat`` sends once more.
    """

    path: str
    kind: FaultKind
    count: int = 1
    seconds: float = 0.0
    errcode: str | int | None = None


class MovableClock:
    """The real time, plus what /control/clock has added."""

    def __init__(self, base: Clock | None = None) -> None:
        self._base = base or SystemClock()
        self._offset = timedelta()

    def now(self) -> datetime:
        return to_milliseconds(self._base.now() + self._offset)

    def advance(self, seconds: float) -> None:
        self._offset += timedelta(seconds=seconds)


class World(Protocol):
    """The state of one simulator."""

    callback_url: str

    def reset(self) -> None: ...

    def sent_to(self, wanted: Mapping[str, str]) -> list[dict[str, Any]]:
        """What was sent, newest last, as far as it matches."""
        ...


@dataclass
class Control:
    """Faults, clock, callback log and background tasks of one simulator."""

    clock: MovableClock
    faults: list[Fault] = field(default_factory=list)
    pushes: list[dict[str, Any]] = field(default_factory=list)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    def take(self, path: str, *kinds: str) -> Fault | None:
        """The next fault waiting for this path (and of these kinds, if any are named); it is used up."""
        for fault in self.faults:
            if fault.path == path and fault.count > 0 and (not kinds or fault.kind in kinds):
                fault.count -= 1
                if fault.count == 0:
                    self.faults.remove(fault)
                return fault
        return None

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run beside the requests; ended by ``close``."""
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def close(self) -> None:
        running = list(self.tasks)
        for task in running:
            task.cancel()
        for task in running:
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task


class Simulator(Application):
    """A Tornado application with its state (``world``) and its ``control``."""

    def __init__(self, world: World, control: Control, handlers: list[Any]) -> None:
        self.world = world
        self.control = control
        super().__init__([*handlers, *_control_routes()], log_function=lambda _: None)

    async def close(self) -> None:
        await self.control.close()


class Served:
    """A simulator listening on a port, until ``stop``."""

    def __init__(self, app: Simulator, port: int, address: str) -> None:
        self.app = app
        self._server = HTTPServer(app)
        sockets = bind_sockets(port, address)
        self.port: int = sockets[0].getsockname()[1]
        self.url = f"http://{address}:{self.port}"
        self._server.add_sockets(sockets)

    async def stop(self) -> None:
        self._server.stop()
        await self.app.close()
        await self._server.close_all_connections()

    async def __aenter__(self) -> Served:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


def serve(app: Simulator, port: int = 0, address: str = "127.0.0.1") -> Served:
    """Listen on ``port`` (0: a free one) in the running event loop."""
    return Served(app, port, address)


class BaseHandler(RequestHandler):
    @property
    def simulator(self) -> Simulator:
        return cast(Simulator, self.application)

    @property
    def control(self) -> Control:
        return self.simulator.control

    def cut(self) -> None:
        """Close the connection without an answer."""
        self.detach().close()

    def answer(self, value: bytes, content_type: str, status: int = 200) -> None:
        self.set_status(status)
        self.set_header("Content-Type", content_type)
        self.finish(value)

    async def spoiled(self, fault: Fault | None) -> bool:
        """Delays, drops or breaks the answer before anything is done; True when the caller has got theirs.

        The 500 is a front server's that knows nothing of the API: neither JSON nor signed.
        """
        if fault and fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
        if fault and fault.kind == "drop":
            self.cut()
        elif fault and fault.kind == "http500":
            self.answer(b"<html>internal error</html>", "text/html", 500)
        else:
            return False
        return True


class Endpoint(BaseHandler, ABC):
    """One path of the simulated API; ``act`` does it, ``refusal`` words an error."""

    media_type = "application/json"

    @abstractmethod
    async def act(self) -> dict[str, Any] | bytes:
        """The answer."""

    @abstractmethod
    def refusal(self, errcode: str | int | None) -> dict[str, Any]:
        """How this API words an error."""

    async def get(self) -> None:
        await self._run()

    async def post(self) -> None:
        await self._run()

    async def _run(self) -> None:
        fault = self.control.take(self.request.path)
        if await self.spoiled(fault):
            return
        result = self.refusal(fault.errcode) if fault and fault.kind == "refuse" else await self.act()
        if fault and fault.kind == "lose_answer":
            self.cut()
        elif isinstance(result, bytes):
            self.answer(result, self.media_type)
        else:
            # The bare type: Tencent's SDK looks for errors only when there is no charset.
            self.answer(json.dumps(result, ensure_ascii=False).encode(), "application/json")


class ControlHandler(BaseHandler):
    """A control endpoint: loopback only, whatever address the simulated API listens on."""

    def prepare(self) -> None:
        address = ipaddress.ip_address((self.request.remote_ip or "0.0.0.0").split("%")[0])  # noqa: S104
        if not address.is_loopback:
            raise HTTPError(403, "control endpoints answer on loopback only")

    def body(self) -> dict[str, Any]:
        try:
            value = json.loads(self.request.body or b"{}")
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise HTTPError(400, "a JSON object is expected")
        return value

    def need(self, body: Mapping[str, Any], key: str) -> str:
        value = body.get(key)
        if not isinstance(value, str) or not value:
            raise HTTPError(400, f"{key} is missing")
        return value

    def reply(self, value: Any) -> None:
        self.answer(json.dumps(value, ensure_ascii=False, default=str).encode(), "application/json")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None, None))[1]
        message = error.log_message if isinstance(error, HTTPError) else "error"
        self.answer(json.dumps({"error": message}).encode(), "application/json", status_code)


class FaultsHandler(ControlHandler):
    def get(self) -> None:
        self.reply([vars(fault) for fault in self.control.faults])

    def post(self) -> None:
        body = self.body()
        kind = self.need(body, "kind")
        if kind not in FAULT_KINDS:
            raise HTTPError(400, f"kind is one of {', '.join(FAULT_KINDS)}")
        self.control.faults.append(
            Fault(
                path=self.need(body, "path"),
                kind=cast(FaultKind, kind),
                count=int(body.get("count", 1)),
                seconds=float(body.get("seconds", 0)),
                errcode=body.get("errcode"),
            )
        )
        self.reply({"waiting": len(self.control.faults)})


class SentHandler(ControlHandler):
    def get(self) -> None:
        wanted = {key: self.get_query_argument(key) for key in self.request.query_arguments}
        self.reply(self.simulator.world.sent_to(wanted))


class PushesHandler(ControlHandler):
    def get(self) -> None:
        self.reply(self.control.pushes)


class ClockHandler(ControlHandler):
    def post(self) -> None:
        self.control.clock.advance(float(self.body().get("seconds", 0)))
        self.reply({"now": self.control.clock.now().isoformat()})


class CallbackHandler(ControlHandler):
    def post(self) -> None:
        self.simulator.world.callback_url = str(self.body().get("url", ""))
        self.reply({"url": self.simulator.world.callback_url})


class ResetHandler(ControlHandler):
    async def post(self) -> None:
        await self.control.close()
        self.control.faults.clear()
        self.control.pushes.clear()
        self.simulator.world.reset()
        self.reply({})


def _control_routes() -> list[Any]:
    return [
        ("/control/faults", FaultsHandler),
        ("/control/sent", SentHandler),
        ("/control/pushes", PushesHandler),
        ("/control/clock", ClockHandler),
        ("/control/callback", CallbackHandler),
        ("/control/reset", ResetHandler),
    ]
