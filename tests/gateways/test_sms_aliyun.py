"""Aliyun's SMS gateway: its signature against Aliyun's example, and what it makes of each answer."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from tornado.httputil import HTTPServerRequest

from gateways.sms import AliyunSms, AliyunSmsSettings, Delivery, SmsOutcome
from gateways.sms.aliyun import acs3_authorization, canonical_query
from kernel.clock import ManualClock, SystemClock
from tests.simulators.support import listening, query_of

SETTINGS = AliyunSmsSettings(
    access_key_id="LTAI",
    access_key_secret="secret",
    sign_name="威海政务服务",
    parameters={"SMS_1": ("item", "place")},
    request_timeout=5.0,
)


def test_the_signature_is_the_one_of_aliyuns_example() -> None:
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
    }
    image = "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"
    query = canonical_query({"RegionId": "cn-shanghai", "ImageId": image})
    text = acs3_authorization("YourAccessKeyId", "YourAccessKeySecret", query, headers)
    assert text.endswith("Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0")


async def test_the_request_says_what_was_signed(clock: ManualClock) -> None:
    async with listening(lambda _: (200, b'{"Code":"OK","BizId":"B1","RequestId":"R"}')) as server:
        settings = replace(SETTINGS, endpoint=server.base)
        async with AliyunSms(settings, clock, lambda n: b"\x01" * n) as gateway:
            outcome = await gateway.send("13800138000", "SMS_1", ["居住证 A+B", "市民中心"], "MS1")
    (request,) = server.requests
    assert (outcome.delivery, outcome.serial) == (Delivery.ACCEPTED, "B1")
    query = query_of(request)
    assert (query["PhoneNumbers"], query["OutId"], query["SignName"]) == ("13800138000", "MS1", "威海政务服务")
    assert json.loads(query["TemplateParam"]) == {"item": "居住证 A+B", "place": "市民中心"}
    assert (request.headers["X-Acs-Action"], request.headers["X-Acs-Version"]) == ("SendSms", "2017-05-25")
    assert request.headers["X-Acs-Date"] == "2026-11-23T01:00:00Z"
    assert "%20" in request.query
    assert "+" not in request.query


@pytest.mark.parametrize(
    ("status", "answer", "delivery"),
    [
        (200, b'{"Code":"isv.BUSINESS_LIMIT_CONTROL"}', Delivery.RETRY),
        (200, b'{"Code":"isv.SMS_TEMPLATE_ILLEGAL"}', Delivery.REFUSED),
        (200, b'{"Code":"isp.SYSTEM_ERROR"}', Delivery.UNKNOWN),
        (200, b"{}", Delivery.UNKNOWN),
        (200, b"<html>", Delivery.UNKNOWN),
        (500, b"", Delivery.UNKNOWN),
        (403, b'{"Code":"SignatureDoesNotMatch"}', Delivery.RETRY),
    ],
)
async def test_each_answer_has_its_meaning(status: int, answer: bytes, delivery: Delivery) -> None:
    def reply(_: HTTPServerRequest) -> tuple[int, bytes]:
        return status, answer

    async with listening(reply) as server, AliyunSms(replace(SETTINGS, endpoint=server.base), SystemClock()) as gateway:
        outcome: SmsOutcome = await gateway.send("13800138000", "SMS_1", ["a", "b"], "")
    assert outcome.delivery is delivery
    assert (outcome.retry_after is not None) == (delivery is Delivery.RETRY)


async def test_parameters_must_fit_the_templates_names() -> None:
    async with AliyunSms(SETTINGS, SystemClock()) as gateway:
        with pytest.raises(ValueError, match="zip"):
            await gateway.send("13800138000", "SMS_1", ["a"], "")
