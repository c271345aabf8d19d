"""The WeChat Pay simulator on a free port with a clock that moves when told to, and our client in front of it."""

from __future__ import annotations

import asyncio
import functools
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from gateways.wechat_pay import FAILURE_BODY, NotificationReader, WeChatPayClient, WeChatPaySettings
from kernel.clock import ManualClock
from kernel.money import Fen
from simulators import wechat_pay
from simulators.control import serve
from simulators.wechat_pay.world import WeChatPayWorld
from tests.helpers import MONDAY_MORNING
from tests.simulators.support import Running

MCHID, APPID, OPENID = "1900012345", "wxba5fad812f8e6fb9", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
PREPAY = "/v3/pay/transactions/jsapi"
QUERY = "/v3/pay/transactions/out-trade-no/{out_trade_no}"
CLOSE = "/v3/pay/transactions/out-trade-no/{out_trade_no}/close"
REFUND = "/v3/refund/domestic/refunds"
QUERY_REFUND = "/v3/refund/domestic/refunds/{out_refund_no}"
NOWHERE = "http://127.0.0.1:9/callback"


@functools.cache
def keys() -> wechat_pay.Keys:
    """One set for the whole run: making RSA keys is the slowest thing here."""
    with tempfile.TemporaryDirectory() as folder:
        return wechat_pay.generate(Path(folder) / "keys")


@functools.cache
def other_keys() -> wechat_pay.Keys:
    with tempfile.TemporaryDirectory() as folder:
        return wechat_pay.generate(Path(folder) / "keys")


def client_settings(base_url: str = "http://127.0.0.1:9", **changes: Any) -> WeChatPaySettings:
    settings = WeChatPaySettings(
        mchid=MCHID,
        appid=APPID,
        merchant_serial=keys().merchant_serial,
        merchant_private_key=keys().merchant_private_key,
        apiv3_key=keys().apiv3_key,
        public_key_id=keys().public_key_id,
        public_key=keys().public_key,
        base_url=base_url,
        connect_timeout=5.0,
        request_timeout=5.0,
    )
    return replace(settings, **changes)


@dataclass
class Pay(Running):
    """The simulator, our client of it, and the clock both of them read."""

    clock: ManualClock
    wechat: WeChatPayClient
    reader: NotificationReader

    @property
    def world(self) -> WeChatPayWorld:
        return cast(WeChatPayWorld, self.served.app.world)

    async def prepay(self, out_trade_no: str, amount: int = 1230, **changes: Any) -> str:
        fields: dict[str, Any] = {
            "description": "水费，2026年11月",
            "payer_openid": OPENID,
            "time_expire": MONDAY_MORNING + timedelta(minutes=90),
            "attach": "bill-1",
            "notify_url": NOWHERE,
        }
        return await self.wechat.prepay(out_trade_no, amount_fen=Fen(amount), **(fields | changes))

    async def paid(self, out_trade_no: str, amount: int = 1230, **changes: Any) -> None:
        """An order that the resident has paid."""
        await self.prepay(out_trade_no, amount, **changes)
        assert (await self.control("pay", out_trade_no=out_trade_no))["result"] == "paid"

    async def refund(
        self, out_trade_no: str, out_refund_no: str, refund: int, total: int = 1230, **changes: Any
    ) -> Any:
        fields: dict[str, Any] = {"reason": "重复缴费", "notify_url": NOWHERE}
        return await self.wechat.refund(out_trade_no, out_refund_no, Fen(refund), Fen(total), **(fields | changes))

    def later(self, **delta: float) -> datetime:
        return self.clock.advance(timedelta(**delta))


@asynccontextmanager
async def running_pay(**changes: Any) -> AsyncIterator[Pay]:
    quick: dict[str, Any] = {"time_factor": 1e6, "refund_seconds": 0.0, "probe_every": 0}
    settings = wechat_pay.WeChatPaySimSettings(keys(), mchid=MCHID, appid=APPID, **(quick | changes))
    clock = ManualClock(MONDAY_MORNING)
    async with (
        serve(wechat_pay.make_app(settings, clock)) as served,
        httpx.AsyncClient(verify=False, trust_env=False) as client,
    ):
        ours = client_settings(served.url)
        async with WeChatPayClient(ours, clock) as wechat:
            yield Pay(served, client, clock, wechat, NotificationReader(ours, clock))


@dataclass
class Merchant:
    """The merchant's callback address, and every request that came there."""

    url: str
    requests: list[HTTPServerRequest]

    async def has(self, count: int) -> None:
        async def are_there() -> bool:
            return len(self.requests) >= count

        await until(are_there)


@asynccontextmanager
async def merchant(answer: Callable[[HTTPServerRequest], int] = lambda _: 204) -> AsyncIterator[Merchant]:
    """``answer`` gives the status; what is no 2xx has the body that WeChat Pay wants."""
    requests: list[HTTPServerRequest] = []

    class Handler(RequestHandler):
        def post(self) -> None:
            requests.append(self.request)
            self.set_status(answer(self.request))
            self.finish(None if self.get_status() < 300 else FAILURE_BODY)

    server = HTTPServer(Application([("/notify", Handler)], log_function=lambda _: None))
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    try:
        yield Merchant(f"http://127.0.0.1:{sockets[0].getsockname()[1]}/notify", requests)
    finally:
        server.stop()
        await server.close_all_connections()


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> None:
    """Wait until something that happens beside the test has happened."""
    end = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.01)
