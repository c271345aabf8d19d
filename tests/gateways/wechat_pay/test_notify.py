"""Notifications: genuine ones are read, and everything else is refused with its reason."""

from __future__ import annotations

import base64
import json
import random
from datetime import timedelta
from typing import Any

import pytest
from tornado.httputil import HTTPHeaders

from gateways.wechat_pay import (
    FAILURE_BODY,
    NotificationReader,
    NotificationRefused,
    RefundAbnormal,
    RefundClosed,
    RefundState,
    RefundSuccess,
    RefusalReason,
    TradeState,
    TransactionSuccess,
)
from gateways.wechat_pay.notify import MAX_BODY_BYTES
from kernel.clock import ManualClock
from simulators.wechat_pay.signing import Signer
from tests.helpers import MONDAY_MORNING
from tests.simulators.wechat_pay.support import (
    APPID,
    MCHID,
    OPENID,
    Pay,
    client_settings,
    keys,
    merchant,
    other_keys,
)

NOW = MONDAY_MORNING.timestamp()
Headers = dict[str, str]
PAID = {
    "mchid": MCHID,
    "appid": APPID,
    "out_trade_no": "WH0001",
    "transaction_id": "4200001",
    "trade_state": "SUCCESS",
    "trade_state_desc": "支付成功",
    "success_time": "2026-11-23T08:59:58+08:00",
    "payer": {"openid": OPENID},
    "amount": {"total": 1230, "payer_total": 1230, "currency": "CNY", "payer_currency": "CNY"},
}
REFUNDED = {
    "mchid": MCHID,
    "out_trade_no": "WH0001",
    "transaction_id": "4200001",
    "out_refund_no": "R1",
    "refund_id": "5000001",
    "refund_status": "SUCCESS",
    "success_time": "2026-11-23T08:59:58+08:00",
    "user_received_account": "支付用户零钱",
    "amount": {"total": 1230, "refund": 500, "payer_total": 1230, "payer_refund": 500},
}


@pytest.fixture
def reader(clock: ManualClock) -> NotificationReader:
    return NotificationReader(client_settings(), clock)


def enveloped(event: str, plain: Any, *, signer: Signer | None = None, **changes: Any) -> bytes:
    kind = "transaction" if event.startswith("TRANSACTION") else "refund"
    text = plain if isinstance(plain, bytes) else json.dumps(plain, ensure_ascii=False).encode()
    envelope = {
        "id": "EV-2018022511223320873",
        "create_time": "2026-11-23T08:59:59+08:00",
        "resource_type": "encrypt-resource",
        "event_type": event,
        "summary": "支付成功",
        "resource": (signer or Signer(keys())).encrypt(text, kind),
    }
    return json.dumps(envelope | changes, ensure_ascii=False).encode()


def signed(body: bytes, *, at: float = NOW, signer: Signer | None = None) -> Headers:
    return (signer or Signer(keys())).headers(body, at)


def refusal(reader: NotificationReader, headers: Any, body: bytes) -> NotificationRefused:
    with pytest.raises(NotificationRefused) as refused:
        reader.open(headers, body)
    return refused.value


