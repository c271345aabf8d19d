"""Refunds against the simulator: in full, in parts, in a race, and with every answer WeChat Pay can give."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from kernel.errors import ActionNotAllowed, BanshiError, Code, Conflict, InvalidInput
from services.payments.ledger import CLEARING
from services.payments.model import Bill, Order, Refund
from tests.services.payments.conftest import Desk
from tests.simulators.wechat_pay.support import QUERY_REFUND, REFUND

PAYEE = "collected:市自然资源和规划局"


async def ask(desk: Desk, bill: Bill, amount_fen: int | None = None, key: str | None = None) -> Refund:
    return await desk.house.city.refunds.do_refund("ST1", bill.id, amount_fen, "多收", key)


async def again(desk: Desk, refund: Refund) -> Refund:
    return next(r for r in await desk.house.city.payment_queries.refunds_of(refund.bill) if r.id == refund.id)


async def until_final(desk: Desk, refund: Refund) -> Refund:
    """Lets the worker's time pass, six hours at most."""
    for _ in range(36):
        await desk.work()
        found = await again(desk, refund)
        if found.pending is None:
            return found
        desk.later(minutes=10)
    raise AssertionError(found)


async def test_a_full_refund_empties_the_books_of_the_bill(desk: Desk) -> None:
    bill = await desk.paid()
    refund = await ask(desk, bill)
    assert (refund.state, refund.amount_fen) == ("requested", 1230)
    done = await until_final(desk, refund)
    assert done.state == "succeeded"
    after = await desk.house.city.payment_queries.any(bill.id)
    assert (after.state, after.refunded_fen) == ("refunded", 1230)
    assert (await desk.books()).balances == {CLEARING: 0, PAYEE: 0}
    with pytest.raises(ActionNotAllowed):
        await ask(desk, bill)


async def test_partial_refunds_add_up_a_minute_apart_and_never_pass_the_rest(desk: Desk) -> None:
    bill = await desk.paid(1000)
    first, second = await ask(desk, bill, 300), await ask(desk, bill, 300)
    assert first.wake_at is not None
    assert second.wake_at is not None
    assert second.wake_at - first.wake_at == timedelta(seconds=61)
    with pytest.raises(Conflict) as refused:
        await ask(desk, bill, 401)
    assert (refused.value.code, refused.value.fields["rest_fen"]) == (Code.REFUND_OVER_REST, 400)
    await until_final(desk, first)
    assert (await desk.house.city.payment_queries.any(bill.id)).state == "part_refunded"
    await until_final(desk, second)
    rest = await ask(desk, bill)
    assert rest.amount_fen == 400
    await until_final(desk, rest)
    assert (await desk.house.city.payment_queries.any(bill.id)).state == "refunded"
    books = await desk.books()
    assert (books.captured_fen, books.refunded_fen, books.entries) == (1000, 1000, 4)


async def test_twenty_refunds_at_once_never_exceed_what_was_paid(desk: Desk) -> None:
    bill = await desk.paid(1000)
    asked = await asyncio.gather(*(ask(desk, bill, 90) for _ in range(20)), return_exceptions=True)
    made = [one for one in asked if isinstance(one, Refund)]
    refused = [one for one in asked if isinstance(one, Conflict)]
    assert (len(made), len(refused)) == (11, 9)
    assert {one.code for one in refused} == {Code.REFUND_OVER_REST}
    for refund in made:
        await until_final(desk, refund)
    books = await desk.books()
    assert (books.captured_fen, books.refunded_fen) == (1000, 990)
    (order,) = await desk.house.city.payment_queries.orders_of(bill.id)
    assert (order.reserved_fen, order.refunds) == (0, 11)


async def test_the_same_request_makes_one_refund(desk: Desk) -> None:
    bill = await desk.paid()
    made = await asyncio.gather(*(ask(desk, bill, 100, "ST1:key-1") for _ in range(5)))
    assert len({one.id for one in made}) == 1
    (order,) = await desk.house.city.payment_queries.orders_of(bill.id)
    assert order.reserved_fen == 100


