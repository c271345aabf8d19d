"""The SMS simulator as seen by Tencent's own SDK, which is not ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tencentcloud.common import credential  # type: ignore[import-untyped]
from tencentcloud.common.exception.tencent_cloud_sdk_exception import (  # type: ignore[import-untyped]
    TencentCloudSDKException,
)
from tencentcloud.common.profile.client_profile import ClientProfile  # type: ignore[import-untyped]
from tencentcloud.common.profile.http_profile import HttpProfile  # type: ignore[import-untyped]
from tencentcloud.sms.v20210111 import models, sms_client  # type: ignore[import-untyped]

from tests.simulators.support import CODE_TEMPLATE, SMS, Running, listening, running_sms

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


def sdk_send(sms: Running, *, secret_key: str = SMS.secret_key, **changes: Any) -> Callable[[], Any]:
    """One SendSms of the official SDK; it blocks, so it is for ``asyncio.to_thread``."""

    def send() -> Any:
        http = HttpProfile(protocol="http", endpoint=sms.url.removeprefix("http://"), reqTimeout=5)
        profile = ClientProfile(signMethod="TC3-HMAC-SHA256", httpProfile=http)
        client = sms_client.SmsClient(credential.Credential(SMS.secret_id, secret_key), "ap-beijing", profile)
        request = models.SendSmsRequest()
        request.PhoneNumberSet = ["+8613800138000", "13800138001"]
        request.SmsSdkAppId = SMS.sdk_app_id
        request.SignName = SMS.sign_name
        request.TemplateId = CODE_TEMPLATE
        request.TemplateParamSet = ["123456", "5"]
        request.SessionContext = "MS1"
        for name, value in changes.items():
            setattr(request, name, value)
        return client.SendSms(request)

    return send


async def test_tencents_sdk_sends_and_reads_each_status() -> None:
    async with running_sms() as sms:
        await sms.control("blacklist", phone="13800138001")
        answer = await asyncio.to_thread(sdk_send(sms))
        statuses = answer.SendStatusSet
        assert [status.Code for status in statuses] == ["Ok", "FailedOperation.PhoneNumberInBlacklist"]
        assert [status.PhoneNumber for status in statuses] == ["+8613800138000", "+8613800138001"]
        assert (statuses[0].Fee, statuses[0].SessionContext, statuses[0].IsoCode) == (1, "MS1", "CN")
        (sent,) = await sms.look("sent")
        assert sent["content"] == "【威海政务服务】您的验证码为123456，5分钟内有效。"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"secret_key": "wrong"}, "AuthFailure.SignatureFailure"),
        ({"SmsSdkAppId": "1"}, "UnauthorizedOperation.SmsSdkAppIdVerifyFail"),
        ({"PhoneNumberSet": []}, "MissingParameter.EmptyPhoneNumberSet"),
        ({"SessionContext": "x" * 512}, "InvalidParameterValue.ContentLengthLimit"),
    ],
)
async def test_tencents_sdk_reads_the_simulators_errors(changes: dict[str, Any], code: str) -> None:
    async with running_sms() as sms:
        with pytest.raises(TencentCloudSDKException) as refused:
            await asyncio.to_thread(sdk_send(sms, **changes))
    assert refused.value.code == code


async def test_a_receipt_is_repeated_until_it_is_taken() -> None:
    answers = iter([(500, b""), (200, b'{"result":1}'), (200, b'{"result":0,"errmsg":"OK"}')])
    async with listening(lambda _: next(answers)) as callback, running_sms(callback_url=callback.url) as sms:
        await asyncio.to_thread(sdk_send(sms, PhoneNumberSet=["13800138000"]))
        async with asyncio.timeout(30):
            while len(await sms.look("pushes")) < 3:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
        assert [push["taken"] for push in await sms.look("pushes")] == [False, False, True]


async def test_no_message_goes_out_when_the_answer_is_an_error() -> None:
    async with running_sms() as sms:
        with pytest.raises(TencentCloudSDKException):
            await asyncio.to_thread(sdk_send(sms, secret_key="wrong"))
        assert await sms.look("sent") == []