class TestGenuine:
    def test_a_payment(self, reader: NotificationReader) -> None:
        body = enveloped("TRANSACTION.SUCCESS", PAID)
        headers = signed(body)
        event = reader.open(headers, body)
        assert isinstance(event, TransactionSuccess)
        assert event.notification_id == "EV-2018022511223320873"
        assert event.nonce == headers["Wechatpay-Nonce"]
        assert event.order.state is TradeState.SUCCESS
        assert (event.order.out_trade_no, event.order.transaction_id) == ("WH0001", "4200001")
        assert event.order.total == 1230
        assert type(event.order.total) is int
        assert event.order.paid_at == MONDAY_MORNING - timedelta(seconds=2)
        assert event.created_at == MONDAY_MORNING - timedelta(seconds=1)

    @pytest.mark.parametrize(
        ("kind", "state"),
        [
            (RefundSuccess, RefundState.SUCCESS),
            (RefundAbnormal, RefundState.ABNORMAL),
            (RefundClosed, RefundState.CLOSED),
        ],
    )
    def test_a_refund(self, reader: NotificationReader, kind: type[RefundSuccess], state: RefundState) -> None:
        plain = REFUNDED | {"refund_status": state.value}
        if state is not RefundState.SUCCESS:
            del plain["success_time"]
        body = enveloped(f"REFUND.{state}", plain)
        event = reader.open(signed(body), body)
        assert type(event) is kind
        assert event.refund.state is state
        assert (event.refund.out_refund_no, event.refund.amount, event.refund.total) == ("R1", 500, 1230)
        assert (event.refund.success_at is not None) == (state is RefundState.SUCCESS)

    def test_the_signature_type_header_is_not_needed_and_names_may_be_in_any_case(
        self, reader: NotificationReader
    ) -> None:
        body = enveloped("TRANSACTION.SUCCESS", PAID)
        headers = signed(body)
        del headers["Wechatpay-Signature-Type"]
        assert reader.open({name.upper(): value for name, value in headers.items()}, body)
        assert reader.open(HTTPHeaders(headers), body)

    def test_an_empty_associated_data_is_genuine(self, reader: NotificationReader) -> None:
        resource = Signer(keys()).encrypt(json.dumps(PAID).encode(), "")
        for absent in (False, True):
            if absent:
                del resource["associated_data"]
            body = enveloped("TRANSACTION.SUCCESS", PAID, resource=resource)
            assert reader.open(signed(body), body)

    @pytest.mark.parametrize("seconds", [-300, 300])
    def test_five_minutes_are_within_the_limit(self, reader: NotificationReader, seconds: int) -> None:
        body = enveloped("TRANSACTION.SUCCESS", PAID)
        assert reader.open(signed(body, at=NOW + seconds), body)

    def test_a_replay_is_known_by_its_nonce_and_a_repetition_by_its_id(self, reader: NotificationReader) -> None:
        body = enveloped("TRANSACTION.SUCCESS", PAID)
        first = signed(body)
        events = [reader.open(headers, body) for headers in (first, first, signed(body))]
        assert events[0].nonce == events[1].nonce != events[2].nonce
        assert len({event.notification_id for event in events}) == 1