async def test_what_cannot_be_refunded_is_refused(desk: Desk) -> None:
    unpaid = await desk.bill(await desk.person())
    with pytest.raises(ActionNotAllowed):
        await ask(desk, unpaid)
    bill = await desk.paid()
    with pytest.raises(InvalidInput):
        await ask(desk, bill, 0)
    with pytest.raises(InvalidInput):
        await desk.house.city.refunds.do_refund("ST1", bill.id, 1, "")
    desk.later(days=366)
    with pytest.raises(Conflict) as refused:
        await ask(desk, bill, 1)
    assert refused.value.code is Code.REFUND_NOT_POSSIBLE


@pytest.mark.parametrize("kind", ["drop", "lose_answer", "http500"])
async def test_a_request_without_an_answer_is_made_again_with_the_same_number(desk: Desk, kind: str) -> None:
    bill = await desk.paid()
    refund = await ask(desk, bill, 500)
    await desk.pay.fault(REFUND, kind)
    await desk.work()
    waiting = await again(desk, refund)
    assert waiting.last_error
    assert waiting.asked
    assert (await until_final(desk, refund)).state == "succeeded"
    (there,) = await desk.pay.look("orders", attach=bill.id)
    assert [r["out_refund_no"] for r in there["refunds"]] == [refund.id]
    await desk.books()


async def test_a_merchant_without_balance_tries_again_later(desk: Desk) -> None:
    bill = await desk.paid()
    await desk.pay.fault(REFUND, "refuse", errcode="NOT_ENOUGH")
    refund = await ask(desk, bill)
    await desk.work()
    waiting = await again(desk, refund)
    assert waiting.state == "requested"
    assert waiting.wake_at == desk.clock.now() + timedelta(hours=1)
    assert "NOT_ENOUGH" in waiting.last_error
    assert (await until_final(desk, refund)).state == "succeeded"


async def test_a_refusal_for_good_frees_what_was_reserved(desk: Desk) -> None:
    bill = await desk.paid()
    await desk.pay.fault(REFUND, "refuse", errcode="PARAM_ERROR")
    refund = await until_final(desk, await ask(desk, bill))
    assert refund.state == "failed"
    assert "PARAM_ERROR" in refund.last_error
    (order,) = await desk.house.city.payment_queries.orders_of(bill.id)
    assert (order.reserved_fen, order.refunded_fen) == (0, 0)
    assert (await desk.books()).refunded_fen == 0
    assert (await until_final(desk, await ask(desk, bill))).state == "succeeded"


async def seen(desk: Desk, order: Order) -> None:
    """Somebody has looked, and it is off the list."""
    assert order.flagged_at is not None
    await desk.house.city.pay_troubles.do_see("ST1", order.id, order.flagged_at, "已联系付款人")
    assert await desk.house.city.payment_queries.flagged() == []


async def test_a_refund_that_came_to_nothing_is_somebodys_work_and_settled_by_hand(desk: Desk) -> None:
    bill = await desk.paid()
    await desk.pay.fault(REFUND, "refuse", errcode="PARAM_ERROR")
    refund = await until_final(desk, await ask(desk, bill))
    (order,) = await desk.house.city.payment_queries.orders_of(bill.id)
    assert order.flagged_at is not None
    assert refund.id in order.anomalies[-1].what
    assert "PARAM_ERROR" in order.anomalies[-1].what
    # The payer's account is gone: the money goes by bank.
    done = await desk.house.city.refunds.do_settle_by_hand("ST1", refund.id, "已转账至银行卡")
    assert done.state == "succeeded"
    (order,) = await desk.house.city.payment_queries.orders_of(bill.id)
    assert (order.reserved_fen, order.refunded_fen) == (0, 1230)
    assert (await desk.books()).refunded_fen == 1230
    assert (await desk.house.city.payment_queries.any(bill.id)).state == "refunded"
    await seen(desk, order)


