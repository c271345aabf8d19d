"""A city without its API, with WeChat Pay beside it: payments one layer below HTTP."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pymongo
import pytest

from kernel.clock import ManualClock
from kernel.machine import Actor
from server import embedded
from server.setup import initialise
from server.wiring import House, open_house
from services.payments.model import Bill, BillLine, SubjectKind
from services.payments.queries import BooksReport
from tests.city import START, merchant_settings, running_wechat_pay, test_settings
from tests.simulators.support import Running, running_wechat


@dataclass
class Desk:
    """The house, the outside, and the clock of both."""

    house: House
    pay: Running
    wechat: Running
    clock: ManualClock

    async def person(self) -> str:
        """Somebody signed in by WeChat."""
        issued = await self.wechat.control("login")
        await self.house.city.identity.do_login(issued["code"])
        found = await self.house.city.identity_queries.person_by_openid(issued["openid"])
        assert found is not None
        return found

    async def bill(self, person: str | None, amount_fen: int = 1230, **changes: Any) -> Bill:
        fields: dict[str, Any] = {
            "subject_kind": SubjectKind.CASE, "subject": f"CA{secrets.token_hex(4)}", "person": person,
            "title": "不动产登记费", "lines": [BillLine(name="登记费", amount_fen=amount_fen)], "by": "test",
            "actor": Actor.SYSTEM, "payee": "市自然资源和规划局",
        }  # fmt: skip
        return await self.house.city.payments.do_bill(**(fields | changes))

    async def paid(self, amount_fen: int = 1230) -> Bill:
        """A bill that somebody has paid, found by a query."""
        city, person = self.house.city, await self.person()
        bill = await self.bill(person, amount_fen)
        order, _ = await city.pay_orders.do_pay(person, bill.id)
        await self.settle(order.id)
        assert (await city.pay_orders.do_check(person, order.id)).state == "paid"
        return await city.payment_queries.any(bill.id)

    async def settle(self, order: str) -> None:
        """The resident pays in WeChat; the notification is lost."""
        await self.pay.control("notification_faults", kind="lose", out_trade_no=order)
        assert (await self.pay.control("pay", out_trade_no=order))["result"] == "paid"

    async def work(self) -> None:
        """The timers, until none is due."""
        while await self.house.city.payment_timers.do_wake():
            pass

    def later(self, **delta: float) -> None:
        self.clock.advance(timedelta(**delta))

    async def books(self, first: date | None = None) -> BooksReport:
        report = await self.house.city.payment_queries.check_books(first)
        assert report.differences == []
        assert report.captured_fen - report.refunded_fen == report.ledger_fen
        assert sum(report.balances.values()) == 0
        return report


@pytest.fixture
async def desk(
    database_server: embedded.Embedded, valkey_server: embedded.Embedded, request: pytest.FixtureRequest
) -> AsyncIterator[Desk]:
    clock, name = ManualClock(START), f"pay_{secrets.token_hex(4)}"
    async with running_wechat() as weixin, running_wechat_pay(clock) as pay:
        changes = {"wechat_url": weixin.url, **merchant_settings(pay.url), **getattr(request, "param", {})}
        settings = test_settings(database_server.port, valkey_server.port, name, **changes)
        async with open_house(settings, clock) as house:
            await initialise(house)
            yield Desk(house, pay, weixin, clock)
            # The embedded server takes its time to drop some thousands of documents.
            with pymongo.timeout(60):
                await house.mongo.drop_database(name)
