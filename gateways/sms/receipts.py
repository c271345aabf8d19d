"""Delivery receipts: what the carriers said about a message, hours or seconds after it was accepted.

Receipts are **unsigned**: their address must hold a secret, and the caller must be in the operator's address list.
They repeat and may come before the answer to the send: whoever acts on them deduplicates by ``serial`` and phone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateways.sms.protocol import PhoneFormatError, e164
from kernel.clock import SHANGHAI
from kernel.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class SmsReceipt:
    """``code`` is the carrier's (DELIVRD, DELIVERED, …); ``at`` is when the phone got it, None when the operator gave
    no usable time. ``session_context`` only from Aliyun (OutId)."""

    serial: str
    phone: str = field(repr=False)
    delivered: bool
    code: str
    description: str
    at: datetime | None
    session_context: str | None = None


def parse_tencent(body: bytes) -> tuple[SmsReceipt, ...]:
    """Tencent: a JSON array of ``{user_receive_time, nationcode, mobile, report_status, errmsg, description, sid}``.

    Source: cloud.tencent.com/document/product/382/59178 (短信下发状态回调). Raises InvalidInput for another shape.
    """
    return tuple(
        SmsReceipt(
            serial=_need(entry, "sid"),
            phone=_phone(entry, "mobile"),
            delivered=entry.get("report_status") == "SUCCESS",
            code=str(entry.get("errmsg", "")),
            description=str(entry.get("description", "")),
            at=_time(entry.get("user_receive_time")),
        )
        for entry in _entries(body)
    )


def parse_aliyun(body: bytes) -> tuple[SmsReceipt, ...]:
    """Aliyun SmsReport: an array of ``{phone_number, report_time, success, err_code, err_msg, biz_id, out_id}``.

    Source: help.aliyun.com, SmsReport. Raises InvalidInput for another shape.
    """
    return tuple(
        SmsReceipt(
            serial=_need(entry, "biz_id"),
            phone=_phone(entry, "phone_number"),
            delivered=entry.get("success") is True or entry.get("success") == "true",
            code=str(entry.get("err_code", "")),
            description=str(entry.get("err_msg", "")),
            at=_time(entry.get("report_time")),
            session_context=str(entry["out_id"]) if entry.get("out_id") else None,
        )
        for entry in _entries(body)
    )


def tencent_answer() -> bytes:
    """What Tencent wants to hear; anything else makes it repeat."""
    return b'{"result":0,"errmsg":"OK"}'


def aliyun_answer() -> bytes:
    """What Aliyun wants to hear; otherwise it repeats after 1, 5 and 10 minutes."""
    return '{"code":0,"msg":"接收成功"}'.encode()


def _entries(body: bytes) -> list[Mapping[str, Any]]:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise InvalidInput(reason="not JSON") from error
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise InvalidInput(reason="not an array of objects")
    return value


def _need(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise InvalidInput(field=f"$[].{key}", reason="missing")
    return value


def _phone(entry: Mapping[str, Any], key: str) -> str:
    try:
        return e164(_need(entry, key))
    except PhoneFormatError as error:
        raise InvalidInput(field=f"$[].{key}", reason=str(error)) from error


def _time(value: Any) -> datetime | None:
    """``2026-07-01 08:03:04`` on the Shanghai clock, as UTC."""
    try:
        return datetime.strptime(str(value), "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI).astimezone(UTC)
    except ValueError:
        return None
