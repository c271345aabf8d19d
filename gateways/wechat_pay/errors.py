"""WeChat Pay's error codes, sorted by what the caller may do next.

    UpstreamFailed (kernel, 502)
    ├── PayRefused           WeChat Pay said no, with a code: nothing has happened. ``verdict`` FINAL or RETRY
    │   ├── NoSuchOrder      ORDER_NOT_EXIST, and RESOURCE_NOT_EXISTS where an order was asked for
    │   ├── NoSuchRefund     RESOURCE_NOT_EXISTS where a refund was asked for
    │   ├── OrderPaid        ORDERPAID: closing or ordering came too late
    │   ├── OrderClosed      ORDER_CLOSED: a new number is needed
    │   └── OutTradeNoUsed   the number was used with other parameters
    ├── BillCorrupt          a bill whose hash, form or sums are wrong
    └── UpstreamRefused      (gateways.transport) nonsense, or an answer that is not signed by WeChat Pay
    Unavailable (kernel, 503)
    ├── BillNotReady         ask again after ``retry_after`` seconds
    └── UpstreamUnavailable  (gateways.transport) no answer, HTTP 5xx, SYSTEM_ERROR, BANK_ERROR

All carry ``may_have_happened``. Errors are ``{"code", "message", "detail": {"field", "issue", …}}`` with HTTP 4xx or
5xx. The older pages write the codes without underscores (ORDERNOTEXIST, SYSTEMERROR), the newer ones with them, and
both are seen on the wire: codes are compared without. Source: the "错误码" table of each API v3 endpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from gateways.transport import UpstreamRefused, UpstreamUnavailable
from kernel.errors import BanshiError, Unavailable, UpstreamFailed

SYSTEM = "wechat_pay"


class Verdict(StrEnum):
    """What an error code means for the caller."""

    FINAL = "final"  # the same request will fail again
    RETRY = "retry"  # refused before anything happened, for a cause that passes or that somebody can put right
    AMBIGUOUS = "ambiguous"  # it may have been done: repeat with the same number, or query


# Seconds to wait. SIGN_ERROR: a key, a serial or this machine's clock must be put right first. NOT_ENOUGH: the
# merchant's balance does not cover the refund until more is earned or paid in. USERPAYING: the payer is at it.
_RETRY_SECONDS = {
    "FREQUENCYLIMITED": 60.0,
    "FREQUENCYLIMITEXCEED": 60.0,
    "RATELIMITEXCEEDED": 60.0,
    "SIGNERROR": 300.0,
    "NOTENOUGH": 3600.0,
    "USERPAYING": 10.0,
}
_AMBIGUOUS_CODES = frozenset({"SYSTEMERROR", "BANKERROR"})


@dataclass(frozen=True, slots=True)
class PayError:
    """One error as WeChat Pay gave it. ``field`` is the JSON pointer that PARAM_ERROR complains about."""

    code: str
    message: str
    http_status: int
    field: str | None = None

    @property
    def plain_code(self) -> str:
        """The code without underscores, for comparisons."""
        return self.code.upper().replace("_", "")

    @property
    def verdict(self) -> Verdict:
        if self.http_status >= 500 or self.plain_code in _AMBIGUOUS_CODES:
            return Verdict.AMBIGUOUS
        return Verdict.RETRY if self.retry_after is not None else Verdict.FINAL

    @property
    def retry_after(self) -> float | None:
        """Seconds after which the same request may be made again; None when that is of no use."""
        seconds = _RETRY_SECONDS.get(self.plain_code)
        return 60.0 if seconds is None and self.http_status == 429 else seconds


class PayRefused(UpstreamFailed):
    """WeChat Pay answered with an error code, and has done nothing."""

    may_have_happened = False

    def __init__(self, operation: str, error: PayError) -> None:
        self.system, self.operation, self.error = SYSTEM, operation, error
        super().__init__(None, None, system=SYSTEM, operation=operation, upstream_code=error.code)

    @property
    def verdict(self) -> Verdict:
        return self.error.verdict

    @property
    def retry_after(self) -> float | None:
        return self.error.retry_after

    def __str__(self) -> str:
        error = self.error
        where = f" at {error.field}" if error.field else ""
        return f"wechat_pay {self.operation}: HTTP {error.http_status} {error.code}{where} ({error.message})"


class NoSuchOrder(PayRefused):
    """WeChat Pay does not know the order: the prepay never arrived there."""


class NoSuchRefund(PayRefused):
    """WeChat Pay does not know the refund: the request never arrived there."""


class OrderPaid(PayRefused):
    """The order is paid already: query it."""


class OrderClosed(PayRefused):
    """The order is closed: its number cannot be used again."""


class OutTradeNoUsed(PayRefused):
    """The number was used with another amount, payer, description or the like."""


class BillNotReady(Unavailable):
    """The day's bill is not made yet. ``retry_after`` in seconds."""

    may_have_happened = False

    def __init__(self, day: str, retry_after: float) -> None:
        self.day, self.retry_after = day, retry_after
        super().__init__(None, None, system=SYSTEM, operation="tradebill", retry_after=retry_after)


class BillCorrupt(UpstreamFailed):
    """A bill that must not be used: hash, encoding, columns, amounts or sums are wrong. ``reason`` says which."""

    may_have_happened = False

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(None, None, system=SYSTEM, operation="tradebill")

    def __str__(self) -> str:
        return f"wechat_pay bill: {self.reason}"


_TYPED: dict[str, type[PayRefused]] = {
    "ORDERNOTEXIST": NoSuchOrder,
    "ORDERPAID": OrderPaid,
    "ORDERCLOSED": OrderClosed,
    "OUTTRADENOUSED": OutTradeNoUsed,
}
# What is missing is told by what was asked for; a refund needs its order, so RESOURCE_NOT_EXISTS there is the order's.
_MISSING: dict[str, type[PayRefused]] = {"query_refund": NoSuchRefund, "query": NoSuchOrder, "close": NoSuchOrder}


def read_error(status: int, body: str | bytes) -> PayError | None:
    """The error in an answer, None when there is no ``code`` in it."""
    try:
        value: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(value, dict) or not isinstance(value.get("code"), str) or not value["code"]:
        return None
    detail = value.get("detail")
    field = detail.get("field") if isinstance(detail, dict) else None
    return PayError(value["code"], str(value.get("message", "")), status, field if isinstance(field, str) else None)


def failure(operation: str, status: int, body: str | bytes) -> BanshiError:
    """The exception for an answer that is not a success."""
    error = read_error(status, body)
    if error is None:
        if status >= 500:
            return UpstreamUnavailable(SYSTEM, operation, f"HTTP {status}", may_have_happened=True)
        # A 2xx here is a success without its content: it was processed. 3xx and 4xx come from something in between.
        return UpstreamRefused(SYSTEM, operation, f"HTTP {status}, no code", may_have_happened=status < 300)
    if error.verdict is Verdict.AMBIGUOUS:
        reason = f"HTTP {status} {error.code} ({error.message})"
        return UpstreamUnavailable(SYSTEM, operation, reason, may_have_happened=True)
    refused = _TYPED.get(error.plain_code, PayRefused)
    if error.plain_code == "RESOURCENOTEXISTS":
        refused = _MISSING.get(operation, PayRefused)
    return refused(operation, error)
