"""Bills: made once, cancelled while open, recalled to mind before they are due."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from kernel.errors import ActionNotAllowed, BanshiError, Code, InvalidInput, NotFound
from services.payments.model import BillLine, SubjectKind
from tests.services.payments.conftest import Desk


async def test_a_bill_is_the_sum_of_its_lines_and_is_found_by_subject_and_person(desk: Desk) -> None:
    queries = desk.house.city.payment_queries
    lines = [BillLine(name="登记费", amount_fen=8000), BillLine(name="工本费", amount_fen=1000, quantity=3)]
    bill = await desk.bill("PR1", lines=lines, subject="CA1")
    assert (bill.state, bill.amount_fen) == ("open", 11_000)
    assert await queries.of_subject(SubjectKind.CASE, "CA1") == [bill]
    assert await queries.of_subject(SubjectKind.APPOINTMENT, "CA1") == []
    assert await queries.mine("PR1") == [bill]
    assert await queries.bill("PR1", bill.id) == bill
    with pytest.raises(NotFound) as refused:
        await queries.bill("PR2", bill.id)
    assert refused.value.code is Code.BILL_NOT_FOUND


async def test_the_same_request_makes_one_bill_however_often_it_is_made(desk: Desk) -> None:
    made = await asyncio.gather(*(desk.bill("PR1", request_key="case-1:fee") for _ in range(10)))
    assert len({bill.id for bill in made}) == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"title": ""}, "$.title"),
        ({"title": "长" * 128}, "$.title"),
        ({"lines": []}, "$.lines"),
        ({"lines": [BillLine(name="x", amount_fen=0)]}, "$.lines[0]"),
        ({"lines": [BillLine(name="x", amount_fen=1), BillLine(name="x", amount_fen=1, quantity=0)]}, "$.lines[1]"),
        ({"lines": [BillLine(name="x", amount_fen=1_000_000_001)]}, "$.lines"),
    ],
)
async def test_a_bill_that_cannot_be_paid_is_refused_by_field(desk: Desk, wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await desk.bill("PR1", **wrong)
    assert refused.value.fields["field"] == field


async def test_a_cancelled_bill_cannot_be_paid_and_a_paid_one_not_cancelled(desk: Desk) -> None:
    city, person = desk.house.city, await desk.person()
    bill = await desk.bill(person)
    cancelled = await city.payments.do_cancel_bill(bill.id, "ST1", "录入有误")
    assert cancelled.state == "cancelled"
    assert cancelled.history[-1].note == "录入有误"
    with pytest.raises(BanshiError) as refused:
        await city.pay_orders.do_pay(person, bill.id)
    assert refused.value.code is Code.BILL_NOT_PAYABLE
    paid = await desk.paid()
    with pytest.raises(ActionNotAllowed):
        await city.payments.do_cancel_bill(paid.id, "ST1", "录入有误")
    with pytest.raises(NotFound):
        await city.payments.do_cancel_bill("BL-NONE", "ST1", "录入有误")


async def test_cancelling_ends_the_order_that_is_under_way(desk: Desk) -> None:
    city, person = desk.house.city, await desk.person()
    bill = await desk.bill(person)
    order, _ = await city.pay_orders.do_pay(person, bill.id)
    await city.payments.do_cancel_bill(bill.id, "ST1", "录入有误")
    await city.pay_orders.do_abandon(bill.id)
    assert (await city.payment_queries.order(person, order.id)).state == "closed"
    assert (await desk.pay.control("pay", out_trade_no=order.id))["result"] == "closed"
    await city.pay_orders.do_abandon(bill.id)


async def test_a_bill_is_recalled_to_mind_once_a_day_before_it_is_due(desk: Desk) -> None:
    due = desk.clock.now() + timedelta(days=3)
    bill, nobodys = await desk.bill("PR1", due_at=due), await desk.bill(None, due_at=due)
    await desk.work()
    desk.later(days=2, minutes=1)
    await desk.work()
    await desk.work()
    events = [e.name for e in (await desk.house.city.payment_queries.any(bill.id)).outgoing]
    assert events == ["bill.issued", "bill.due_soon"]
    assert [e.name for e in (await desk.house.city.payment_queries.any(nobodys.id)).outgoing] == ["bill.issued"]
