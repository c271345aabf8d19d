"""Reconciled days and differences. A day is WeChat Pay's: from midnight to midnight in Shanghai, by its own times.

Invariants:

- a difference is named by its cause (day, kind, number, amounts; unique): comparing again finds it, doubles nothing;
- for every comparison: WeChat Pay's net amount - ours = the sum of the gaps of its differences (``unexplained_fen`` 0);
- the fees posted for a day are those of its newest sound bill.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum

import msgspec
from msgspec import Struct

from services.store import Aggregate


class DayState(StrEnum):
    DUE = "due"  # the bill has not come yet
    REFUSED = "refused"  # it came and must not be used; it is asked for again
    COMPARED = "compared"


class DifferenceKind(StrEnum):
    MISSING_WITH_US = "missing_with_us"  # paid at WeChat Pay; here no such order, or not paid
    MISSING_AT_WECHAT = "missing_at_wechat"  # paid here, not in the bill
    AMOUNT_DIFFERS = "amount_differs"
    DAY_DIFFERS = "day_differs"  # in this bill, but paid on another day by what we were told
    TRANSACTION_DIFFERS = "transaction_differs"  # one order, two transaction numbers
    REFUND_MISSING_WITH_US = "refund_missing_with_us"
    REFUND_MISSING_AT_WECHAT = "refund_missing_at_wechat"
    REFUND_AMOUNT_DIFFERS = "refund_amount_differs"
    STATE_DIFFERS = "state_differs"
    DUPLICATE_ROW = "duplicate_row"
    FEE = "fee"  # not what the contract says


class Resolution(StrEnum):
    ADOPTED = "adopted"  # WeChat Pay was asked again, and what it says is booked
    REFUNDED = "refunded"  # sent back to the payer, on the merchant platform
    WRITTEN_OFF = "written_off"  # booked as a gain or loss
    TIMING = "timing"  # in the bill of another day
    WRONG_BILL = "wrong_bill"  # WeChat Pay has corrected its bill, or will
    VANISHED = "vanished"  # a later comparison of the same day does not find it any more


# What an officer may choose; the last is only ever found.
CHOICES = frozenset(Resolution) - {Resolution.VANISHED}


class Totals(Struct, frozen=True, kw_only=True):
    """What one comparison added up, in fen. Refunds are positive, ``fees_fen`` is what the bill charges net.

    ``unexplained_fen``: what the gaps of the differences do not explain; anything but 0 is a fault of this program.
    """

    rows: int = 0
    their_payments_fen: int = 0
    their_refunds_fen: int = 0
    fees_fen: int = 0
    our_payments: int = 0
    our_payments_fen: int = 0
    our_refunds: int = 0
    our_refunds_fen: int = 0
    differences: int = 0
    unexplained_fen: int = 0


class Run(Struct, frozen=True, kw_only=True):
    """One comparison, or one bill that was refused (``fault``)."""

    at: datetime
    by: str
    sha1: str | None = None
    fault: str = ""
    totals: Totals | None = None


class Day(Aggregate, kw_only=True):
    """One day of WeChat Pay; its id is the day, YYYY-MM-DD. ``runs``: the newest last, so many as are kept."""

    runs: list[Run] = msgspec.field(default_factory=list)
    totals: Totals | None = None
    attempts: int = 0
    last_error: str = ""


class Difference(Aggregate, kw_only=True):
    """Something in which WeChat Pay's bill and we do not agree.

    ``number`` is the order's or refund's. ``gap_fen``: what WeChat Pay's account has more than our books because of it.
    ``order``: ours, where there is one. ``checked``: what WeChat Pay answered when it was asked about it.
    """

    cause: str
    day: str
    kind: DifferenceKind
    number: str
    order: str | None = None
    transaction_id: str | None = None
    ours_fen: int | None = None
    theirs_fen: int | None = None
    gap_fen: int = 0
    detail: str = ""
    # ``number`` while it is open: a later day's bill may explain it.
    open_number: str | None = None
    checked: str = ""
    resolution: Resolution | None = None
    resolved_by: str | None = None
    resolved_at: datetime | None = None
    note: str = ""
    attempts: int = 0
    last_error: str = ""


@dataclass(frozen=True)
class ReconciliationRules:
    """``ready_at``: time of the next day (Shanghai) from which the bill is asked for (WeChat Pay: "about 10:00").
    ``fee_basis_points``: the contracted fee in 1/10,000."""

    ready_at: time = time(10, 5)
    fee_basis_points: int = 60
    retry_after: timedelta = timedelta(minutes=10)
    # One download and comparison: the gateway gives the download two minutes.
    lease: timedelta = timedelta(minutes=5)
