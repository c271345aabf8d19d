"""WeChat Pay's daily bill against our books: each kind of difference, every fault of the file, and twice the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateways.wechat_pay import BillCorrupt, BillKind, BillNotReady, BillRow
from kernel.clock import local_day, local_instant
from kernel.errors import ActionNotAllowed, BanshiError, Code, InvalidInput
from kernel.machine import Actor
from kernel.money import Fen
from services.payments.ledger import CLEARING, FEES, WRITTEN_OFF
from services.payments.reconciliation.compare import OurPayment, OurRefund, causes, compare
from services.payments.reconciliation.model import Day, Difference, Resolution
from tests.city import START
from tests.services.payments.conftest import Desk

TODAY = local_day(START)


async def next_morning(desk: Desk) -> None:
    desk.clock.set(local_instant(local_day(desk.clock.now()) + timedelta(days=1), time(10, 6)))


async def plant(desk: Desk, kind: str, **more: Any) -> None:
    await desk.pay.control("bill", kind=kind, **more)


async def reconciled(desk: Desk, day: date = TODAY) -> tuple[Day, list[Difference]]:
    await desk.house.city.reconciliation.do_run(day)
    return await look(desk, day)


async def look(desk: Desk, day: date = TODAY) -> tuple[Day, list[Difference]]:
    record, found = await desk.house.city.reconciliation_queries.day(day.isoformat())
    assert record.totals is None or record.totals.unexplained_fen == 0
    return record, found


def kinds(found: list[Difference]) -> list[str]:
    return sorted(one.kind.value for one in found)


async def refunded(desk: Desk, bill_id: str, amount_fen: int) -> str:
    refund = await desk.house.city.refunds.do_refund("ST1", bill_id, amount_fen, "多收")
    for _ in range(6):
        await desk.work()
        desk.later(minutes=2)
    (after,) = [r for r in await desk.house.city.payment_queries.refunds_of(bill_id) if r.id == refund.id]
    assert after.state == "succeeded"
    return refund.id


async def order_of(desk: Desk, bill_id: str) -> str:
    return (await desk.house.city.payment_queries.any(bill_id)).paid_by or ""


async def test_a_day_that_agrees_has_no_difference_and_its_fees_are_booked_once(desk: Desk) -> None:
    bill = await desk.paid(10_000)
    await desk.paid(550)
    await refunded(desk, bill.id, 4_000)
    await next_morning(desk)
    for _ in range(3):
        day, found = await reconciled(desk)
        assert (day.state, found) == ("compared", [])
        totals = day.totals
        assert totals is not None
        assert (totals.rows, totals.their_payments_fen, totals.their_refunds_fen) == (3, 10_550, 4_000)
        assert (totals.our_payments_fen, totals.our_refunds_fen, totals.fees_fen) == (10_550, 4_000, 60 + 3 - 24)
    report = await desk.books()
    assert report.balances[FEES] == 39
    assert report.balances[CLEARING] == 10_550 - 4_000 - 39
    assert len(day.runs) == 3


async def test_a_day_without_trade_is_compared_with_no_rows(desk: Desk) -> None:
    await next_morning(desk)
    day, found = await reconciled(desk)
    assert (day.state, found, day.runs[-1].sha1) == ("compared", [], None)
    assert day.totals is not None
    assert day.totals.rows == 0


async def test_the_worker_fetches_yesterdays_bill_after_ten_and_retries_a_late_one(desk: Desk) -> None:
    city = desk.house.city
    await desk.paid()
    desk.clock.set(local_instant(TODAY + timedelta(days=1), time(0, 1)))
    await city.reconciliation.do_wake()
    assert (await look(desk))[0].state == "due"
    desk.clock.set(local_instant(TODAY + timedelta(days=1), time(10, 4)))
    await city.reconciliation.do_wake()
    assert (await look(desk))[0].attempts == 0
    await plant(desk, "late")
    await next_morning_same_day(desk)
    await city.reconciliation.do_wake()
    day, _ = await look(desk)
    assert (day.state, day.attempts) == ("due", 1)
    assert day.last_error
    await desk.pay.control("bill")
    await city.reconciliation.do_wake()
    assert (await look(desk))[0].state == "due"
    desk.later(minutes=31)
    await city.reconciliation.do_wake()
    assert (await look(desk))[0].state == "compared"
    assert await city.reconciliation.do_wake() == 0


async def next_morning_same_day(desk: Desk) -> None:
    desk.clock.set(local_instant(TODAY + timedelta(days=1), time(10, 6)))


@pytest.mark.parametrize("fault", ["wrong_hash", "truncated", "not_gzip", "bad_summary", "bad_amount", "lost_columns"])
async def test_a_bill_that_must_not_be_used_is_refused_visibly_and_fetched_again(desk: Desk, fault: str) -> None:
    city = desk.house.city
    await desk.paid()
    await next_morning(desk)
    await plant(desk, fault)
    with pytest.raises(BillCorrupt):
        await city.reconciliation.do_run(TODAY, "ST1")
    day, found = await look(desk)
    assert (day.state, found, day.totals) == ("refused", [], None)
    assert day.runs[-1].fault
    assert day.wake_at is not None
    assert (await desk.books()).balances.get(FEES) is None
    await desk.pay.control("bill")
    desk.later(minutes=11)
    await city.reconciliation.do_wake()
    day, found = await look(desk)
    assert (day.state, found, day.last_error) == ("compared", [], "")


async def test_wechat_pay_away_leaves_the_day_due_with_the_error(desk: Desk) -> None:
    await desk.paid()
    await next_morning(desk)
    await desk.pay.fault("/v3/bill/tradebill", "http500")
    with pytest.raises(BanshiError):
        await desk.house.city.reconciliation.do_run(TODAY)
    day, _ = await look(desk)
    assert (day.state, day.attempts) == ("due", 1)


async def test_a_payment_we_never_heard_of_is_adopted_by_itself_and_booked(desk: Desk) -> None:
    city, person = desk.house.city, await desk.person()
    bill = await desk.bill(person)
    order, _ = await city.pay_orders.do_pay(person, bill.id)
    await desk.settle(order.id)
    await next_morning(desk)
    _, found = await reconciled(desk)
    assert kinds(found) == ["missing_with_us"]
    assert (found[0].theirs_fen, found[0].gap_fen) == (1230, 1230)
    await city.reconciliation.do_wake()
    _, found = await look(desk)
    assert (found[0].state, found[0].resolution) == ("resolved", Resolution.ADOPTED)
    assert (await city.payment_queries.any(bill.id)).state == "paid"
    await desk.books(TODAY)
    _, again = await reconciled(desk)
    assert [one.id for one in again] == [found[0].id]
    assert (await look(desk))[0].totals == (await look(desk))[0].runs[-1].totals


async def test_a_payment_for_no_order_of_ours_waits_for_an_officer_who_writes_it_off(desk: Desk) -> None:
    city = desk.house.city
    await desk.paid()
    await next_morning(desk)
    await plant(desk, "add_row", amount=777)
    _, (found,) = await reconciled(desk)
    await city.reconciliation.do_wake()
    assert (found.kind.value, found.order, found.gap_fen) == ("missing_with_us", None, 777)
    with pytest.raises(BanshiError) as refused:
        await city.resolving.do_resolve("ST1", found.id, Resolution.ADOPTED, "查询")
    assert refused.value.code is Code.DIFFERENCE_REMAINS
    with pytest.raises(InvalidInput):
        await city.resolving.do_resolve("ST1", found.id, Resolution.VANISHED, "没有了")
    resolved = await city.resolving.do_resolve("ST1", found.id, Resolution.WRITTEN_OFF, "付款人不明，记收益")
    assert (resolved.state, resolved.resolved_by, resolved.note) == ("resolved", "ST1", "付款人不明，记收益")
    with pytest.raises(ActionNotAllowed):
        await city.resolving.do_resolve("ST1", found.id, Resolution.REFUNDED, "退回")
    assert (await desk.books(TODAY)).balances[WRITTEN_OFF] == -777


async def test_a_payment_missing_in_the_bill_is_asked_about_and_vanishes_with_a_corrected_bill(desk: Desk) -> None:
    city = desk.house.city
    bill = await desk.paid()
    order = await order_of(desk, bill.id)
    await next_morning(desk)
    await plant(desk, "drop_row", number=order)
    _, (found,) = await reconciled(desk)
    assert (found.kind.value, found.ours_fen, found.gap_fen) == ("missing_at_wechat", 1230, -1230)
    await city.reconciliation.do_wake()
    _, (found,) = await look(desk)
    assert (found.state, found.checked) == ("open", "微信支付查询结果：SUCCESS 1230")
    await desk.pay.control("bill")
    _, (found,) = await reconciled(desk)
    assert (found.state, found.resolution) == ("resolved", Resolution.VANISHED)
    await plant(desk, "drop_row", number=order)
    _, (found,) = await reconciled(desk)
    assert (found.state, found.resolution) == ("open", None)


async def test_another_amount_in_the_bill_is_a_difference_to_the_fen(desk: Desk) -> None:
    bill = await desk.paid()
    await next_morning(desk)
    await plant(desk, "change_amount", number=await order_of(desk, bill.id), amount=1231)
    _, (found,) = await reconciled(desk)
    assert (found.kind.value, found.ours_fen, found.theirs_fen, found.gap_fen) == ("amount_differs", 1230, 1231, 1)


async def test_refunds_missing_on_either_side_or_of_another_amount_are_found(desk: Desk) -> None:
    first, second = await desk.paid(5000), await desk.paid(6000)
    dropped, changed = await refunded(desk, first.id, 1000), await refunded(desk, second.id, 2000)
    await next_morning(desk)
    await plant(desk, "drop_row", number=dropped)
    await plant(desk, "change_amount", number=changed, amount=2001)
    _, found = await reconciled(desk)
    by_kind = {one.kind.value: one for one in found}
    assert set(by_kind) == {"refund_missing_at_wechat", "refund_amount_differs"}
    assert (by_kind["refund_missing_at_wechat"].number, by_kind["refund_missing_at_wechat"].gap_fen) == (dropped, 1000)
    assert by_kind["refund_amount_differs"].gap_fen == -1
    assert (await reconciled(desk))[1] == found


async def test_a_refund_that_we_do_not_know_is_found(desk: Desk) -> None:
    bill = await desk.paid(5000)
    order = await order_of(desk, bill.id)
    world: Any = desk.pay.served.app.world  # type: ignore[attr-defined]
    body = {"out_trade_no": order, "out_refund_no": "STRANGE1", "amount": {"refund": 300, "total": 5000}}
    refund, _ = world.refund(body | {"notify_url": ""})
    world.settle_refund(refund)
    await next_morning(desk)
    _, (found,) = await reconciled(desk)
    assert (found.kind.value, found.number, found.gap_fen) == ("refund_missing_with_us", "STRANGE1", -300)


async def test_a_refund_that_ended_without_our_hearing_of_it_is_adopted_by_a_query(desk: Desk) -> None:
    city, bill = desk.house.city, await desk.paid(5000)
    world: Any = desk.pay.served.app.world  # type: ignore[attr-defined]
    refund = await city.refunds.do_refund("ST1", bill.id, 700, "多收")
    await desk.pay.control("notification_faults", kind="lose", event_type="REFUND.SUCCESS")
    await city.payment_timers.do_wake()
    (ours,) = await city.payment_queries.refunds_of(bill.id)
    assert ours.state == "processing"
    if world.refunds[refund.id].state == "PROCESSING":
        world.settle_refund(world.refunds[refund.id])
    await next_morning(desk)
    _, (found,) = await reconciled(desk)
    assert (found.kind.value, found.gap_fen) == ("state_differs", 0)
    await city.reconciliation.do_wake()
    _, (found,) = await look(desk)
    assert found.resolution is Resolution.ADOPTED
    assert (await city.payment_queries.any(bill.id)).refunded_fen == 700


@pytest.mark.parametrize("desk", [{"pay_fee_basis_points": 38}], indirect=True)
async def test_a_fee_that_is_not_the_contracts_is_a_difference(desk: Desk) -> None:
    await desk.paid(10_000)
    await next_morning(desk)
    _, (found,) = await reconciled(desk)
    assert (found.kind.value, found.ours_fen, found.theirs_fen, found.gap_fen) == ("fee", 38, 60, 0)


async def test_what_is_paid_in_the_last_second_belongs_to_wechats_day(desk: Desk) -> None:
    city, person = desk.house.city, await desk.person()
    bill = await desk.bill(person)
    desk.clock.set(local_instant(TODAY, time(23, 59, 59)))
    order, _ = await city.pay_orders.do_pay(person, bill.id)
    await desk.settle(order.id)
    desk.later(seconds=6)  # we hear of it on the next day
    await city.pay_orders.do_check(person, order.id)
    assert (await city.payment_queries.any(bill.id)).book_day == (TODAY + timedelta(days=1)).isoformat()
    await next_morning_same_day(desk)
    day, found = await reconciled(desk)
    assert day.totals is not None
    assert (day.totals.rows, found) == (1, [])
    desk.later(days=1)
    day, found = await reconciled(desk, TODAY + timedelta(days=1))
    assert day.totals is not None
    assert (day.totals.rows, found) == (0, [])


async def test_a_refund_around_midnight_is_counted_once_by_the_bill_that_has_it(desk: Desk) -> None:
    bill = await desk.paid(5000)
    refund = await refunded(desk, bill.id, 500)
    world: Any = desk.pay.served.app.world  # type: ignore[attr-defined]
    world.refunds[refund].created_at = local_instant(TODAY + timedelta(days=1), time(0, 0, 1))
    await next_morning_same_day(desk)
    _, (found,) = await reconciled(desk)
    assert found.kind.value == "refund_missing_at_wechat"
    desk.later(days=1)
    day, others = await reconciled(desk, TODAY + timedelta(days=1))
    assert (day.state, others) == ("compared", [])
    _, (found,) = await look(desk)
    assert (found.state, found.resolution) == ("resolved", Resolution.TIMING)
    assert (await reconciled(desk))[1][0].resolution is Resolution.TIMING


async def test_a_payment_dated_otherwise_than_we_were_told_is_settled_across_both_days(desk: Desk) -> None:
    bill = await desk.paid()
    order = await order_of(desk, bill.id)
    world: Any = desk.pay.served.app.world  # type: ignore[attr-defined]
    world.orders[order].paid_at = local_instant(TODAY + timedelta(days=1), time(0, 0, 1))
    await next_morning_same_day(desk)
    _, (missing,) = await reconciled(desk)
    assert missing.kind.value == "missing_at_wechat"
    desk.later(days=1)
    _, (other,) = await reconciled(desk, TODAY + timedelta(days=1))
    assert (other.kind.value, other.resolution) == ("day_differs", Resolution.TIMING)
    assert (await look(desk))[1][0].resolution is Resolution.TIMING


async def test_only_days_that_are_over_can_be_reconciled(desk: Desk) -> None:
    for day in (TODAY, TODAY + timedelta(days=1), TODAY - timedelta(days=91)):
        with pytest.raises(InvalidInput):
            await desk.house.city.reconciliation.do_run(day)
    desk.clock.set(local_instant(TODAY + timedelta(days=1), time(8)))
    with pytest.raises(BillNotReady):
        await desk.house.city.reconciliation.do_run(TODAY)


async def test_a_day_run_by_hand_leaves_no_gap_behind_it(desk: Desk) -> None:
    city = desk.house.city
    await next_morning(desk)
    await city.reconciliation.do_wake()
    desk.later(days=4)
    # The worker is still down: somebody compares yesterday.
    await city.reconciliation.do_run(local_day(desk.clock.now()) - timedelta(days=1), "ST-1", Actor.STAFF)
    for _ in range(2):
        await city.reconciliation.do_wake()
    lines = await city.reconciliation_queries.days(None, None)
    assert [(line.day.state, line.open) for line in lines] == [("compared", 0)] * 5


async def test_every_day_since_the_last_one_is_caught_up_with(desk: Desk) -> None:
    city = desk.house.city
    await next_morning(desk)
    await city.reconciliation.do_wake()
    desk.later(days=4)
    for _ in range(2):
        await city.reconciliation.do_wake()
    lines = await city.reconciliation_queries.days(None, None)
    assert [(line.day.state, line.open) for line in lines] == [("compared", 0)] * 5


# -- the comparison alone ----------------------------------------------------------------------------------------


def row(number: str, amount: int, refund: str | None = None, state: str | None = None) -> BillRow:
    paid, back = (0, amount) if refund else (amount, 0)
    fee = (amount * 60 + 5000) // 10000
    return BillRow(
        traded_at=START, appid="wx", transaction_id=f"T{number}", out_trade_no=number, openid="o", trade_type="JSAPI",
        kind=BillKind.REFUND if refund else BillKind.SUCCESS, bank_type="OTHERS", settled=Fen(paid), coupon=Fen(0),
        refund_id=f"W{refund}" if refund else None, out_refund_no=refund, refunded=Fen(back), coupon_refunded=Fen(0),
        refund_state=state, description="", attach="", fee=Fen(-fee if refund else fee), fee_rate="0.60%",
        order_total=Fen(paid), refund_requested=Fen(back),
    )  # fmt: skip


def test_a_row_twice_another_transaction_and_a_revoked_payment_are_found() -> None:
    payments = [OurPayment("OR1", "paid", 100, "TOR1", True), OurPayment("OR2", "paid", 50, "other", True)]
    rows = [
        row("OR1", 100),
        row("OR1", 100),
        row("OR1", 100),
        row("OR2", 50),
        replace(row("OR3", 9), kind=BillKind.REVOKED),
    ]
    found = compare(rows, payments, [], 60)
    assert [(one.kind.value, one.number, one.gap_fen) for one in found.differences] == [
        ("duplicate_row", "OR1", 100), ("duplicate_row", "OR1", 100), ("transaction_differs", "OR2", 0),
        ("state_differs", "OR3", 9),
    ]  # fmt: skip
    assert found.totals.unexplained_fen == 0
    assert len(causes("2090-11-21", found.differences)) == 4


def test_the_states_of_a_refund_on_both_sides() -> None:
    for theirs, ours, wanted in (
        ("SUCCESS", "succeeded", []), ("PROCESSING", "processing", []), ("PROCESSING", "succeeded", []),
        ("CLOSED", "closed", []), ("SUCCESS", "failed", [-5]), ("CLOSED", "succeeded", [5]),
        ("SUCCESS", "abnormal", [0]), ("ABNORMAL", "abnormal", []),
    ):  # fmt: skip
        found = compare([row("OR1", 5, "RF1", theirs)], [], [OurRefund("RF1", "OR1", ours, 5, True)], 60)
        assert [one.gap_fen for one in found.differences] == wanted, (theirs, ours)
        assert found.totals.unexplained_fen == 0


_numbers = st.sampled_from(["OR1", "OR2", "OR3", "OR4"])
_rows = st.lists(
    st.builds(
        row, _numbers, st.integers(1, 300), st.none() | st.sampled_from(["RF1", "RF2", "RF3"]),
        st.sampled_from(["SUCCESS", "PROCESSING", "CLOSED", "ABNORMAL"]),
    ),
    max_size=8,
)  # fmt: skip
_payments = st.lists(
    st.builds(
        lambda number, paid, amount, expected: OurPayment(
            number, "paid" if paid else "closed", amount if paid else 0, f"T{number}" if paid else None,
            paid and expected,
        ),
        _numbers, st.booleans(), st.integers(1, 300), st.booleans(),
    ),
    unique_by=lambda one: one.id,
)  # fmt: skip
_refunds = st.lists(
    st.builds(
        OurRefund, st.sampled_from(["RF1", "RF2", "RF3"]), _numbers,
        st.sampled_from(["requested", "processing", "abnormal", "succeeded", "closed", "failed"]),
        st.integers(1, 300), st.booleans(),
    ),
    unique_by=lambda one: one.id,
)  # fmt: skip


@given(_rows, _payments, _refunds)
@settings(max_examples=300, deadline=None)
def test_whatever_differs_the_differences_explain_it_to_the_fen(
    rows: list[BillRow], payments: list[OurPayment], refunds: list[OurRefund]
) -> None:
    found = compare(rows, payments, refunds, 60)
    assert found.totals.unexplained_fen == 0
    assert found == compare(rows, payments, refunds, 60)
