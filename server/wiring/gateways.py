"""The gateways to the outside world, from settings."""

from __future__ import annotations

from typing import Any, cast

from gateways.sms import TencentSms, TencentSmsSettings
from gateways.wechat import WeChatClient, WeChatSettings
from kernel.clock import Clock
from server.settings import Settings


def wechat(settings: Settings, clock: Clock) -> WeChatClient:
    return WeChatClient(
        WeChatSettings(
            appid=settings.wechat_appid,
            secret=settings.wechat_secret,
            base_url=settings.wechat_url,
            request_timeout=settings.wechat_timeout_ms / 1000,
            miniprogram_state=cast(Any, settings.wechat_state),
        ),
        clock,
    )


def sms(settings: Settings, clock: Clock) -> TencentSms:
    return TencentSms(
        TencentSmsSettings(
            secret_id=settings.sms_secret_id,
            secret_key=settings.sms_secret_key,
            sdk_app_id=settings.sms_app_id,
            sign_name=settings.sms_sign_name,
            region=settings.sms_region,
            endpoint=settings.sms_url,
            request_timeout=settings.sms_timeout_ms / 1000,
        ),
        clock,
    )
