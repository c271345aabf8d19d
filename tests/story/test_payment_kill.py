"""Fifty kills during payments: API and worker die by SIGKILL while money moves, and afterwards the books agree.

Residents pay, staff refund, callbacks are lost, doubled, late and out of order. While all of this goes on the books are
checked again and again; in the end every order is final, and ours, the ledger and WeChat Pay say the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from kernel.errors import BanshiError
from kernel.machine import Actor
from server import settings
from server.wiring import House, open_house
from services.payments.model import BillLine, SubjectKind
from services.store import Document
from tests.story.town import Town, check_histories, ready, running_town, until

RESIDENTS = 6
# A worker is back sooner than an API, which has to be ready before the next kill is worth anything.
KILLS = {"api": 15, "worker": 35}
# A guard, not a goal: fifty restarts take about a minute on a machine that does nothing else.
KILL_SECONDS = 900.0
# A process that died inside a transaction leaves its locks for a minute (transactionLifetimeLimitSeconds).
DRAIN_SECONDS = 400.0
SEED = 20261125
# So that there was something to lose; a busy machine needs longer than the kills take.
ENOUGH = {"pay: paid": 30, "refund asked": 10}
QUICK = {
    # Room for a busy machine: what the database does in time there is no fault of a dead process.
    "BANSHI_MONGO_TIMEOUT_MS": "5000",
    "BANSHI_PAY_ORDER_SECONDS": "12",
    "BANSHI_PAY_QUERY_SECONDS": "2",
    "BANSHI_PAY_RETRY_SECONDS": "1",
    "BANSHI_PAY_REFUND_QUERY_SECONDS": "1",
    "BANSHI_PAY_REFUND_APART_SECONDS": "0",
    "BANSHI_WECHAT_PAY_TIMEOUT_MS": "1000",
}
# A callback is repeated after 15 s / 300; refunds take no time, and the simulator wants no minute between two.
OPTIONS = ("--time-factor", "300", "--refund-seconds", "0.1", "--refund-apart", "0", "--probe-every", "7")
FAULTS = ("lose", "twice", "repeat", "drop", "delay", "reorder")
FINAL_ORDERS = {"paid", "closed"}
FINAL_REFUNDS = {"succeeded", "closed", "failed"}


@dataclass
class Payer:
    """Somebody who pays one bill after the other, whatever dies meanwhile."""

    town: Town
    house: House
    http: httpx.AsyncClient
    rng: random.Random
    token: str = ""
    person: str = ""
    outcomes: Counter[str] = field(default_factory=Counter)

    @property
    def pay_url(self) -> str:
        return self.town.environment["BANSHI_WECHAT_PAY_URL"]

    async def sign_in(self) -> None:
        issued = (await self.http.post(f"{self.town.wechat}/control/login", json={})).json()
        answer = await self.http.post(f"{self.town.api}/api/session", json={"code": issued["code"]})
        assert answer.status_code == 201, answer.text
        self.token = answer.json()["token"]
        self.person = str(await self.house.city.identity_queries.person_by_openid(issued["openid"]))

    async def call(self, method: str, path: str, body: Any = None, seconds: float = 8) -> Any:
        """The answer, asked for again until there is one; None when there was none in all that time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                headers = {"Authorization": f"Bearer {self.token}"}
                answer = await self.http.request(method, self.town.api + path, json=body, headers=headers)
            except httpx.TransportError as error:
                self.outcomes[type(error).__name__] += 1
                await asyncio.sleep(0.1)
                continue
            self.outcomes["ok" if answer.status_code < 300 else answer.json()["error"]["code"]] += 1
            assert answer.status_code != 500, answer.text
            if answer.status_code < 500:
                return answer.json() if answer.status_code < 300 else None
            await asyncio.sleep(0.2)
        return None

    async def live(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await asyncio.sleep(self.rng.uniform(0.0, 0.2))
            # Whatever the test itself asks of the database may meet a lock that a dead process has left, and on a busy
            # machine an answer may come too late for it.
            with contextlib.suppress(BanshiError, PyMongoError, httpx.TransportError):
                await self._one_bill()

    async def _one_bill(self) -> None:
        dice = self.rng.random
        amount = self.rng.randint(100, 9999)
        bill = await self.house.city.payments.do_bill(
            subject_kind=SubjectKind.CASE, subject=secrets.token_hex(6), person=self.person, title="登记费",
            lines=[BillLine(name="登记费", amount_fen=amount)], by="test", actor=Actor.SYSTEM, payee="局",
        )  # fmt: skip
        path = f"/api/bills/{bill.id}/pay"
        phones = await asyncio.gather(*(self.call("POST", path, {}) for _ in range(2 if dice() < 0.2 else 1)))
        orders = {phone["order"] for phone in phones if phone}
        for order in orders:
            if dice() < 0.5:
                body = {"kind": self.rng.choice(FAULTS), "out_trade_no": order, "seconds": 0.5}
                await self.http.post(f"{self.pay_url}/control/notification_faults", json=body)
            if dice() < 0.85:
                paid = await self.http.post(f"{self.pay_url}/control/pay", json={"out_trade_no": order})
                self.outcomes[f"pay: {paid.json()['result']}"] += 1
            if dice() < 0.4:
                await self.call("POST", f"/api/orders/{order}/check")
        if dice() < 0.1:
            await self.house.city.payments.do_cancel_bill(bill.id, "ST1", "录入有误")
        elif dice() < 0.6:
            await asyncio.sleep(0.2)
            part = None if dice() < 0.3 else self.rng.randint(1, amount)
            await self.house.city.refunds.do_refund("ST1", bill.id, part, "多收")
            self.outcomes["refund asked"] += 1


async def _kill(town: Town, http: httpx.AsyncClient, rng: random.Random, part: str) -> int:
    for _ in range(KILLS[part]):
        await asyncio.sleep(rng.uniform(0.1, 1.5) if part == "api" else rng.uniform(0.3, 3.0))
        town.kill(part)
        town.start(part)
        if part == "api":
            await ready(http, town)
    return KILLS[part]


async def _keep_checking(house: House, stop: asyncio.Event) -> int:
    """The books, at every moment. Returns how often they were checked."""
    done = 0
    while not stop.is_set():
        with contextlib.suppress(PyMongoError):
            report = await house.city.payment_queries.check_books()
            assert report.differences == []
            done += 1
        await asyncio.sleep(0.3)
    return done


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_the_money_agrees_after_fifty_kills(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    with running_town(tmp_path, QUICK, pay=True, options=OPTIONS) as town:
        ours = {key: value for key, value in town.environment.items() if key.startswith(settings.PREFIX)}
        async with open_house(settings.read(ours)) as house, httpx.AsyncClient(timeout=30) as http:
            payers = [Payer(town, house, http, random.Random(rng.random())) for _ in range(RESIDENTS)]
            for payer in payers:
                await payer.sign_in()
            stop, started = asyncio.Event(), time.monotonic()
            load = [asyncio.create_task(payer.live(stop)) for payer in payers]
            checking = asyncio.create_task(_keep_checking(house, stop))
            try:
                async with asyncio.timeout(KILL_SECONDS):
                    kills = sum(await asyncio.gather(*(_kill(town, http, rng, part) for part in KILLS)))
                    await until(lambda: _is_enough(payers), KILL_SECONDS, town)
            finally:
                stop.set()
                await asyncio.gather(*load)
            assert kills == 50
            print(f"killed and stopped after {time.monotonic() - started:.0f} s")  # noqa: T201
            checked = await checking
            print(f"{checked} checks of the books, {dict(_outcomes(payers))}")  # noqa: T201
            assert checked > 20
            books: MongoClient[Document] = MongoClient(ours["BANSHI_MONGO_URI"], tz_aware=True)
            with books:
                data = books[house.settings.mongo_database]
                begun = time.monotonic()
                await until(lambda: _is_at_rest(data), DRAIN_SECONDS, town)
                print(f"at rest after {time.monotonic() - begun:.0f} s")  # noqa: T201
                there = (await http.get(f"{ours['BANSHI_WECHAT_PAY_URL']}/control/orders")).json()
                _check(data, there)
            report = await house.city.payment_queries.check_books()
            assert report.differences == []
            assert report.captured_fen - report.refunded_fen == report.ledger_fen


def _outcomes(payers: list[Payer]) -> Counter[str]:
    return sum((payer.outcomes for payer in payers), Counter[str]())


def _is_enough(payers: list[Payer]) -> bool:
    outcomes = _outcomes(payers)
    return all(outcomes[name] > least for name, least in ENOUGH.items())


def _is_at_rest(data: Any) -> bool:
    """Every order and refund is final, every event delivered, nothing reserved."""
    busy = [data[name].count_documents({"outgoing_at": {"$exists": True}}) for name in ("bills", "orders", "refunds")]
    busy.append(data["orders"].count_documents({"state": {"$nin": sorted(FINAL_ORDERS)}}))
    busy.append(data["refunds"].count_documents({"state": {"$nin": sorted(FINAL_REFUNDS)}}))
    return sum(busy) == 0


def _check(data: Any, there: list[Document]) -> None:
    orders, refunds, bills = (list(data[name].find()) for name in ("orders", "refunds", "bills"))
    check_histories([*orders, *refunds, *bills])
    assert list(data["dead_letters"].find()) == []
    by_id = {order["_id"]: order for order in orders}
    # What WeChat Pay has taken, we have captured, once, as the same transaction; and the reverse.
    paid_there = {one["out_trade_no"]: one["transaction_id"] for one in there if one.get("transaction_id")}
    assert paid_there == {o["_id"]: o["transaction_id"] for o in orders if o["state"] == "paid"}
    assert all(one["amount"]["total"] == by_id[one["out_trade_no"]]["amount_fen"] for one in there)
    # What WeChat Pay has given back, we have booked, once; and the reverse.
    back_there = {
        r["out_refund_no"]: r["amount"]["refund"] for one in there for r in one["refunds"] if r["status"] == "SUCCESS"
    }
    assert back_there == {r["_id"]: r["amount_fen"] for r in refunds if r["state"] == "succeeded"}
    assert all(order["reserved_fen"] == 0 for order in orders)
    assert all(o["refunded_fen"] == o["captured_fen"] for o in orders if o["surplus"])
    # A bill is settled at most once.
    settling = Counter(o["bill"] for o in orders if o["state"] == "paid" and not o["surplus"])
    assert max(settling.values()) == 1
    entries = list(data["ledger"].find())
    assert len(entries) == len(paid_there) + len(back_there)
    print(f"{len(bills)} bills, {Counter(o['state'] for o in orders)}, {len(refunds)} refunds")  # noqa: T201