async def test_what_another_refund_has_given_back_is_not_settled_by_hand_too(desk: Desk) -> None:
    bill = await desk.paid()
    await desk.pay.fault(REFUND, "refuse", errcode="PARAM_ERROR")
    refund = await until_final(desk, await ask(desk, bill))
    other = await ask(desk, bill)
    for state in ("requested", "succeeded"):
        with pytest.raises(Conflict) as refused:
            await desk.house.city.refunds.do_settle_by_hand("ST1", refund.id, "已转账至银行卡")
        assert (refused.value.code, refused.value.fields["rest_fen"]) == (Code.REFUND_OVER_REST, 0)
        assert (await again(desk, other)).state == state
        await until_final(desk, other)
    assert (await desk.books()).refunded_fen == 1230


async def test_a_refusal_after_a_doubt_is_checked_before_it_is_believed(desk: Desk) -> None:
    """The first request was done and its answer lost; what the second is told must not make us refund again."""
    bill = await desk.paid()
    refund = await ask(desk, bill, 500)
    await desk.pay.fault(REFUND, "lose_answer")
    await desk.work()
    await desk.pay.fault(REFUND, "refuse", errcode="INVALID_REQUEST")
    assert (await until_final(desk, refund)).state == "succeeded"
    assert (await desk.books()).refunded_fen == 500


async def test_a_refund_that_wechat_pay_closes_leaves_the_money_here(desk: Desk) -> None:
    bill = await desk.paid()
    refund = await ask(desk, bill)
    await desk.pay.control("refund_outcome", out_refund_no=refund.id, outcome="CLOSED")
    assert (await until_final(desk, refund)).state == "closed"
    books = await desk.books()
    assert (books.captured_fen, books.refunded_fen) == (1230, 0)


async def test_an_abnormal_refund_stays_in_sight_until_staff_have_settled_it(desk: Desk) -> None:
    bill = await desk.paid()
    refund = await ask(desk, bill)
    await desk.pay.control("refund_outcome", out_refund_no=refund.id, outcome="ABNORMAL")
    await desk.work()
    desk.later(minutes=2)
    await desk.work()
    assert (await again(desk, refund)).state == "abnormal"
    assert [r.id for r in await desk.house.city.payment_queries.pending_refunds()] == [refund.id]
    assert (await desk.books()).refunded_fen == 0
    done = await desk.house.city.refunds.do_settle_by_hand("ST1", refund.id, "已转账至原付款账户")
    assert (done.state, done.history[-1].by) == ("succeeded", "ST1")
    assert await desk.house.city.payment_queries.pending_refunds() == []
    assert (await desk.books()).refunded_fen == 1230
    (order,) = await desk.house.city.payment_queries.orders_of(bill.id)
    assert [(e.amount_fen, e.by_hand) for e in await desk.house.city.payment_queries.entries_of(order.id)] == [
        (1230, False), (1230, True),
    ]  # fmt: skip
    with pytest.raises(ActionNotAllowed):
        await desk.house.city.refunds.do_settle_by_hand("ST1", refund.id, "再来一次")


async def test_staff_can_ask_how_a_refund_stands(desk: Desk) -> None:
    bill = await desk.paid()
    refund = await ask(desk, bill)
    assert (await desk.house.city.refunds.do_check(refund.id)).state == "requested"
    await desk.work()
    async with asyncio.timeout(30):
        while (await desk.house.city.refunds.do_check(refund.id)).state != "succeeded":
            await asyncio.sleep(0.05)
    await desk.pay.fault(QUERY_REFUND, "http500")
    assert (await desk.house.city.refunds.do_check(refund.id)).state == "succeeded"
    with pytest.raises(BanshiError):
        await desk.house.city.refunds.do_check("RF-NONE")
