"""Orders: our client against the simulator, endpoint by endpoint."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateways.wechat_pay import (
    NoSuchOrder,
    OrderClosed,
    OrderPaid,
    OutTradeNoUsed,
    PayRefused,
    TradeState,
    Verdict,
    WeChatPayClient,
)
from gateways.wechat_pay.reading import read_order
from kernel.errors import InvalidInput
from kernel.money import Fen
from tests.helpers import MONDAY_MORNING
from tests.simulators.wechat_pay.support import APPID, MCHID, OPENID, Pay, client_settings, keys, other_keys


class TestPrepay:
    async def test_an_order_arrives_as_it_was_placed(self, pay: Pay) -> None:
        prepay_id = await pay.prepay("WH20261123000001")
        (order,) = await pay.look("orders")
        assert order["prepay_id"] == prepay_id
        assert order["amount"]["total"] == 1230
        assert order["description"] == "水费，2026年11月"
        assert order["time_expire"] == "2026-11-23T10:30:00+08:00"
        assert (order["openid"], order["attach"]) == (OPENID, "bill-1")

    async def test_the_same_request_again_gives_the_same_prepay_id_for_two_hours(self, pay: Pay) -> None:
        expires = MONDAY_MORNING + timedelta(days=1)
        first = await pay.prepay("WH0001", time_expire=expires)
        pay.later(minutes=119)
        assert await pay.prepay("WH0001", time_expire=expires) == first
        pay.later(minutes=1)
        second = await pay.prepay("WH0001", time_expire=expires)
        assert second != first
        assert (await pay.control("pay", prepay_id=first))["result"] == "unknown"
        assert (await pay.control("pay", prepay_id=second))["result"] == "paid"

    @pytest.mark.parametrize(
        "changes", [{"amount": 1231}, {"payer_openid": "oSomebody"}, {"description": "热费"}, {"attach": "bill-2"}]
    )
    async def test_the_same_number_with_other_parameters_is_refused(self, pay: Pay, changes: dict[str, Any]) -> None:
        await pay.prepay("WH0001")
        with pytest.raises(OutTradeNoUsed):
            await pay.prepay("WH0001", **changes)

    async def test_a_paid_and_a_closed_order_cannot_be_placed_again(self, pay: Pay) -> None:
        await pay.paid("WH0001")
        with pytest.raises(OrderPaid) as refused:
            await pay.prepay("WH0001")
        assert not refused.value.may_have_happened
        await pay.prepay("WH0002")
        await pay.wechat.close("WH0002")
        with pytest.raises(OrderClosed):
            await pay.prepay("WH0002")

    async def test_every_character_that_a_number_may_have_survives_path_and_signature(self, pay: Pay) -> None:
        number = "aZ09_-|*"
        await pay.paid(number)
        assert (await pay.wechat.query(number)).out_trade_no == number
        outcome = await pay.refund(number, "r_-|*@1", 1)
        assert outcome.refund is not None
        assert (await pay.wechat.query_refund("r_-|*@1")).amount == 1

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("amount_fen", 0),
            ("amount_fen", 12.0),
            ("amount_fen", True),
            ("amount_fen", "1230"),
            ("out_trade_no", "short"),
            ("out_trade_no", "x" * 33),
            ("out_trade_no", "WH/0001"),
            ("out_trade_no", "WH00１"),
            ("description", ""),
            ("description", "水" * 128),
            ("attach", "x" * 129),
            ("payer_openid", ""),
            ("notify_url", "https://weihai.example/pay?a=1"),
            ("notify_url", "/pay"),
            ("notify_url", "https://weihai.example/" + "x" * 255),
        ],
    )
    async def test_what_wechat_pay_would_refuse_is_not_sent(self, pay: Pay, field: str, value: Any) -> None:
        fields: dict[str, Any] = {
            "out_trade_no": "WH0001",
            "description": "水费",
            "amount_fen": Fen(1),
            "payer_openid": OPENID,
            "time_expire": MONDAY_MORNING + timedelta(hours=1),
            "attach": "",
            "notify_url": "https://weihai.example/pay",
        }
        with pytest.raises(InvalidInput) as refused:
            await pay.wechat.prepay(**(fields | {field: value}))
        assert refused.value.fields["field"] == field
        assert not await pay.look("orders")


class TestPaySign:
    def test_the_phone_gets_what_the_merchant_has_signed(self, pay: Pay) -> None:
        fields = pay.wechat.pay_sign("wx201410272009395522657a690389285100")
        assert set(fields) == {"timeStamp", "nonceStr", "package", "signType", "paySign"}
        assert fields["timeStamp"] == str(int(MONDAY_MORNING.timestamp()))
        assert fields["signType"] == "RSA"
        assert fields["package"] == "prepay_id=wx201410272009395522657a690389285100"
        message = f"{APPID}\n{fields['timeStamp']}\n{fields['nonceStr']}\n{fields['package']}\n".encode()
        key = load_pem_private_key(keys().merchant_private_key.encode(), None)
        assert isinstance(key, RSAPrivateKey)
        key.public_key().verify(base64.b64decode(fields["paySign"]), message, PKCS1v15(), SHA256())

    def test_no_two_signatures_share_a_nonce(self, pay: Pay) -> None:
        assert len({pay.wechat.pay_sign("wx1")["nonceStr"] for _ in range(20)}) == 20


class TestQuery:
    async def test_an_unpaid_order_has_no_transaction(self, pay: Pay) -> None:
        await pay.prepay("WH0001")
        order = await pay.wechat.query("WH0001")
        assert order.state is TradeState.NOTPAY
        assert not order.is_paid
        assert (order.transaction_id, order.paid_at, order.openid) == (None, None, None)

    async def test_a_paid_order_has_everything_the_ledger_needs(self, pay: Pay) -> None:
        await pay.paid("WH0001")
        order = await pay.wechat.query("WH0001")
        assert order.state is TradeState.SUCCESS
        assert order.is_paid
        assert (order.total, order.payer_total) == (1230, 1230)
        assert type(order.total) is int
        assert order.paid_at == MONDAY_MORNING
        assert order.transaction_id
        assert (order.openid, order.attach) == (OPENID, "bill-1")

    async def test_after_a_refund_the_order_reads_refund_and_is_still_paid(self, pay: Pay) -> None:
        await pay.paid("WH0001")
        await pay.refund("WH0001", "R1", 1)
        order = await pay.wechat.query("WH0001")
        assert order.state is TradeState.REFUND
        assert order.is_paid
        assert order.total == 1230

    async def test_an_order_that_never_arrived_is_named_so(self, pay: Pay) -> None:
        with pytest.raises(NoSuchOrder):
            await pay.wechat.query("WH0001")

    async def test_unpaid_orders_end_after_seven_days(self, pay: Pay) -> None:
        await pay.prepay("WH0001")
        pay.later(days=7)
        assert (await pay.wechat.query("WH0001")).state is TradeState.CLOSED

    @pytest.mark.parametrize("total", [12.3, 1230.0, True, "1230", -1, None])
    def test_an_amount_that_is_no_whole_number_of_fen_is_never_read(self, total: Any) -> None:
        fields = _paid_fields()
        fields["amount"]["total"] = total
        with pytest.raises(ValueError, match=r"amount\.total"):
            read_order(fields, mchid=MCHID, appid=APPID)

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda fields: fields.update(mchid="1900099999"),
            lambda fields: fields.update(appid="wxother"),
            lambda fields: fields.update(trade_state="WON"),
            lambda fields: fields.pop("transaction_id"),
            lambda fields: fields.pop("success_time"),
            lambda fields: fields.update(success_time="2026-11-23T10:30:00"),
            lambda fields: fields.update(amount=[]),
            lambda fields: fields["amount"].update(currency="USD"),
        ],
    )
    def test_an_order_that_is_not_ours_or_not_whole_is_refused(self, spoil: Callable[[dict[str, Any]], Any]) -> None:
        fields = _paid_fields()
        spoil(fields)
        with pytest.raises(ValueError):
            read_order(fields, mchid=MCHID, appid=APPID)


class TestClose:
    async def test_a_closed_order_cannot_be_paid(self, pay: Pay) -> None:
        await pay.prepay("WH0001")
        await pay.wechat.close("WH0001")
        assert (await pay.wechat.query("WH0001")).state is TradeState.CLOSED
        assert (await pay.control("pay", out_trade_no="WH0001"))["result"] == "closed"

    async def test_closing_twice_is_closing(self, pay: Pay) -> None:
        await pay.prepay("WH0001")
        await pay.wechat.close("WH0001")
        await pay.wechat.close("WH0001")

    async def test_a_paid_order_is_not_closed(self, pay: Pay) -> None:
        await pay.paid("WH0001")
        with pytest.raises(OrderPaid):
            await pay.wechat.close("WH0001")

    async def test_an_unknown_order_is_named_so(self, pay: Pay) -> None:
        with pytest.raises(NoSuchOrder):
            await pay.wechat.close("WH0001")

    async def test_while_the_resident_is_paying_one_comes_back_later(self, pay: Pay) -> None:
        await pay.prepay("WH0001")
        await pay.control("pay_outcome", out_trade_no="WH0001", outcome="user_paying")
        assert (await pay.control("pay", out_trade_no="WH0001"))["result"] == "user_paying"
        with pytest.raises(PayRefused) as refused:
            await pay.wechat.close("WH0001")
        assert refused.value.verdict is Verdict.RETRY
        assert refused.value.retry_after
        await pay.control("pay_outcome", out_trade_no="WH0001", outcome="success")
        assert (await pay.wechat.query("WH0001")).state is TradeState.SUCCESS


class TestCredentials:
    @pytest.mark.parametrize(
        "changes",
        [{"merchant_serial": "0" * 40}, {"merchant_private_key": ""}, {"mchid": "1900099999"}],
        ids=["serial", "key", "mchid"],
    )
    async def test_a_wrong_signature_waits_for_somebody_to_put_it_right(
        self, pay: Pay, changes: dict[str, str]
    ) -> None:
        if "merchant_private_key" in changes:
            changes = {"merchant_private_key": other_keys().merchant_private_key}
        async with WeChatPayClient(client_settings(pay.url, **changes), pay.clock) as client:
            with pytest.raises(PayRefused) as refused:
                await client.query("WH0001")
        assert refused.value.error.code == "SIGN_ERROR"
        assert refused.value.verdict is Verdict.RETRY

    async def test_another_mini_program_is_refused_for_good(self, pay: Pay) -> None:
        async with WeChatPayClient(client_settings(pay.url, appid="wxother"), pay.clock) as client:
            with pytest.raises(PayRefused) as refused:
                await client.prepay(
                    "WH0001",
                    "水费",
                    Fen(1),
                    OPENID,
                    MONDAY_MORNING + timedelta(hours=1),
                    "",
                    "https://weihai.example/p",
                )
        assert refused.value.error.code == "APPID_MCHID_NOT_MATCH"
        assert refused.value.error.field == "/appid"
        assert refused.value.verdict is Verdict.FINAL

    def test_settings_that_can_never_work_stop_the_start_and_show_no_secret(self) -> None:
        with pytest.raises(ValueError, match="32 bytes"):
            client_settings(apiv3_key="short")
        with pytest.raises(ValueError, match="PUB_KEY_ID_"):
            client_settings(public_key_id="0123456789ABCDEF")
        shown = repr(client_settings())
        assert "PRIVATE KEY" not in shown
        assert keys().apiv3_key not in shown


def _paid_fields() -> dict[str, Any]:
    return {
        "mchid": MCHID,
        "appid": APPID,
        "out_trade_no": "WH0001",
        "transaction_id": "4200001",
        "trade_state": "SUCCESS",
        "success_time": "2026-11-23T10:30:00+08:00",
        "payer": {"openid": OPENID},
        "amount": {"total": 1230, "payer_total": 1230, "currency": "CNY"},
    }
