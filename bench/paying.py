"""A thousand orders over HTTP against the simulator; callbacks lost, doubled, late, out of order: do the books agree?

One in ten is refunded in part, one in ten never paid, one in fifty asked for by two phones at once. The clock of the
rules is the machine's own with short times, so that lost callbacks are found by the query and unpaid orders end within
the run.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from bench.table import Row
from kernel.machine import Actor
from server.app import Api, serving
from server.settings import Settings
from server.setup import initialise, load_data
from server.wiring import open_house
from services.payments.model import BillLine, SubjectKind
from simulators import wechat_pay
from simulators.control import serve
from tests.city import DATA, merchant_settings
from tests.simulators.support import Running, running_wechat
from tests.simulators.wechat_pay.support import APPID, MCHID, keys
from workers.run import run

AT_ONCE = 8
FAULTS = ("lose", "twice", "repeat", "drop", "delay", "reorder")
REST_SECONDS = 120.0


class BooksDiffer(AssertionError):
    """Ours, the ledger and WeChat Pay do not say the same, or an order is not final."""


@dataclass
class Till:
    """The running API, both simulators, and what happened."""

    api: Api
    pay: Running
    wechat: Running
    http: httpx.AsyncClient
    rng: random.Random
    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    async def call(self, token: str, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        answer = await self.http.request(method, self.api.url + path, json=body, headers=headers)
        if answer.status_code >= 300:
            self.outcomes[answer.json()["error"]["code"]] += 1
            return None
        return answer.json()

    async def resident(self) -> tuple[str, str]:
        """A token and whose it is."""
        issued = await self.wechat.control("login")
        answer = await self.http.post(f"{self.api.url}/api/session", json={"code": issued["code"]})
        person = await self.api.house.city.identity_queries.person_by_openid(issued["openid"])
        return answer.json()["token"], str(person)

    async def one(self, token: str, person: str) -> None:
        """One bill, from its making to whatever becomes of it."""
        city, dice = self.api.house.city, self.rng.random
        amount = self.rng.randint(100, 99_999)
        bill = await city.payments.do_bill(
            subject_kind=SubjectKind.CASE, subject=secrets.token_hex(8), person=person, title="登记费",
            lines=[BillLine(name="登记费", amount_fen=amount)], by="bench", actor=Actor.SYSTEM, payee="bench",
        )  # fmt: skip
        began = time.perf_counter()
        phones = 2 if dice() < 0.02 else 1
        path = f"/api/bills/{bill.id}/pay"
        answers = await asyncio.gather(*(self.call(token, "POST", path, {}) for _ in range(phones)))
        self.seconds.append(time.perf_counter() - began)
        for order in {answer["order"] for answer in answers if answer}:
            if dice() < 0.1:
                self.outcomes["not paid"] += 1
                continue
            kind = self.rng.choice((*FAULTS, ""))
            self.outcomes[f"callback {kind or 'as it should be'}"] += 1
            if kind:
                await self.pay.control("notification_faults", kind=kind, out_trade_no=order, seconds=0.5)
            await self.pay.control("pay", out_trade_no=order)
            if dice() < 0.1:
                self.outcomes["refund asked"] += 1
                await self.call(token, "POST", f"/api/orders/{order}/check")
                with contextlib.suppress(Exception):
                    await city.refunds.do_refund("bench", bill.id, self.rng.randint(1, amount), "多收")


@asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[Till]:
    sim = wechat_pay.WeChatPaySimSettings(
        keys(), mchid=MCHID, appid=APPID, time_factor=30.0, refund_seconds=0.1, refund_apart=0.0, probe_every=50
    )
    async with (
        running_wechat() as weixin,
        serve(wechat_pay.make_app(sim)) as served,
        httpx.AsyncClient(timeout=30) as client,
    ):
        quick = {
            "wechat_appid": APPID, "wechat_secret": "s3cret", "wechat_url": weixin.url, "pay_order_seconds": 30,
            "pay_query_seconds": 5, "pay_retry_seconds": 1, "pay_refund_query_seconds": 1,
            "pay_refund_apart_seconds": 0, "limit_login_per_minute": 1_000_000,
            **merchant_settings(served.url), "wechat_pay_timeout_ms": 5000,
        }  # fmt: skip
        ours = replace(settings, mongo_database="paying", **quick)  # type: ignore[arg-type]
        async with open_house(ours) as house:
            await initialise(house)
            await load_data(house, DATA)
        async with serving(ours, port=0) as api:
            pay = Running(served, client)
            await pay.control("callback", url=f"{api.url}/callbacks/wechat-pay")
            yield Till(api, pay, weixin, client, random.Random(20261124))


async def paying(settings: Settings, orders: int) -> list[Row]:
    """Raises BooksDiffer."""
    async with _open(settings) as till:
        worker = asyncio.create_task(run(till.api.house.city, till.api.house.redis))
        try:
            began = time.perf_counter()
            people = [await till.resident() for _ in range(AT_ONCE)]
            left = iter(range(orders))

            async def payer(token: str, person: str) -> None:
                for _ in left:
                    await till.one(token, person)

            await asyncio.gather(*(payer(*who) for who in people))
            ordered = time.perf_counter() - began
            await _rest(till)
            final = time.perf_counter() - began
            differences, counted = await _differences(till)
        finally:
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)
    if differences:
        raise BooksDiffer("\n".join(differences[:20]))
    total = sum(counted.values())
    return [
        Row("orders with callbacks lost, doubled, late, out of order: differences", [len(differences)], at_most=0),
        Row("-- orders that are final, of at least 1,000", [total], at_least=orders),
        Row("-- orders a second, 8 payers at once", [orders / ordered]),
        Row("-- until the last one was final", [final], "s"),
        Row("-- POST /api/bills/{id}/pay, prepay included", [1000 * value for value in till.seconds], "ms"),
        *(Row(f"-- {what}", [count]) for what, count in sorted(till.outcomes.items())),
        *(Row(f"-- orders {state} in the end", [count]) for state, count in sorted(counted.items())),
    ]


async def _rest(till: Till) -> None:
    """Until every order and refund is final."""
    deadline = time.monotonic() + REST_SECONDS
    database = till.api.house.database
    while time.monotonic() < deadline:
        live = await database["orders"].count_documents({"live_of": {"$gt": ""}})
        pending = await database["refunds"].count_documents({"pending": {"$gt": ""}})
        if not live and not pending:
            return
        await asyncio.sleep(0.5)
    raise BooksDiffer(f"{live} orders and {pending} refunds are not final after {REST_SECONDS:.0f} s")


async def _differences(till: Till) -> tuple[list[str], Counter[str]]:
    report = await till.api.house.city.payment_queries.check_books()
    found = list(report.differences)
    there = {one["out_trade_no"]: one for one in await till.pay.look("orders")}
    ours = {o["_id"]: o async for o in till.api.house.database["orders"].find({})}
    for number, order in ours.items():
        seen = there.get(number, {})
        captured = seen["amount"]["total"] if seen.get("transaction_id") else 0
        refunded = sum(r["amount"]["refund"] for r in seen.get("refunds", ()) if r["status"] == "SUCCESS")
        if (captured, refunded) != (order["captured_fen"], order["refunded_fen"]):
            found.append(
                f"{number}: {captured}, {refunded} there; {order['captured_fen']}, {order['refunded_fen']} here"
            )
    found += [f"{number}: there only" for number in there.keys() - ours.keys()]
    return found, Counter(order["state"] for order in ours.values())
