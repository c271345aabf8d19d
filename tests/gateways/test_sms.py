"""Tencent's SMS gateway against the simulator, its signature against Tencent's example, and the receipts."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tornado.httputil import HTTPServerRequest
from tornado.netutil import bind_sockets

from gateways.sms import (
    Delivery,
    SmsGateway,
    SmsReceipt,
    TencentSms,
    TencentSmsSettings,
    e164,
    parse_aliyun,
    parse_tencent,
    tencent_answer,
)
from gateways.sms.tencent import tc3_authorization
from kernel.clock import ManualClock, SystemClock
from kernel.errors import InvalidInput
from tests.simulators.support import CODE_TEMPLATE, NOTICE_TEMPLATE, SMS, Running, listening, running_sms

PHONE = "13800138000"
SETTINGS = TencentSmsSettings(
    secret_id=SMS.secret_id,
    secret_key=SMS.secret_key,
    sdk_app_id=SMS.sdk_app_id,
    sign_name=SMS.sign_name,
    connect_timeout=5.0,
    request_timeout=5.0,
)


@pytest.fixture
async def sms() -> AsyncIterator[Running]:
    async with running_sms() as running:
        yield running


@pytest.fixture
async def gateway(sms: Running) -> AsyncIterator[TencentSms]:
    async with TencentSms(replace(SETTINGS, endpoint=sms.url), SystemClock()) as gateway:
        yield gateway


def test_the_signature_is_the_one_of_tencents_example() -> None:
    body = b'{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}'
    assert hashlib.sha256(body).hexdigest() == "35e9c5b0e3ae67532d3c9f17ead6c90222632e5b1ff7f6e89887f1398934f064"
    headers = {
        "content-type": "application/json; charset=utf-8",
        "host": "cvm.tencentcloudapi.com",
    }
    text = tc3_authorization(
        "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE", "cvm", 1551113065, headers, body
    )
    assert text == (
        "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE/2019-02-25/cvm/tc3_request, "
        "SignedHeaders=content-type;host, "
        "Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"
    )


class TestSending:
    async def test_a_message_is_accepted_under_a_serial(self, sms: Running, gateway: SmsGateway) -> None:
        outcome = await gateway.send(PHONE, NOTICE_TEMPLATE, ["居住证", "市民中心"], "MS1")
        assert outcome.delivery is Delivery.ACCEPTED
        assert (outcome.parts, outcome.code, outcome.session_context) == (1, "Ok", "MS1")
        assert PHONE not in repr(outcome)
        (sent,) = await sms.look("sent", phone=PHONE)
        assert sent["content"] == "【威海政务服务】您申请的居住证已办结，请到市民中心领取。"
        assert (sent["serial"], sent["session_context"]) == (outcome.serial, "MS1")

    async def test_every_number_has_its_own_fate(self, sms: Running, gateway: TencentSms) -> None:
        await sms.control("blacklist", phone="13800000002")
        phones = ["13800000001", "+8613800000002", "13800000003"]
        outcomes = await gateway.send_many(phones, NOTICE_TEMPLATE, ["证", "厅"], "c")
        assert [outcome.delivery for outcome in outcomes] == [
            Delivery.ACCEPTED,
            Delivery.NO_CONSENT,
            Delivery.ACCEPTED,
        ]
        assert [outcome.phone for outcome in outcomes] == [e164(phone) for phone in phones]
        assert len({outcome.serial for outcome in outcomes}) == 3

    async def test_the_same_words_within_thirty_seconds_must_wait(self, sms: Running, gateway: TencentSms) -> None:
        first = await gateway.send(PHONE, CODE_TEMPLATE, ["123456", "5"], "")
        second = await gateway.send(PHONE, CODE_TEMPLATE, ["123456", "5"], "")
        other = await gateway.send(PHONE, CODE_TEMPLATE, ["654321", "5"], "")
        await sms.control("clock", seconds=30)
        third = await gateway.send(PHONE, CODE_TEMPLATE, ["123456", "5"], "")
        assert (first.delivery, other.delivery, third.delivery) == (Delivery.ACCEPTED,) * 3
        assert second.delivery is Delivery.RETRY
        assert (second.retry_after, second.code) == (30.0, "LimitExceeded.PhoneNumberThirtySecondLimit")

    async def test_a_number_has_its_limits_in_an_hour_and_a_day(self, clock: ManualClock) -> None:
        codes = []
        async with (
            running_sms(clock, per_hour=2, per_day=3) as sms,
            TencentSms(replace(SETTINGS, endpoint=sms.url), clock) as gateway,
        ):
            for number, minutes in enumerate((0, 1, 1, 60, 60, 24 * 60)):
                clock.advance(timedelta(minutes=minutes))
                codes.append((await gateway.send(PHONE, CODE_TEMPLATE, [str(number), "5"], "")).code)
        hour, day = "LimitExceeded.PhoneNumberOneHourLimit", "LimitExceeded.PhoneNumberDailyLimit"
        assert codes == ["Ok", "Ok", hour, "Ok", day, "Ok"]

    @pytest.mark.parametrize(
        ("template", "params", "code"),
        [
            ("0", ["1"], "FailedOperation.TemplateIncorrectOrUnapproved"),
            (CODE_TEMPLATE, ["1"], "FailedOperation.TemplateParamSetNotMatchApprovedTemplate"),
            (CODE_TEMPLATE, ["1", "x" * 21], "InvalidParameterValue.TemplateParameterLengthLimit"),
            (NOTICE_TEMPLATE, ["证", "http://a.cn"], "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter"),
        ],
    )
    async def test_a_wrong_message_is_refused_for_good(
        self, gateway: TencentSms, template: str, params: list[str], code: str
    ) -> None:
        outcome = await gateway.send(PHONE, template, params, "")
        assert (outcome.delivery, outcome.code) == (Delivery.REFUSED, code)

    @pytest.mark.parametrize(
        ("change", "code", "delivery"),
        [
            ({"secret_key": "wrong"}, "AuthFailure.SignatureFailure", Delivery.RETRY),
            ({"secret_id": "wrong"}, "AuthFailure.SecretIdNotFound", Delivery.RETRY),
            ({"sdk_app_id": "1"}, "UnauthorizedOperation.SmsSdkAppIdVerifyFail", Delivery.REFUSED),
            ({"sign_name": "别的"}, "FailedOperation.SignatureIncorrectOrUnapproved", Delivery.REFUSED),
        ],
    )
    async def test_a_wrong_account_is_told(
        self, sms: Running, change: dict[str, str], code: str, delivery: Delivery
    ) -> None:
        async with TencentSms(replace(SETTINGS, endpoint=sms.url, **change), SystemClock()) as gateway:  # type: ignore[arg-type]
            outcome = await gateway.send(PHONE, CODE_TEMPLATE, ["1", "2"], "")
        assert (outcome.code, outcome.delivery) == (code, delivery)

    async def test_a_wrong_clock_is_told(self, sms: Running, gateway: TencentSms) -> None:
        await sms.control("clock", seconds=3600)
        assert (await gateway.send(PHONE, CODE_TEMPLATE, ["1", "2"], "")).code == "AuthFailure.SignatureExpire"

    async def test_an_empty_account_keeps_the_message_for_later(self) -> None:
        async with (
            running_sms(balance=0) as sms,
            TencentSms(replace(SETTINGS, endpoint=sms.url), SystemClock()) as gateway,
        ):
            outcome = await gateway.send(PHONE, CODE_TEMPLATE, ["1", "2"], "")
        assert (outcome.delivery, outcome.retry_after) == (Delivery.RETRY, 3600.0)

    @pytest.mark.parametrize("phone", ["", "110", "+14155550100", "138001380001", "１３８００１３８０００"])
    async def test_a_number_that_is_none_is_not_asked_for(self, gateway: TencentSms, phone: str) -> None:
        with pytest.raises(ValueError, match="mobile number"):
            await gateway.send(phone, CODE_TEMPLATE, ["1", "2"], "")

    async def test_what_tencent_would_not_take_is_not_asked_for(self, gateway: TencentSms) -> None:
        with pytest.raises(ValueError, match="511"):
            await gateway.send(PHONE, CODE_TEMPLATE, ["1", "2"], "字" * 171)
        with pytest.raises(ValueError, match="different"):
            await gateway.send_many([PHONE, "+86" + PHONE], CODE_TEMPLATE, ["1", "2"], "")


class TestFaults:
    @pytest.mark.parametrize(("kind", "sent"), [("lose_answer", 1), ("drop", 0), ("http500", 0), ("delay", 1)])
    async def test_without_an_answer_the_message_may_have_gone_and_is_not_sent_again(
        self, sms: Running, kind: str, sent: int
    ) -> None:
        await sms.fault("/", kind, seconds=1.2)
        settings = replace(SETTINGS, endpoint=sms.url, request_timeout=1.0)
        async with TencentSms(settings, SystemClock()) as hasty:
            outcome = await hasty.send(PHONE, CODE_TEMPLATE, ["1", "5"], "c")
        await asyncio.sleep(0.4 if kind == "delay" else 0)
        assert outcome.delivery is Delivery.UNKNOWN
        assert outcome.may_have_happened
        assert len(await sms.look("sent", phone=PHONE)) == sent

    async def test_tencents_own_time_out_is_not_known_either(self, sms: Running, gateway: TencentSms) -> None:
        await sms.fault("/", "refuse", errcode="InternalError.Timeout")
        assert (await gateway.send(PHONE, CODE_TEMPLATE, ["1", "5"], "")).delivery is Delivery.UNKNOWN

    async def test_a_refused_connection_is_certainly_no_send(self) -> None:
        (socket,) = bind_sockets(0, "127.0.0.1")
        port = socket.getsockname()[1]
        socket.close()
        async with TencentSms(replace(SETTINGS, endpoint=f"http://127.0.0.1:{port}"), SystemClock()) as gateway:
            outcome = await gateway.send(PHONE, CODE_TEMPLATE, ["1", "5"], "")
        assert outcome.delivery is Delivery.RETRY
        assert not outcome.may_have_happened

    @pytest.mark.parametrize(
        "answer",
        [
            b"",
            b"[]",
            b"{}",
            b'{"Response":{}}',
            b'{"Response":{"SendStatusSet":[]}}',
            b'{"Response":{"SendStatusSet":[1]}}',
        ],
    )
    async def test_an_answer_that_leaves_the_number_out_is_not_known(self, answer: bytes) -> None:
        async with (
            listening(lambda _: (200, answer)) as server,
            TencentSms(replace(SETTINGS, endpoint=server.base), SystemClock()) as gateway,
        ):
            outcome = await gateway.send(PHONE, CODE_TEMPLATE, ["1", "5"], "")
        assert outcome.delivery is Delivery.UNKNOWN


class TestReceipts:
    async def test_the_simulator_reports_each_message(self) -> None:
        receipts: list[SmsReceipt] = []

        def take(request: HTTPServerRequest) -> tuple[int, bytes]:
            receipts.extend(parse_tencent(request.body))
            return 200, tencent_answer()

        async with (
            listening(take) as callback,
            running_sms(callback_url=callback.url) as sms,
            TencentSms(replace(SETTINGS, endpoint=sms.url), SystemClock()) as gateway,
        ):
            await sms.control("verdict", phone="13800000002", report_status="FAIL", errmsg="MK:0001")
            outcomes = [await gateway.send(phone, CODE_TEMPLATE, ["1", "5"], "") for phone in (PHONE, "13800000002")]
            async with asyncio.timeout(30):
                while len(receipts) < 2:
                    await asyncio.sleep(0.01)
        by_serial = {receipt.serial: receipt for receipt in receipts}
        first, second = (by_serial[str(outcome.serial)] for outcome in outcomes)
        assert (first.delivered, first.code, first.phone) == (True, "DELIVRD", "+86" + PHONE)
        assert (second.delivered, second.code) == (False, "MK:0001")
        assert first.at is not None
        assert abs((datetime.now(UTC) - first.at).total_seconds()) < 10

    def test_tencents_example(self) -> None:
        body = json.dumps(
            [
                {
                    "user_receive_time": "2026-11-23 08:03:04",
                    "nationcode": "86",
                    "mobile": PHONE,
                    "report_status": "SUCCESS",
                    "errmsg": "DELIVRD",
                    "description": "用户短信送达成功",
                    "sid": "12:1",
                }
            ]
        ).encode()
        (receipt,) = parse_tencent(body)
        assert receipt.at == datetime(2026, 11, 23, 0, 3, 4, tzinfo=UTC)

    def test_aliyuns_example(self) -> None:
        entry = {"phone_number": PHONE, "send_time": "2026-11-23 08:03:00", "report_time": "2026-11-23 08:03:04"}
        entry |= {"success": True, "err_code": "DELIVERED", "err_msg": "用户接收成功", "sms_size": "1"}  # type: ignore[dict-item]
        entry |= {"biz_id": "B1", "out_id": "MS1"}
        (receipt,) = parse_aliyun(json.dumps([entry]).encode())
        assert (receipt.delivered, receipt.serial, receipt.session_context) == (True, "B1", "MS1")

    @pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"[{}]", b'[{"sid":"1","mobile":"110"}]', b"[" * 60_000])
    def test_anything_else_is_an_invalid_input(self, body: bytes) -> None:
        for parse in (parse_tencent, parse_aliyun):
            with pytest.raises(InvalidInput):
                parse(body)