class TestWithoutProof:
    """Nothing is parsed or decrypted of what WeChat Pay has not signed for us just now."""

    @pytest.mark.parametrize("seconds", [-301, 301, -86400])
    def test_skewed(self, reader: NotificationReader, seconds: int) -> None:
        body = enveloped("TRANSACTION.SUCCESS", PAID)
        assert refusal(reader, signed(body, at=NOW + seconds), body).reason is RefusalReason.SKEWED

    def test_replayed_later(self, reader: NotificationReader, clock: ManualClock) -> None:
        body = enveloped("TRANSACTION.SUCCESS", PAID)
        headers = signed(body)
        reader.open(headers, body)
        clock.advance(timedelta(seconds=301))
        assert refusal(reader, headers, body).reason is RefusalReason.SKEWED

    @pytest.mark.parametrize("stamp", ["soon", "-1", "1.5", "１７", "9" * 400, "1e9"])
    def test_a_timestamp_that_is_none(self, reader: NotificationReader, stamp: str) -> None:
        body = enveloped("TRANSACTION.SUCCESS", PAID)
        headers = signed(body) | {"Wechatpay-Timestamp": stamp}
        assert refusal(reader, headers, body).reason is RefusalReason.BAD_TIMESTAMP

    def test_every_signed_part_counts(self, reader: NotificationReader) -> None:
        body = enveloped("TRANSACTION.SUCCESS", PAID)
        headers = signed(body)
        for name, value in (
            ("Wechatpay-Timestamp", str(int(NOW) + 1)),
            ("Wechatpay-Nonce", "another"),
            ("Wechatpay-Signature", base64.b64encode(bytes(256)).decode()),
            ("Wechatpay-Signature", "!" + headers["Wechatpay-Signature"]),
            ("Wechatpay-Signature", headers["Wechatpay-Signature"][:-4]),
            ("Wechatpay-Signature", "签名"),
        ):
            assert refusal(reader, headers | {name: value}, body).reason is RefusalReason.BAD_SIGNATURE

    def test_any_flipped_bit_is_noticed(self, reader: NotificationReader) -> None:
        body = enveloped("TRANSACTION.SUCCESS", PAID)
        headers = signed(body)
        for _ in range(300):
            position, bit = random.randrange(len(body)), 1 << random.randrange(8)
            flipped = body[:position] + bytes([body[position] ^ bit]) + body[position + 1 :]
            assert refusal(reader, headers, flipped).reason is RefusalReason.BAD_SIGNATURE

    @pytest.mark.parametrize("name", ["Timestamp", "Nonce", "Signature", "Serial"])
    def test_a_missing_header(self, reader: NotificationReader, name: str) -> None:
        body = enveloped("TRANSACTION.SUCCESS", PAID)
        headers = signed(body)
        for value in ({}, {f"Wechatpay-{name}": ""}):
            rest = {key: text for key, text in headers.items() if key != f"Wechatpay-{name}"}
            assert refusal(reader, rest | value, body).reason is RefusalReason.HEADER_MISSING

    def test_a_serial_that_is_not_ours(self, reader: NotificationReader) -> None:
        body = enveloped("TRANSACTION.SUCCESS", PAID)
        headers = signed(body) | {"Wechatpay-Serial": "PUB_KEY_ID_0000"}
        assert refusal(reader, headers, body).reason is RefusalReason.UNKNOWN_SERIAL

    def test_signed_by_somebody_else_under_our_serial(self, reader: NotificationReader) -> None:
        body = enveloped("TRANSACTION.SUCCESS", PAID)
        headers = signed(body, signer=Signer(other_keys())) | {"Wechatpay-Serial": keys().public_key_id}
        assert refusal(reader, headers, body).reason is RefusalReason.BAD_SIGNATURE

    def test_a_probe(self, reader: NotificationReader) -> None:
        body = enveloped("TRANSACTION.SUCCESS", PAID)
        refused = refusal(reader, Signer(keys()).headers(body, NOW, probe=True), body)
        assert refused.reason is RefusalReason.PROBE
        assert 400 <= refused.status < 600
        assert not refused.authentic

    def test_too_large(self, reader: NotificationReader) -> None:
        refused = refusal(reader, {}, b" " * (MAX_BODY_BYTES + 1))
        assert (refused.reason, refused.status) == (RefusalReason.TOO_LARGE, 413)


