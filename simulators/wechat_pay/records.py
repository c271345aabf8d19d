"""What the simulated WeChat Pay keeps of orders, refunds and notifications. Amounts are whole fen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from kernel.clock import SHANGHAI

STATUS = {
    "SIGN_ERROR": 401,
    "TRADE_ERROR": 403,
    "RULE_LIMIT": 403,
    "OUT_TRADE_NO_USED": 403,
    "NOT_ENOUGH": 403,
    "NO_AUTH": 403,
    "ORDER_NOT_EXIST": 404,
    "RESOURCE_NOT_EXISTS": 404,
    "FREQUENCY_LIMITED": 429,
    "SYSTEM_ERROR": 500,
    "BANK_ERROR": 500,
    "USERPAYING": 202,  # as the pages of 2021 have it: an error that comes with a 2xx
}
STATE_TEXT = {
    "SUCCESS": "支付成功",
    "REFUND": "转入退款",
    "NOTPAY": "订单未支付",
    "CLOSED": "订单已关闭",
    "USERPAYING": "用户支付中",
}
Outcome = Literal["success", "refuse", "user_paying"]
OUTCOMES = ("success", "refuse", "user_paying")
RefundOutcome = Literal["SUCCESS", "ABNORMAL", "CLOSED"]
REFUND_OUTCOMES = ("SUCCESS", "ABNORMAL", "CLOSED")


class Refusal(Exception):
    """An error answer. The HTTP status follows from the code; those not in STATUS have 400."""

    def __init__(self, code: str, message: str, field: str | None = None) -> None:
        self.code, self.message, self.field = code, message, field
        super().__init__(code)

    @property
    def status(self) -> int:
        return STATUS.get(self.code, 400)


@dataclass
class RefundRecord:
    out_refund_no: str
    refund_id: str
    out_trade_no: str
    transaction_id: str
    refund: int
    total: int
    reason: str
    notify_url: str
    created_at: datetime
    state: str = "PROCESSING"
    success_at: datetime | None = None

    def same(self, body: Mapping[str, Any]) -> bool:
        amount = body["amount"]
        return (amount["refund"], amount["total"]) == (self.refund, self.total)

    def amount(self) -> dict[str, int]:
        return {
            "total": self.total,
            "refund": self.refund,
            "payer_total": self.total,
            "payer_refund": self.refund,
        }

    def answer(self) -> dict[str, Any]:
        """As the API tells it."""
        settled = {"settlement_total": self.total, "settlement_refund": self.refund, "discount_refund": 0}
        answer = {
            "refund_id": self.refund_id,
            "out_refund_no": self.out_refund_no,
            "transaction_id": self.transaction_id,
            "out_trade_no": self.out_trade_no,
            "channel": "ORIGINAL",
            "user_received_account": "支付用户零钱",
            "create_time": wire_time(self.created_at),
            "status": self.state,
            "funds_account": "AVAILABLE",
            "amount": self.amount() | settled | {"currency": "CNY"},
            "promotion_detail": [],
        }
        return answer | ({"success_time": wire_time(self.success_at)} if self.success_at else {})

    def plaintext(self, mchid: str) -> dict[str, Any]:
        """As a notification tells it: ``refund_status`` for ``status``, and no currency."""
        plain = {
            "mchid": mchid,
            "out_trade_no": self.out_trade_no,
            "transaction_id": self.transaction_id,
            "out_refund_no": self.out_refund_no,
            "refund_id": self.refund_id,
            "refund_status": self.state,
            "amount": self.amount(),
            "user_received_account": "支付用户零钱",
        }
        return plain | ({"success_time": wire_time(self.success_at)} if self.success_at else {})


@dataclass
class OrderRecord:
    out_trade_no: str
    body: dict[str, Any]
    created_at: datetime
    prepay_id: str = ""
    prepaid_at: datetime | None = None
    state: str = "NOTPAY"
    transaction_id: str = ""
    paid_at: datetime | None = None
    outcome: Outcome = "success"
    refunds: list[RefundRecord] = field(default_factory=list)

    @property
    def total(self) -> int:
        return int(self.body["amount"]["total"])

    @property
    def openid(self) -> str:
        return str(self.body["payer"]["openid"])

    @property
    def notify_url(self) -> str:
        return str(self.body["notify_url"])

    @property
    def attach(self) -> str:
        return str(self.body.get("attach", ""))

    @property
    def expires_at(self) -> datetime | None:
        text = self.body.get("time_expire")
        return datetime.fromisoformat(text) if text else None

    def answer(self) -> dict[str, Any]:
        """As the query and the notification tell it; an unpaid order has no transaction and no payer."""
        answer: dict[str, Any] = {
            "appid": self.body["appid"],
            "mchid": self.body["mchid"],
            "out_trade_no": self.out_trade_no,
            "attach": self.attach,
            "promotion_detail": [],
            "trade_state": self.state,
            "trade_state_desc": STATE_TEXT[self.state],
        }
        if self.paid_at is None:
            return answer | {"amount": {"payer_currency": "CNY", "total": self.total}, "payer": {}}
        return answer | {
            "transaction_id": self.transaction_id,
            "trade_type": "JSAPI",
            "bank_type": "OTHERS",
            "success_time": wire_time(self.paid_at),
            "payer": {"openid": self.openid},
            "amount": {
                "total": self.total,
                "payer_total": self.total,
                "currency": "CNY",
                "payer_currency": "CNY",
            },
        }

    def shown(self) -> dict[str, Any]:
        """For /control/orders."""
        return self.answer() | {
            "prepay_id": self.prepay_id,
            "description": self.body["description"],
            "openid": self.openid,
            "notify_url": self.notify_url,
            "time_expire": self.body.get("time_expire"),
            "created_at": self.created_at.isoformat(),
            "refunds": [refund.answer() for refund in self.refunds],
        }


def wire_time(instant: datetime) -> str:
    """``2018-06-08T10:34:56+08:00``"""
    return instant.astimezone(SHANGHAI).isoformat(timespec="seconds")
