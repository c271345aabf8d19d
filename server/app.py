"""The Tornado application: every route in one table, deny by default, and the life of one API process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from pymongo.errors import PyMongoError
from redis.exceptions import RedisError
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

import handlers.booking_fees
import handlers.callbacks
import handlers.case_files
import handlers.cases
import handlers.catalogue
import handlers.chat
import handlers.colleagues
import handlers.complaints
import handlers.console
import handlers.conversations
import handlers.demo
import handlers.follow_ups
import handlers.knowledge
import handlers.learning
import handlers.officers
import handlers.operations
import handlers.pages
import handlers.payments
import handlers.reconciliation
import handlers.residents
import handlers.staff
import handlers.staff_accounts
import handlers.staff_files
import handlers.staff_sessions
import handlers.supervision
import miniapp_api.accounts
import miniapp_api.ask
import miniapp_api.bookings
import miniapp_api.case_files
import miniapp_api.cases
import miniapp_api.complaints
import miniapp_api.conversations
import miniapp_api.dialogue
import miniapp_api.feedback
import miniapp_api.files
import miniapp_api.items
import miniapp_api.me
import miniapp_api.messages
import miniapp_api.payments
import miniapp_api.receipts
from gateways.simulated_phone import SimulatedPhone, is_loopback
from handlers.base import ABSURD_BODIES, Endpoint, Frame, NoSuchRoute
from handlers.hub import Hub
from handlers.idempotency import Idempotencies
from handlers.limits import Limits
from handlers.live import StaffSocket
from handlers.metrics import Metrics
from handlers.openapi import document
from handlers.routing import Limit, Route, pattern
from handlers.sockets import MAX_FRAME
from kernel.clock import Clock
from miniapp_api.live import LiveSocket
from server.settings import Settings
from server.storage import connect_redis_listener
from server.wiring import House, load, open_house

log = logging.getLogger("banshi.api")

ROUTES: tuple[Route, ...] = (
    *miniapp_api.items.ROUTES,
    *miniapp_api.ask.ROUTES,
    *miniapp_api.bookings.ROUTES,
    *miniapp_api.cases.ROUTES,
    *miniapp_api.case_files.ROUTES,
    *miniapp_api.complaints.ROUTES,
    *miniapp_api.conversations.ROUTES,
    *miniapp_api.dialogue.ROUTES,
    *miniapp_api.feedback.ROUTES,
    *miniapp_api.files.ROUTES,
    *miniapp_api.me.ROUTES,
    *miniapp_api.messages.ROUTES,
    *miniapp_api.payments.ROUTES,
    *miniapp_api.accounts.ROUTES,
    *miniapp_api.receipts.ROUTES,
    *handlers.callbacks.ROUTES,
    *handlers.staff_sessions.ROUTES,
    *handlers.staff.ROUTES,
    *handlers.cases.ROUTES,
    *handlers.booking_fees.ROUTES,
    *handlers.case_files.ROUTES,
    *handlers.supervision.ROUTES,
    *handlers.colleagues.ROUTES,
    *handlers.complaints.ROUTES,
    *handlers.conversations.ROUTES,
    *handlers.follow_ups.ROUTES,
    *handlers.officers.ROUTES,
    *handlers.staff_accounts.ROUTES,
    *handlers.staff_files.ROUTES,
    *handlers.catalogue.ROUTES,
    *handlers.knowledge.ROUTES,
    *handlers.learning.ROUTES,
    *handlers.payments.ROUTES,
    *handlers.reconciliation.ROUTES,
    *handlers.residents.ROUTES,
    *handlers.operations.ROUTES,
)
LIVE_PATH = "/api/live"
STAFF_LIVE_PATH = "/staff/live"

# How often a process looks whether another has published a newer catalogue or other centres.
REFRESH_SECONDS = 1.0
LOOP_PROBE_SECONDS = 0.5
# Sockets that do not answer a ping for this long are closed.
PING_SECONDS = 30
# A stopping process looks so often whether it still has something to answer, and believes it after so many looks.
LOOK_SECONDS = 0.05
QUIET_LOOKS = 4
# What connections had begun may take so long once they are closed.
LAST_SECONDS = 2.0


def make_app(
    frame: Frame,
    hub: Hub,
    pages: Mapping[str, handlers.pages.File] | None = None,
    phone: SimulatedPhone | None = None,
    console: Mapping[str, handlers.pages.File] | None = None,
) -> Application:
    """All routes, the built pages when there are any, and in a demo the phone's stand-in.

    Raises ValueError when two routes are the same, or one says nothing of its right.
    """
    by_path: dict[str, dict[str, Route]] = defaultdict(dict)
    for route in ROUTES:
        if route.method in by_path[route.path]:
            raise ValueError(f"two routes for {route.name}")
        by_path[route.path][route.method] = route
    # Paths without names first: /api/items/{code} must not swallow a fixed path beside it.
    ordered = sorted(by_path.items(), key=lambda pair: ("{" in pair[0], pair[0]))
    rules: list[Any] = [(pattern(path), Endpoint, {"frame": frame, "routes": routes}) for path, routes in ordered]
    rules.append((LIVE_PATH, LiveSocket, {"frame": frame, "hub": hub}))
    rules.append((STAFF_LIVE_PATH, StaffSocket, {"frame": frame, "hub": hub}))
    if pages:
        rules.append(handlers.pages.rule(frame, pages))
    if console:
        rules.append(handlers.console.rule(frame, console))
    if phone is not None:
        rules += handlers.demo.rules(frame, phone)
    frame.openapi = document(ROUTES)
    return Application(
        rules,
        default_handler_class=NoSuchRoute,
        default_handler_args={"frame": frame},
        websocket_ping_interval=PING_SECONDS,
        websocket_ping_timeout=PING_SECONDS,
        websocket_max_message_size=4 * MAX_FRAME,
        log_function=lambda handler: None,
    )


def make_frame(house: House) -> Frame:
    settings = house.settings
    per_minute = {
        Limit.READ: settings.limit_read_per_minute,
        Limit.ASK: settings.limit_ask_per_minute,
        Limit.WRITE: settings.limit_write_per_minute,
        Limit.CHAT: settings.limit_chat_per_minute,
        Limit.LOGIN: settings.limit_login_per_minute,
        Limit.CALLBACK: settings.limit_callback_per_minute,
    }
    return Frame(
        city=house.city,
        ids=house.city.ids,
        limits=Limits(per_minute, house.redis),
        idempotencies=Idempotencies(house.redis),
        metrics=Metrics([route.name for route in ROUTES], pay_calls=house.city.till.calls),
        probe=lambda: probe(house),
        metrics_token=settings.metrics_token,
        sms_receipt_secret=settings.sms_receipt_secret,
        body_limit=settings.body_limit_kb * 1024,
        file_limit=settings.file_limit_mb * 1024 * 1024,
    )


async def probe(house: House) -> dict[str, str]:
    """Whether database and Valkey answer within a second."""
    state = {"database": "ok", "valkey": "ok"}
    try:
        await asyncio.wait_for(house.mongo.admin.command("ping"), 1)
    except (PyMongoError, TimeoutError):
        state["database"] = "away"
    try:
        await asyncio.wait_for(house.redis.ping(), 1)
    except (RedisError, TimeoutError, ConnectionError):
        state["valkey"] = "away"
    return state


@asynccontextmanager
async def serving(settings: Settings, port: int | None = None, clock: Clock | None = None) -> AsyncIterator[Api]:
    """A running API, in this process, until the block ends; ``port`` 0 takes a free one."""
    async with open_house(settings, clock) as house:
        seen = await load(house)
        frame = make_frame(house)
        listener = connect_redis_listener(settings)
        hub = Hub(listener, house.city.live.origin, partial(handlers.chat.hear, house.city.talk))
        house.city.live.local = hub.deliver
        till = settings.wechat_pay_url if is_loopback(settings.wechat_pay_url) else ""
        phone = SimulatedPhone(settings.demo_simulators_url, till) if settings.demo_simulators_url else None
        pages, console = (handlers.pages.read_folder(Path(f)) for f in (settings.h5_folder, settings.console_folder))
        app = make_app(frame, hub, pages, phone, console)
        server = HTTPServer(
            app,
            xheaders=settings.trust_proxy,
            # The handler answers what is over the limit; only what is absurd is cut off.
            max_body_size=ABSURD_BODIES * settings.body_limit_kb * 1024,
            idle_connection_timeout=120,
            body_timeout=30,
        )
        sockets = bind_sockets(
            settings.port if port is None else port, settings.listen_address, reuse_port=settings.processes > 1
        )
        server.add_sockets(sockets)
        beside = (hub.run(), keep_fresh(house, seen), _measure_loop(frame))
        tasks = [asyncio.create_task(work) for work in beside]
        try:
            yield Api(house, frame, server, sockets[0].getsockname()[1])
        finally:
            frame.draining = True
            server.stop()
            hub.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(server.close_all_connections(), settings.drain_seconds or 0.1)
            # What was cut off in the middle ends by itself, and must not open again what is closed next.
            await _quiet(frame, LAST_SECONDS, looks=1)
            await listener.aclose()
            if phone is not None:
                phone.close()


class Api:
    """A running API process."""

    def __init__(self, house: House, frame: Frame, server: HTTPServer, port: int) -> None:
        self.house = house
        self.frame = frame
        self.server = server
        self.port = port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


async def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then drains: no new connections, running requests finish, sockets close."""
    stop = stop_event()
    async with serving(settings) as api:
        log.info("serving", extra={"port": api.port, "items": len(api.house.city.catalogue)})
        await stop.wait()
        log.info("draining")
        await _drain(api, settings.drain_seconds)


