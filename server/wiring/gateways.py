"""The gateways to the outside world, from settings."""

from __future__ import annotations

from typing import Any, cast

from gateways.sms import TencentSms, TencentSmsSettings
from gateways.wechat import WeChatClient, WeChatSettings
from gateways.wechat_pay import NotificationReader, WeChatPayClient, WeChatPaySettings
from kernel.clock import Clock
from server.settings import Settings, SettingsError


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


def wechat_pay(settings: Settings, clock: Clock) -> tuple[WeChatPayClient, NotificationReader] | tuple[None, None]:
    """The client and the reader of notifications; (None, None) where no merchant is configured. Raises SettingsError
    for keys that cannot be used."""
    if not settings.wechat_pay_is_set:
        return None, None
    try:
        merchant = WeChatPaySettings(
            mchid=settings.wechat_pay_mchid,
            appid=settings.wechat_appid,
            merchant_serial=settings.wechat_pay_serial,
            merchant_private_key=settings.wechat_pay_pem("private_key"),
            apiv3_key=settings.wechat_pay_apiv3_key,
            public_key_id=settings.wechat_pay_public_key_id,
            public_key=settings.wechat_pay_pem("public_key"),
            base_url=settings.wechat_pay_url,
            request_timeout=settings.wechat_pay_timeout_ms / 1000,
        )
        return WeChatPayClient(merchant, clock), NotificationReader(merchant, clock)
    except ValueError as error:
        raise SettingsError(f"BANSHI_WECHAT_PAY_…: {error}") from error