class TestProvenButUnusable:
    @pytest.mark.parametrize(
        "body",
        [b"", b"null", b"[]", b"{", b"\xff", b"[" * 50_000, b'{"resource":{}}'],
        ids=["empty", "null", "array", "cut", "binary", "deep", "bare"],
    )
    def test_no_envelope(self, reader: NotificationReader, body: bytes) -> None:
        refused = refusal(reader, signed(body), body)
        assert refused.reason is RefusalReason.NOT_UNDERSTOOD
        assert refused.authentic
        assert refused.status == 400

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"algorithm": "AES_128"}, RefusalReason.NOT_UNDERSTOOD),
            ({"nonce": None}, RefusalReason.NOT_UNDERSTOOD),
            ({"associated_data": 7}, RefusalReason.NOT_UNDERSTOOD),
            ({"nonce": "000000000000"}, RefusalReason.NOT_DECRYPTED),
            ({"nonce": "0"}, RefusalReason.NOT_DECRYPTED),
            ({"associated_data": "refund"}, RefusalReason.NOT_DECRYPTED),
            ({"ciphertext": "!"}, RefusalReason.NOT_DECRYPTED),
            ({"ciphertext": ""}, RefusalReason.NOT_DECRYPTED),
            ({"ciphertext": base64.b64encode(bytes(99)).decode()}, RefusalReason.NOT_DECRYPTED),
        ],
    )
    def test_a_resource_that_does_not_open(
        self, reader: NotificationReader, change: dict[str, Any], reason: RefusalReason
    ) -> None:
        resource = Signer(keys()).encrypt(json.dumps(PAID).encode(), "transaction") | change
        body = enveloped("TRANSACTION.SUCCESS", PAID, resource=resource)
        assert refusal(reader, signed(body), body).reason is reason

    def test_encrypted_with_another_key(self, reader: NotificationReader) -> None:
        body = enveloped("TRANSACTION.SUCCESS", PAID, signer=Signer(other_keys()))
        assert refusal(reader, signed(body), body).reason is RefusalReason.NOT_DECRYPTED

    @pytest.mark.parametrize(
        ("event", "plain", "reason"),
        [
            ("TRANSACTION.SUCCESS", PAID | {"mchid": "1900099999"}, RefusalReason.OTHER_MERCHANT),
            ("TRANSACTION.SUCCESS", PAID | {"appid": "wxother"}, RefusalReason.NOT_UNDERSTOOD),
            ("TRANSACTION.SUCCESS", PAID | {"trade_state": "NOTPAY"}, RefusalReason.NOT_UNDERSTOOD),
            ("TRANSACTION.SUCCESS", PAID | {"amount": {"total": 12.3}}, RefusalReason.NOT_UNDERSTOOD),
            ("TRANSACTION.SUCCESS", PAID | {"amount": {"total": 1230.0}}, RefusalReason.NOT_UNDERSTOOD),
            ("TRANSACTION.SUCCESS", b"[]", RefusalReason.NOT_UNDERSTOOD),
            ("TRANSACTION.SUCCESS", b"\xff\xfe", RefusalReason.NOT_UNDERSTOOD),
            ("REFUND.SUCCESS", REFUNDED | {"refund_status": "CLOSED"}, RefusalReason.NOT_UNDERSTOOD),
            ("REFUND.CLOSED", REFUNDED, RefusalReason.NOT_UNDERSTOOD),
            ("REFUND.SUCCESS", REFUNDED | {"mchid": "1900099999"}, RefusalReason.OTHER_MERCHANT),
            ("REFUND.PROCESSING", REFUNDED, RefusalReason.UNKNOWN_EVENT),
            ("COMPLAINT.CREATED", PAID, RefusalReason.UNKNOWN_EVENT),
        ],
    )
    def test_content_that_is_not_what_it_says(
        self, reader: NotificationReader, event: str, plain: Any, reason: RefusalReason
    ) -> None:
        body = enveloped(event, plain)
        assert refusal(reader, signed(body), body).reason is reason

    @pytest.mark.parametrize("change", [{"id": ""}, {"id": 7}, {"create_time": "yesterday"}, {"event_type": None}])
    def test_an_envelope_without_its_fields(self, reader: NotificationReader, change: dict[str, Any]) -> None:
        body = enveloped("TRANSACTION.SUCCESS", PAID, **change)
        assert refusal(reader, signed(body), body).authentic

    def test_the_answer_tells_nobody_why(self) -> None:
        assert json.loads(FAILURE_BODY)["code"] == "FAIL"
        assert OPENID not in str(NotificationRefused(RefusalReason.NOT_UNDERSTOOD, "no amount"))


class TestFromTheSimulator:
    async def test_a_payment_and_its_refunds_are_told(self, pay: Pay) -> None:
        async with merchant() as shop:
            await pay.paid("WH0001", notify_url=shop.url)
            await shop.has(1)
            for number, outcome in (("R1", "SUCCESS"), ("R2", "ABNORMAL"), ("R3", "CLOSED")):
                await pay.control("refund_outcome", out_refund_no=number, outcome=outcome)
                await pay.refund("WH0001", number, 100, notify_url=shop.url)
                await shop.has(1 + int(number[1:]))
                pay.later(minutes=1)
        events = [pay.reader.open(request.headers, request.body) for request in shop.requests]
        assert [type(event) for event in events] == [TransactionSuccess, RefundSuccess, RefundAbnormal, RefundClosed]
        assert events[0].order.total == 1230
        assert [event.refund.out_refund_no for event in events[1:]] == ["R1", "R2", "R3"]
        assert all(event.refund.amount == 100 for event in events[1:])
        assert len({event.notification_id for event in events}) == 4
