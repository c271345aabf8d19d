"""Orders against the simulator: without callbacks, at the wrong moment, twice, and with another amount."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from gateways.wechat_pay import Order as SeenOrder
from gateways.wechat_pay import TradeState
from kernel.errors import BanshiError, Code, Conflict, NotFound
from kernel.money import Fen
from services.payments.ledger import CLEARING, SURPLUS
from services.payments.model import Order
from services.payments.orders import PaymentMismatch
from tests.services.payments.conftest import Desk
from tests.simulators.wechat_pay.support import CLOSE, PREPAY, QUERY, REFUND


async def ordered(desk: Desk) -> tuple[str, Order]:
    person = await desk.person()
    bill = await desk.bill(person)
    order, _ = await desk.house.city.pay_orders.do_pay(person, bill.id)
    return person, order


async def again(desk: Desk, order: Order) -> Order:
    return await desk.house.city.payment_queries.order(order.person, order.id)


def seen(order: Order, **changes: Any) -> SeenOrder:
    """What WeChat Pay would tell of a paid order."""
    fields: dict[str, Any] = {
        "out_trade_no": order.id, "state": TradeState.SUCCESS, "state_text": "", "transaction_id": "4200000001",
        "total": Fen(order.amount_fen), "payer_total": Fen(order.amount_fen), "paid_at": order.created_at,
        "openid": "o", "attach": order.bill, "bank_type": "OTHERS",
    }  # fmt: skip
    return SeenOrder(**(fields | changes))


async def test_the_amount_and_the_title_at_wechat_pay_are_the_bills(desk: Desk) -> None:
    _, order = await ordered(desk)
    (there,) = await desk.pay.look("orders", out_trade_no=order.id)
    assert (there["amount"]["total"], there["description"]) == (1230, "不动产登记费")
    assert there["prepay_id"] == order.prepay_id
    assert there["attach"] == order.bill


async def test_a_payment_whose_notification_is_lost_is_found_by_the_query(desk: Desk) -> None:
    _, order = await ordered(desk)
    await desk.settle(order.id)
    desk.later(minutes=14)
    await desk.work()
    assert (await again(desk, order)).state == "awaiting"
    desk.later(minutes=2)
    await desk.work()
    paid = await again(desk, order)
    assert (paid.state, paid.captured_fen, paid.live_of, paid.wake_at) == ("paid", 1230, None, None)
    bill = await desk.house.city.payment_queries.any(order.bill)
    assert (bill.state, bill.paid_fen, bill.paid_by) == ("paid", 1230, order.id)
    books = await desk.books()
    assert books.balances == {CLEARING: 1230, "collected:市自然资源和规划局": -1230}


async def test_an_order_nobody_pays_is_closed_there_and_here_after_ninety_minutes(desk: Desk) -> None:
    person, order = await ordered(desk)
    for _ in range(10):
        desk.later(minutes=10)
        await desk.work()
    closed = await again(desk, order)
    assert (closed.state, closed.live_of, closed.wake_at) == ("closed", None, None)
    assert (await desk.pay.look("orders", out_trade_no=order.id))[0]["trade_state"] == "CLOSED"
    calls = desk.house.city.till.calls
    # After 15, 30 and 60 minutes, and at the end.
    assert (calls["query", "done"], calls["close", "done"]) == (4, 1)
    # The bill is still open: the next tap makes another order.
    fresh, _ = await desk.house.city.pay_orders.do_pay(person, order.bill)
    assert fresh.id != order.id


async def test_paid_between_our_query_and_our_close_is_paid(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    _, order = await ordered(desk)
    till = desk.house.city.till
    look = till.query
    asked: list[str] = []

    async def query(number: str) -> SeenOrder:
        found = await look(number)
        asked.append(number)
        if len(asked) == 1:
            await desk.settle(order.id)
        return found

    monkeypatch.setattr(till, "query", query)
    await desk.house.city.pay_orders.do_conclude(order)
    assert (await again(desk, order)).state == "paid"
    assert till.calls["close", "refused"] == 1
    await desk.books()


async def test_two_phones_of_one_person_get_the_same_order(desk: Desk) -> None:
    person = await desk.person()
    bill = await desk.bill(person)
    pay = desk.house.city.pay_orders.do_pay
    both = await asyncio.gather(pay(person, bill.id), pay(person, bill.id))
    assert both[0][0].id == both[1][0].id
    assert both[0][1]["package"] == both[1][1]["package"]
    assert len(await desk.pay.look("orders", attach=bill.id)) == 1


async def test_an_order_about_to_end_is_not_handed_out_but_replaced(desk: Desk) -> None:
    person, order = await ordered(desk)
    desk.later(minutes=89, seconds=30)
    fresh, _ = await desk.house.city.pay_orders.do_pay(person, order.bill)
    assert fresh.id != order.id
    assert (await again(desk, order)).state == "closed"


@pytest.mark.parametrize("kind", ["drop", "lose_answer", "http500"])
async def test_a_prepay_without_an_answer_is_the_same_order_at_the_next_tap(desk: Desk, kind: str) -> None:
    person = await desk.person()
    bill = await desk.bill(person)
    await desk.pay.fault(PREPAY, kind)
    with pytest.raises(BanshiError) as failed:
        await desk.house.city.pay_orders.do_pay(person, bill.id)
    assert failed.value.status in (502, 503)
    (order,) = await desk.house.city.payment_queries.orders_of(bill.id)
    assert (order.state, bool(order.last_error)) == ("created", True)
    same, fields = await desk.house.city.pay_orders.do_pay(person, bill.id)
    assert same.id == order.id
    assert fields["package"] == f"prepay_id={same.prepay_id}"


async def test_an_order_that_never_reached_wechat_pay_is_closed_and_looked_at_once_more(desk: Desk) -> None:
    person = await desk.person()
    bill = await desk.bill(person)
    await desk.pay.fault(PREPAY, "drop")
    with pytest.raises(BanshiError):
        await desk.house.city.pay_orders.do_pay(person, bill.id)
    for _ in range(7):
        desk.later(minutes=15)
        await desk.work()
    (order,) = await desk.house.city.payment_queries.orders_of(bill.id)
    assert order.state == "closed"
    desk.later(minutes=16)
    await desk.work()
    assert (await again(desk, order)).wake_at is None


async def test_a_notification_before_the_prepay_answer_is_stored_is_taken(desk: Desk) -> None:
    person = await desk.person()
    bill = await desk.bill(person)
    await desk.pay.fault(PREPAY, "lose_answer")
    with pytest.raises(BanshiError):
        await desk.house.city.pay_orders.do_pay(person, bill.id)
    (order,) = await desk.house.city.payment_queries.orders_of(bill.id)
    assert order.state == "created"
    assert (await desk.house.city.pay_orders.do_paid(seen(order))).state == "paid"
    await desk.books()
    with pytest.raises(Conflict) as refused:
        await desk.house.city.pay_orders.do_pay(person, bill.id)
    assert refused.value.code is Code.BILL_NOT_PAYABLE


async def test_a_second_payment_of_one_bill_goes_back_in_full_by_itself(desk: Desk) -> None:
    person, first = await ordered(desk)
    desk.later(minutes=91)
    await desk.work()
    second, _ = await desk.house.city.pay_orders.do_pay(person, first.bill)
    await desk.settle(second.id)
    await desk.work()
    assert (await desk.house.city.pay_orders.do_check(person, second.id)).state == "paid"
    # The first was closed, and yet WeChat Pay tells that it was paid.
    late = await desk.house.city.pay_orders.do_paid(seen(first))
    assert (late.state, late.surplus, late.reserved_fen) == ("paid", True, 1230)
    (refund,) = await desk.house.city.payment_queries.refunds_of(first.bill)
    assert (refund.order, refund.amount_fen, refund.surplus) == (first.id, 1230, True)
    books = await desk.books()
    assert books.balances == {CLEARING: 2460, SURPLUS: -1230, "collected:市自然资源和规划局": -1230}
    bill = await desk.house.city.payment_queries.any(first.bill)
    assert (bill.state, bill.paid_by, bill.paid_fen) == ("paid", second.id, 1230)


async def test_what_is_paid_for_a_cancelled_bill_is_really_sent_back(desk: Desk) -> None:
    city = desk.house.city
    _, order = await ordered(desk)
    await desk.settle(order.id)
    await city.payments.do_cancel_bill(order.bill, "ST1", "录入有误")
    await city.pay_orders.do_abandon(order.bill)
    for _ in range(4):
        await desk.work()
        desk.later(minutes=6)
    paid = await again(desk, order)
    assert (paid.surplus, paid.refunded_fen, paid.reserved_fen) == (True, 1230, 0)
    (there,) = await desk.pay.look("orders", out_trade_no=order.id)
    assert [r["amount"]["refund"] for r in there["refunds"]] == [1230]
    assert (await desk.books()).balances == {CLEARING: 0, SURPLUS: 0}


async def test_a_repeated_notification_and_twenty_at_once_book_once(desk: Desk) -> None:
    _, order = await ordered(desk)
    told = await asyncio.gather(*(desk.house.city.pay_orders.do_paid(seen(order)) for _ in range(20)))
    assert {one.version for one in told} == {told[0].version}
    assert (await desk.books()).entries == 1
    await desk.house.city.pay_orders.do_paid(seen(order))
    assert (await desk.books()).entries == 1


async def test_another_amount_is_refused_flagged_and_not_booked(desk: Desk) -> None:
    _, order = await ordered(desk)
    with pytest.raises(PaymentMismatch):
        await desk.house.city.pay_orders.do_paid(seen(order, total=Fen(1)))
    await desk.work()
    flagged = await again(desk, order)
    assert (flagged.state, flagged.captured_fen) == ("awaiting", 0)
    assert "notified of 1 fen" in flagged.anomalies[0].what
    assert [o.id for o in await desk.house.city.payment_queries.flagged()] == [order.id]
    # The true payment is taken all the same.
    await desk.house.city.pay_orders.do_paid(seen(order))
    assert (await again(desk, order)).state == "paid"
    await desk.books()


async def test_another_amount_at_wechat_pay_itself_is_a_dispute_until_somebody_has_looked(desk: Desk) -> None:
    person, order = await ordered(desk)
    await desk.settle(order.id)
    world: Any = desk.pay.served.app.world
    world.orders[order.id].body["amount"]["total"] = 999
    assert (await desk.house.city.pay_orders.do_check(person, order.id)).state == "disputed"
    assert (await desk.books()).entries == 0
    world.orders[order.id].body["amount"]["total"] = 1230
    await desk.house.city.pay_orders.do_reconsider("ST1", order.id, "商户平台核对一致")
    await desk.work()
    assert (await again(desk, order)).state == "paid"
    assert await desk.house.city.payment_queries.flagged() == []


async def test_one_transaction_pays_one_order(desk: Desk) -> None:
    _, first = await ordered(desk)
    _, second = await ordered(desk)
    await desk.house.city.pay_orders.do_paid(seen(first))
    with pytest.raises(PaymentMismatch):
        await desk.house.city.pay_orders.do_paid(seen(second))
    assert (await again(desk, second)).state == "awaiting"
    with pytest.raises(PaymentMismatch):
        await desk.house.city.pay_orders.do_paid(seen(first, transaction_id="4200000002"))
    assert (await desk.books()).entries == 1


async def test_wechat_pay_away_is_visible_and_looked_for_with_growing_pauses(desk: Desk) -> None:
    _, order = await ordered(desk)
    desk.later(minutes=16)
    for path in (QUERY, CLOSE, REFUND):
        await desk.pay.fault(path, "http500", count=100)
    pauses = []
    for _ in range(4):
        await desk.work()
        waiting = await again(desk, order)
        assert waiting.last_error
        assert waiting.wake_at is not None
        pauses.append(waiting.wake_at - desk.clock.now())
        desk.later(seconds=pauses[-1].total_seconds())
    assert pauses == [timedelta(seconds=s) for s in (30, 60, 120, 300)]


async def test_the_check_asks_at_most_every_few_seconds(desk: Desk) -> None:
    person, order = await ordered(desk)
    check = desk.house.city.pay_orders.do_check
    for _ in range(5):
        await check(person, order.id)
    assert desk.house.city.till.calls["query", "done"] == 1
    desk.later(seconds=4)
    await check(person, order.id)
    assert desk.house.city.till.calls["query", "done"] == 2
    with pytest.raises(NotFound):
        await check("PR-OTHER", order.id)


@pytest.mark.parametrize("desk", [{"wechat_pay_mchid": ""}], indirect=True)
async def test_without_a_merchant_nothing_is_offered_and_nothing_breaks(desk: Desk) -> None:
    person = await desk.person()
    bill = await desk.bill(person)
    with pytest.raises(BanshiError) as refused:
        await desk.house.city.pay_orders.do_pay(person, bill.id)
    assert (refused.value.code, refused.value.status) == (Code.PAY_NOT_OFFERED, 503)
    assert await desk.house.city.payment_queries.orders_of(bill.id) == []
    await desk.work()
