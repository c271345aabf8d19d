"""What goes into the WeChat Pay client and what comes out of it. Amounts are whole fen, instants are UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypedDict

from gateways.wechat_pay.errors import PayError
from kernel.money import Fen


@dataclass(frozen=True, slots=True)
class WeChatPaySettings:
    """One merchant and one mini-program. Keys are PEM texts; times in seconds.

    ``merchant_serial`` names the merchant's certificate, ``public_key_id`` (PUB_KEY_ID_…) WeChat Pay's public key.
    ``request_timeout`` bounds a whole call, ``bill_timeout`` the download of a bill; ``max_clients`` bounds the
    simultaneous requests of this process; ``max_bill_bytes`` the size of an unpacked bill.
    Raises ValueError, without showing any secret, for a setting that can never work.
    """

    mchid: str
    appid: str
    merchant_serial: str
    merchant_private_key: str = field(repr=False)
    apiv3_key: str = field(repr=False)
    public_key_id: str
    public_key: str = field(repr=False)
    base_url: str = "https://api.mch.weixin.qq.com"
    connect_timeout: float = 3.0
    request_timeout: float = 10.0
    bill_timeout: float = 120.0
    max_clients: int = 50
    max_bill_bytes: int = 256 * 1024 * 1024

    def __post_init__(self) -> None:
        if len(self.apiv3_key.encode()) != 32:
            raise ValueError("apiv3_key must have 32 bytes")
        if not self.public_key_id.startswith("PUB_KEY_ID_"):
            raise ValueError("public_key_id must start with PUB_KEY_ID_: certificate mode is not supported")


class PayFields(TypedDict):
    """What ``wx.requestPayment`` takes, under its own names; ``timeStamp`` is a text of seconds."""

    timeStamp: str
    nonceStr: str
    package: str
    signType: str
    paySign: str


class TradeState(StrEnum):
    """``trade_state``. REVOKED, USERPAYING, PAYERROR and ACCEPT come with payment codes only, but are understood."""

    SUCCESS = "SUCCESS"
    REFUND = "REFUND"  # paid, and then refunded at least in part
    NOTPAY = "NOTPAY"
    CLOSED = "CLOSED"
    REVOKED = "REVOKED"
    USERPAYING = "USERPAYING"
    PAYERROR = "PAYERROR"
    ACCEPT = "ACCEPT"


@dataclass(frozen=True, slots=True)
class Order:
    """One order as WeChat Pay sees it.

    A paid order always has ``transaction_id``, ``total`` and ``paid_at``; others may lack them. ``total`` is the
    order's amount, ``payer_total`` what the payer gave after coupons.
    """

    out_trade_no: str
    state: TradeState
    state_text: str
    transaction_id: str | None
    total: Fen | None
    payer_total: Fen | None
    paid_at: datetime | None
    openid: str | None = field(repr=False)
    attach: str
    bank_type: str

    @property
    def is_paid(self) -> bool:
        """Whether the money was captured, refunded since or not."""
        return self.state in (TradeState.SUCCESS, TradeState.REFUND)


class RefundState(StrEnum):
    """``status`` of the API, ``refund_status`` of a notification."""

    PROCESSING = "PROCESSING"
    SUCCESS = "SUCCESS"
    CLOSED = "CLOSED"
    ABNORMAL = "ABNORMAL"  # the payer's account refuses the money: somebody must handle it on the merchant platform


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund. ``amount`` of the order's ``total`` goes back; ``created_at`` only from the API."""

    out_refund_no: str
    refund_id: str
    out_trade_no: str
    transaction_id: str
    state: RefundState
    amount: Fen
    total: Fen
    created_at: datetime | None
    success_at: datetime | None
    received_account: str = field(repr=False)


class RefundFate(StrEnum):
    """What became of one request for a refund."""

    ACCEPTED = "accepted"  # WeChat Pay has the refund; whether the money arrived is told by its state, later
    FINAL = "final"  # refused; the same request will be refused again
    RETRY = "retry"  # certainly not done; the same request may be made again after ``retry_after`` seconds
    AMBIGUOUS = "ambiguous"  # it may have been done: ask again with the SAME out_refund_no, or query

    @property
    def may_have_happened(self) -> bool:
        return self in (RefundFate.ACCEPTED, RefundFate.AMBIGUOUS)


@dataclass(frozen=True, slots=True)
class RefundOutcome:
    """``refund`` goes with ACCEPTED, ``error`` with what WeChat Pay answered, ``reason`` is a line for the log.

    FINAL and RETRY speak of this request: an earlier ambiguous one is settled by ``query_refund``.
    """

    fate: RefundFate
    refund: Refund | None = None
    error: PayError | None = None
    reason: str | None = None
    retry_after: float | None = None

    @property
    def may_have_happened(self) -> bool:
        return self.fate.may_have_happened
