"""Orders and refunds out of WeChat Pay's JSON, the same for answers and for notifications.

Everything here raises ValueError with a reason that holds no personal data; the callers say what that means.
Amounts are accepted as JSON integers only: a float that "happens to be whole" is nonsense where money is meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gateways.wechat_pay.records import Order, Refund, RefundState, TradeState
from kernel.money import Fen


def read_order(fields: Mapping[str, Any], *, mchid: str, appid: str) -> Order:
    """The order of this merchant and mini-program. Source: 查询订单 and 支付成功通知."""
    if fields.get("mchid") != mchid or fields.get("appid") != appid:
        raise ValueError("order of another mchid or appid")
    state = TradeState(_text(fields, "trade_state"))
    paid = state in (TradeState.SUCCESS, TradeState.REFUND)
    amount = _object(fields, "amount", required=paid)
    payer = _object(fields, "payer", required=False)
    _check_currency(amount)
    return Order(
        out_trade_no=_text(fields, "out_trade_no"),
        state=state,
        state_text=str(fields.get("trade_state_desc", "")),
        transaction_id=_text(fields, "transaction_id") if paid else _optional(fields, "transaction_id"),
        total=_fen(amount, "total") if paid or "total" in amount else None,
        payer_total=_fen(amount, "payer_total") if "payer_total" in amount else None,
        paid_at=_instant(fields, "success_time") if paid else None,
        openid=_optional(payer, "openid"),
        attach=str(fields.get("attach") or ""),
        bank_type=str(fields.get("bank_type") or ""),
    )


def read_refund(fields: Mapping[str, Any], *, state_key: str) -> Refund:
    """A refund; ``state_key`` is ``status`` in answers and ``refund_status`` in notifications.

    Source: 申请退款, 查询单笔退款, 退款结果通知.
    """
    state = RefundState(_text(fields, state_key))
    amount = _object(fields, "amount", required=True)
    _check_currency(amount)
    return Refund(
        out_refund_no=_text(fields, "out_refund_no"),
        refund_id=_text(fields, "refund_id"),
        out_trade_no=_text(fields, "out_trade_no"),
        transaction_id=_text(fields, "transaction_id"),
        state=state,
        amount=_fen(amount, "refund"),
        total=_fen(amount, "total"),
        created_at=_instant(fields, "create_time") if fields.get("create_time") else None,
        success_at=_instant(fields, "success_time") if state is RefundState.SUCCESS else None,
        received_account=str(fields.get("user_received_account") or ""),
    )


def read_instant(text: Any) -> datetime:
    """``2018-06-08T10:34:56+08:00`` as UTC. Raises ValueError, also for an instant without an offset."""
    instant = datetime.fromisoformat(text) if isinstance(text, str) else None
    if instant is None or instant.tzinfo is None:
        raise ValueError("not an instant with an offset")
    return instant.astimezone(UTC)


def _instant(fields: Mapping[str, Any], key: str) -> datetime:
    try:
        return read_instant(fields.get(key))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{key}: {error}") from error


def _text(fields: Mapping[str, Any], key: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"no {key}")
    return value


def _optional(fields: Mapping[str, Any], key: str) -> str | None:
    value = fields.get(key)
    return value if isinstance(value, str) and value else None


def _object(fields: Mapping[str, Any], key: str, *, required: bool) -> Mapping[str, Any]:
    value = fields.get(key)
    if isinstance(value, dict):
        return value
    if required or value is not None:
        raise ValueError(f"no {key}")
    return {}


def _fen(amount: Mapping[str, Any], key: str) -> Fen:
    value = amount.get(key)
    # bool is an int in Python and not an amount.
    if type(value) is not int or value < 0:
        raise ValueError(f"amount.{key} is not a whole number of fen")
    return Fen(value)


def _check_currency(amount: Mapping[str, Any]) -> None:
    if amount.get("currency", "CNY") != "CNY":
        raise ValueError("amount.currency is not CNY")
