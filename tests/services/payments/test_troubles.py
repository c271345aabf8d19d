"""The list of orders that somebody must look at: the newest first, taken off by whoever has looked."""

from __future__ import annotations

import asyncio

import pytest

from kernel.errors import Code, Conflict, NotFound
from kernel.money import Fen
from services.payments import store
from services.payments.ledger import CLEARING, SURPLUS
from services.payments.model import Order, Refund
from services.payments.orders import PaymentMismatch
from tests.services.payments.conftest import Desk
from tests.services.payments.test_orders import again, ordered, seen
from tests.simulators.wechat_pay.support import REFUND


async def flagged(desk: Desk) -> list[Order]:
    return await desk.house.city.payment_queries.flagged()


async def mistold(desk: Desk, order: Order) -> Order:
    """A notification of another amount: the order is on the list."""
    with pytest.raises(PaymentMismatch):
        await desk.house.city.pay_orders.do_paid(seen(order, total=Fen(1)))
    return await again(desk, order)


async def test_who_has_looked_takes_an_order_off_the_list_and_says_what_was_found(desk: Desk) -> None:
    troubles = desk.house.city.pay_troubles
    order = await mistold(desk, (await ordered(desk))[1])
    assert order.flagged_at is not None
    looked = await troubles.do_see("ST1", order.id, order.flagged_at, "联调通知，商户平台无此笔")
    assert (looked.flagged_at, looked.state) == (None, order.state)
    entry = looked.history[-1]
    assert (entry.action, entry.by, entry.note) == ("see", "ST1", "联调通知，商户平台无此笔")
    assert await flagged(desk) == []
    # Once more: nothing to see, nothing written.
    assert (await troubles.do_see("ST1", order.id, order.flagged_at, "再看一次")).version == looked.version
    assert len((await again(desk, order)).anomalies) == 1
    # Trouble that comes afterwards is on the list again.
    desk.later(minutes=1)
    await mistold(desk, order)
    assert [one.id for one in await flagged(desk)] == [order.id]
    with pytest.raises(NotFound):
        await troubles.do_see("ST1", "ORNONE", order.flagged_at, "没有")


async def test_trouble_that_the_officer_was_not_shown_stays_on_the_list(desk: Desk) -> None:
    order = await mistold(desk, (await ordered(desk))[1])
    assert order.flagged_at is not None
    desk.later(minutes=1)
    await mistold(desk, order)
    with pytest.raises(Conflict) as refused:
        await desk.house.city.pay_troubles.do_see("ST1", order.id, order.flagged_at, "已核对")
    assert refused.value.code is Code.CONFLICT
    assert [one.id for one in await flagged(desk)] == [order.id]


async def test_the_newest_trouble_is_listed_however_much_there_is(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_LISTED", 2)
    orders = [(await ordered(desk))[1] for _ in range(3)]
    for order in orders:
        desk.later(seconds=1)
        await mistold(desk, order)
    assert [one.id for one in await flagged(desk)] == [orders[2].id, orders[1].id]


async def stuck(desk: Desk) -> Order:
    """Paid while its bill was cancelled, and WeChat Pay refuses for good to send it back."""
    city, (_, order) = desk.house.city, await ordered(desk)
    await desk.settle(order.id)
    await city.payments.do_cancel_bill(order.bill, "ST1", "录入有误")
    await city.pay_orders.do_abandon(order.bill)
    await desk.pay.fault(REFUND, "refuse", errcode="PARAM_ERROR")
    await desk.work()
    return await again(desk, order)


async def finished(desk: Desk) -> None:
    for _ in range(4):
        await desk.work()
        desk.later(minutes=6)


async def test_a_surplus_that_wechat_pay_refused_is_sent_back_once_staff_ask_again(desk: Desk) -> None:
    city, order = desk.house.city, await stuck(desk)
    assert (order.surplus, order.held_fen, order.reserved_fen) == (True, 1230, 0)
    assert [one.id for one in await flagged(desk)] == [order.id]
    assert order.flagged_at is not None
    # While it holds what is not the city's, nobody takes it off the list.
    with pytest.raises(Conflict) as held:
        await city.pay_troubles.do_see("ST1", order.id, order.flagged_at, "知道了")
    assert (held.value.code, held.value.fields["held_fen"]) == (Code.SURPLUS_HELD, 1230)

    asked = await asyncio.gather(
        *(city.refunds.do_return("ST1", order.id, "多付退回", f"ST1:key-{number % 2}") for number in range(6)),
        return_exceptions=True,
    )
    made = {one.id for one in asked if isinstance(one, Refund)}
    refused = [one for one in asked if isinstance(one, Conflict)]
    assert len(made) == 1
    assert {one.code for one in refused} == {Code.REFUND_OVER_REST}
    assert (await again(desk, order)).reserved_fen == 1230
    assert await flagged(desk) == []
    await finished(desk)
    back = await again(desk, order)
    assert (back.refunded_fen, back.reserved_fen, back.held_fen) == (1230, 0, 0)
    (there,) = await desk.pay.look("orders", out_trade_no=order.id)
    assert [one["amount"]["refund"] for one in there["refunds"]] == [1230]
    assert (await desk.books()).balances == {CLEARING: 0, SURPLUS: 0}
    with pytest.raises(Conflict) as over:
        await city.refunds.do_return("ST1", order.id, "再退一次")
    assert over.value.code is Code.REFUND_OVER_REST


async def test_a_surplus_refused_twice_is_on_the_list_again(desk: Desk) -> None:
    city, order = desk.house.city, await stuck(desk)
    await city.refunds.do_return("ST1", order.id, "多付退回")
    await desk.pay.fault(REFUND, "refuse", errcode="PARAM_ERROR")
    desk.later(minutes=2)
    await desk.work()
    assert (await again(desk, order)).held_fen == 1230
    assert [one.id for one in await flagged(desk)] == [order.id]
    assert (await desk.books()).refunded_fen == 0


async def test_what_settled_a_bill_is_no_surplus(desk: Desk) -> None:
    bill = await desk.paid()
    with pytest.raises(Conflict) as refused:
        await desk.house.city.refunds.do_return("ST1", bill.paid_by or "", "多付退回")
    assert refused.value.code is Code.REFUND_OVER_REST
    with pytest.raises(NotFound):
        await desk.house.city.refunds.do_return("ST1", "ORNONE", "多付退回")