async def _drain(api: Api, seconds: float) -> None:
    """Requests that have reached this process are answered, however it is stopped."""
    api.frame.draining = True
    # What the kernel has taken for us but we have not accepted yet would be reset with the port: first look at it.
    await asyncio.sleep(LOOK_SECONDS)
    api.server.stop()
    # A request may still be between its connection and its handler: quiet is what stays quiet.
    await _quiet(api.frame, seconds, QUIET_LOOKS)


async def _quiet(frame: Frame, seconds: float, looks: int) -> None:
    """Until nothing was running at so many looks, or the time is over."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    quiet = 0
    while quiet < looks and loop.time() < deadline:
        await asyncio.sleep(LOOK_SECONDS)
        quiet = 0 if frame.running else quiet + 1


def stop_event() -> asyncio.Event:
    """Set by SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def keep_fresh(house: House, seen: dict[str, int]) -> None:
    """Reads catalogue and centres anew when another process has published, and rebuilds the matcher beside.

    ``seen``: the revisions that ``load`` has read.
    """
    city = house.city
    while True:
        try:
            numbers = await city.revisions.numbers()
            if numbers.get("centres") != seen.get("centres"):
                await city.centre_actions.refresh()
            if numbers.get("catalogue") != seen.get("catalogue"):
                await city.catalogue_actions.refresh()
            if numbers.get("knowledge") != seen.get("knowledge"):
                await city.knowledge_actions.refresh()
            seen = numbers
            await city.ask.rebuild()
        except Exception:  # whatever failed, the last good edition goes on serving, and the next round tries again
            log.warning("catalogue not refreshed; the last one stays", exc_info=True)
        await asyncio.sleep(REFRESH_SECONDS)


async def _measure_loop(frame: Frame) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LOOP_PROBE_SECONDS
        await asyncio.sleep(LOOP_PROBE_SECONDS)
        frame.metrics.loop_delay.set(max(0.0, loop.time() - due))
