"""Refunds: full, partial, repeated, limited; and what is known when the answer is lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from gateways.wechat_pay import NoSuchRefund, RefundFate, RefundState, WeChatPayClient
from kernel.errors import InvalidInput
from kernel.money import Fen
from tests.simulators.wechat_pay.support import NOWHERE, QUERY_REFUND, REFUND, Pay, client_settings, until


async def state_of(pay: Pay, out_refund_no: str) -> RefundState:
    return (await pay.wechat.query_refund(out_refund_no)).state


async def settled(pay: Pay, out_refund_no: str) -> RefundState:
    async def is_settled() -> bool:
        return await state_of(pay, out_refund_no) is not RefundState.PROCESSING

    await until(is_settled)
    return await state_of(pay, out_refund_no)


class TestRefunds:
    async def test_a_full_refund_is_accepted_and_then_paid_back(self, pay: Pay) -> None:
        await pay.paid("WH0001")
        outcome = await pay.refund("WH0001", "R1", 1230)
        assert outcome.fate is RefundFate.ACCEPTED
        assert outcome.refund.state is RefundState.PROCESSING
        assert (outcome.refund.amount, outcome.refund.total) == (1230, 1230)
        assert await settled(pay, "R1") is RefundState.SUCCESS
        refund = await pay.wechat.query_refund("R1")
        assert refund.success_at == pay.clock.now()
        assert type(refund.amount) is int

    async def test_asking_again_with_the_same_number_refunds_once(self, pay: Pay) -> None:
        await pay.paid("WH0001")
        first = await pay.refund("WH0001", "R1", 500)
        again = await pay.refund("WH0001", "R1", 500)
        assert again.fate is RefundFate.ACCEPTED
        assert again.refund.refund_id == first.refund.refund_id
        (order,) = await pay.look("orders")
        assert len(order["refunds"]) == 1

    async def test_the_same_number_with_another_amount_is_final(self, pay: Pay) -> None:
        await pay.paid("WH0001")
        await pay.refund("WH0001", "R1", 500)
        assert (await pay.refund("WH0001", "R1", 501)).fate is RefundFate.FINAL

    async def test_parts_may_not_exceed_the_whole(self, pay: Pay) -> None:
        await pay.paid("WH0001")
        for number, amount, fate in (
            ("R1", 500, RefundFate.ACCEPTED),
            ("R2", 731, RefundFate.FINAL),
            ("R3", 730, RefundFate.ACCEPTED),
            ("R4", 1, RefundFate.FINAL),
        ):
            outcome = await pay.refund("WH0001", number, amount)
            assert outcome.fate is fate, number
            assert outcome.may_have_happened == (fate is RefundFate.ACCEPTED)
            pay.later(minutes=1)

    async def test_two_refunds_within_a_minute_are_one_too_early(self, pay: Pay) -> None:
        await pay.paid("WH0001")
        await pay.refund("WH0001", "R1", 1)
        early = await pay.refund("WH0001", "R2", 1)
        assert early.fate is RefundFate.RETRY
        assert early.retry_after == 60.0
        pay.later(seconds=60)
        assert (await pay.refund("WH0001", "R2", 1)).fate is RefundFate.ACCEPTED

    async def test_fifty_parts_are_the_most(self, pay: Pay) -> None:
        await pay.paid("WH0001")
        for number in range(50):
            assert (await pay.refund("WH0001", f"R{number}", 1)).fate is RefundFate.ACCEPTED
            pay.later(minutes=1)
        assert (await pay.refund("WH0001", "R50", 1)).fate is RefundFate.FINAL

    async def test_a_year_is_the_limit(self, pay: Pay) -> None:
        await pay.paid("WH0001")
        pay.later(days=366)
        assert (await pay.refund("WH0001", "R1", 1)).fate is RefundFate.FINAL

    async def test_an_order_unpaid_unknown_or_of_another_amount_is_not_refunded(self, pay: Pay) -> None:
        assert (await pay.refund("WH0001", "R1", 1)).error.code == "RESOURCE_NOT_EXISTS"
        await pay.prepay("WH0001")
        assert (await pay.refund("WH0001", "R1", 1)).error.code == "TRADE_ERROR"
        await pay.control("pay", out_trade_no="WH0001")
        outcome = await pay.refund("WH0001", "R1", 1, total=1000)
        assert (outcome.fate, outcome.error.code) == (RefundFate.FINAL, "INVALID_REQUEST")
        with pytest.raises(NoSuchRefund):
            await pay.wechat.query_refund("R1")

    @pytest.mark.parametrize("state", [RefundState.ABNORMAL, RefundState.CLOSED])
    async def test_a_bank_may_decide_otherwise(self, pay: Pay, state: RefundState) -> None:
        await pay.paid("WH0001")
        await pay.control("refund_outcome", out_refund_no="R1", outcome=state.value)
        await pay.refund("WH0001", "R1", 1230)
        assert await settled(pay, "R1") is state
        pay.later(minutes=1)
        # The money of a refund that was given up may be refunded again; that of an abnormal one is still on its way.
        again = (await pay.refund("WH0001", "R2", 1230)).fate
        assert again is (RefundFate.ACCEPTED if state is RefundState.CLOSED else RefundFate.FINAL)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("refund_fen", 0),
            ("refund_fen", 1.0),
            ("refund_fen", 1231),
            ("total_fen", 12.3),
            ("out_refund_no", "x" * 65),
            ("out_refund_no", "R 1"),
            ("reason", "因" * 81),
            ("notify_url", "https://weihai.example/refunds?x"),
        ],
    )
    async def test_what_wechat_pay_would_refuse_is_not_sent(self, pay: Pay, field: str, value: Any) -> None:
        fields: dict[str, Any] = {
            "out_trade_no": "WH0001",
            "out_refund_no": "R1",
            "refund_fen": Fen(1),
            "total_fen": Fen(1230),
            "reason": "",
            "notify_url": NOWHERE,
        }
        await pay.fault(REFUND, "http500")
        with pytest.raises(InvalidInput):
            await pay.wechat.refund(**(fields | {field: value}))
        assert await pay.look("faults")


class TestLostAnswers:
    @pytest.mark.parametrize(("kind", "done"), [("lose_answer", 1), ("http500", 0), ("drop", 0), ("delay", 1)])
    async def test_without_an_answer_the_refund_may_have_been_made_and_asking_again_is_safe(
        self, pay: Pay, kind: str, done: int
    ) -> None:
        await pay.paid("WH0001")
        async with WeChatPayClient(client_settings(pay.url, request_timeout=1.0), pay.clock) as hasty:
            await pay.fault(REFUND, kind, seconds=1.2)
            lost = await hasty.refund("WH0001", "R1", Fen(1230), Fen(1230), "", NOWHERE)
        await asyncio.sleep(0.4 if kind == "delay" else 0)
        assert lost.fate is RefundFate.AMBIGUOUS
        assert lost.may_have_happened
        assert len((await pay.look("orders"))[0]["refunds"]) == done
        assert (await pay.refund("WH0001", "R1", 1230)).fate is RefundFate.ACCEPTED
        (order,) = await pay.look("orders")
        assert len(order["refunds"]) == 1

    @pytest.mark.parametrize(
        ("code", "fate"),
        [
            ("SYSTEM_ERROR", RefundFate.AMBIGUOUS),
            ("BANK_ERROR", RefundFate.AMBIGUOUS),
            ("FREQUENCY_LIMITED", RefundFate.RETRY),
            ("NOT_ENOUGH", RefundFate.RETRY),
            ("SIGN_ERROR", RefundFate.RETRY),
            ("NO_AUTH", RefundFate.FINAL),
            ("RULE_LIMIT", RefundFate.FINAL),
            ("SOMETHING_NEW", RefundFate.FINAL),
        ],
    )
    async def test_every_code_has_a_fate(self, pay: Pay, code: str, fate: RefundFate) -> None:
        await pay.paid("WH0001")
        await pay.fault(REFUND, "refuse", errcode=code)
        outcome = await pay.refund("WH0001", "R1", 1)
        assert outcome.fate is fate
        assert (outcome.retry_after is not None) == (fate is RefundFate.RETRY)
        assert outcome.reason

    async def test_nobody_at_the_address_is_certainly_no_refund(self, pay: Pay) -> None:
        async with WeChatPayClient(client_settings("http://127.0.0.1:9"), pay.clock) as client:
            outcome = await client.refund("WH0001", "R1", Fen(1), Fen(1), "", NOWHERE)
        assert outcome.fate is RefundFate.RETRY
        assert not outcome.may_have_happened

    async def test_a_query_that_fails_says_so(self, pay: Pay) -> None:
        await pay.fault(QUERY_REFUND, "refuse", errcode="RESOURCE_NOT_EXISTS")
        with pytest.raises(NoSuchRefund):
            await pay.wechat.query_refund("R1")

    async def test_refunds_are_told_to_their_own_address(self, pay: Pay) -> None:
        await pay.paid("WH0001", time_expire=pay.clock.now() + timedelta(hours=1))
        await pay.refund("WH0001", "R1", 1, notify_url="http://127.0.0.1:9/refunds")
        await settled(pay, "R1")
        (told,) = await pay.look("notifications", event_type="REFUND.SUCCESS")
        assert told["url"] == "http://127.0.0.1:9/refunds"
