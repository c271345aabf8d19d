"""Bills, the orders that pay them, and refunds. Amounts are whole fen; the money columns are changed by one file only.

Invariants:

- a bill has at most one live order (unique ``live_of``) and is settled by at most one (``paid_by``); what a second
  order captured all the same is refunded in full by the very write that records it;
- ``refunded_fen + reserved_fen <= captured_fen`` of every order: a refund reserves its amount in the order's write;
- the sums captured and refunded of every order are those of its ledger entries (services/payments/ledger.py), which
  are written in the same transaction (docs/decisions/0003-money-moves-in-a-transaction.md).

An amount is never taken from a client: an order's is its bill's, a refund's is checked against its order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec import Struct

from services.store import Aggregate


class SubjectKind(StrEnum):
    """What a bill is for."""

    CASE = "case"
    APPOINTMENT = "appointment"
    ACCOUNT = "account"  # water, heating, tuition …: imported


class BillState(StrEnum):
    OPEN = "open"  # also after ``due_at``: a debt does not vanish by being late
    PAID = "paid"
    PART_REFUNDED = "part_refunded"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"


SETTLED = frozenset({BillState.PAID, BillState.PART_REFUNDED, BillState.REFUNDED})


class BillLine(Struct, frozen=True, kw_only=True):
    """One item of a bill: ``amount_fen`` is for one, and counts ``quantity`` times."""

    name: str
    amount_fen: int
    quantity: int = 1


class Bill(Aggregate, kw_only=True):
    """What somebody has to pay. ``subject`` is the id of the case or booking, or the account's number.

    ``person`` is whose bill it is; None for an imported account that nobody has claimed yet. ``payee`` names whom the
    money is for (a department, a water company): it becomes the ledger's account. ``paid_by`` is the order that
    settled it, ``book_day`` the day in Shanghai on which that happened. ``holder`` (户名), encrypted: whom the issuer
    named with it; the account may be somebody else's by now.
    """

    subject_kind: SubjectKind
    subject: str
    person: str | None = None
    account_kind: str | None = None
    account_number: str | None = None
    holder: bytes | None = None
    payee: str
    title: str
    lines: list[BillLine]
    amount_fen: int
    paid_fen: int = 0
    refunded_fen: int = 0
    due_at: datetime | None = None
    paid_by: str | None = None
    transaction_id: str | None = None
    paid_at: datetime | None = None
    book_day: str | None = None
    # Names the request or the import line that made the bill, so that a repeat finds it (unique).
    request_key: str | None = None


class OrderState(StrEnum):
    CREATED = "created"  # written here, perhaps not yet known at WeChat Pay
    AWAITING = "awaiting"  # has a prepay_id: can be paid
    PAID = "paid"
    CLOSED = "closed"  # nobody can pay it any more
    DISPUTED = "disputed"  # WeChat Pay tells another amount than ours: somebody must look


LIVE = frozenset({OrderState.CREATED, OrderState.AWAITING})


class Anomaly(Struct, frozen=True, kw_only=True):
    """Something about an order that should not be, kept for people."""

    at: datetime
    what: str


class Order(Aggregate, kw_only=True):
    """One attempt to pay a bill; its id is WeChat Pay's ``out_trade_no``.

    ``live_of`` (the bill) while it can be paid. ``surplus``: captured for a bill that another order had settled or that
    was cancelled; refunded in full at once. ``refunds_from``: the next refund not before this (WeChat Pay wants a
    minute between two). ``attempts`` counts looks at WeChat Pay since the last change of state.
    """

    bill: str
    person: str
    payee: str
    title: str
    amount_fen: int
    expires_at: datetime
    live_of: str | None = None
    prepay_id: str | None = None
    transaction_id: str | None = None
    captured_fen: int = 0
    refunded_fen: int = 0
    reserved_fen: int = 0
    refunds: int = 0
    refunds_from: datetime | None = None
    paid_at: datetime | None = None
    book_day: str | None = None
    surplus: bool = False
    attempts: int = 0
    checked_at: datetime | None = None
    last_error: str = ""
    anomalies: list[Anomaly] = msgspec.field(default_factory=list)
    flagged_at: datetime | None = None

    @property
    def held_fen(self) -> int:
        """What it holds beyond its bill and is not on its way back: a surplus whose refund came to nothing."""
        return self.captured_fen - self.refunded_fen - self.reserved_fen if self.surplus else 0


class RefundState(StrEnum):
    REQUESTED = "requested"  # reserved here, perhaps already asked for at WeChat Pay
    PROCESSING = "processing"  # WeChat Pay has it; the bank is at it
    ABNORMAL = "abnormal"  # the payer's account refuses the money: somebody must handle it
    SUCCEEDED = "succeeded"
    CLOSED = "closed"  # WeChat Pay gave it up: the money stays here
    FAILED = "failed"  # WeChat Pay refused it for good: nothing has moved


class Refund(Aggregate, kw_only=True):
    """Money on its way back; its id is WeChat Pay's ``out_refund_no``, the same in every attempt.

    ``asked``: a request may have reached WeChat Pay, so a refusal afterwards must be checked by a query.
    ``pending`` (the order) until the refund is final: what staff have to keep an eye on. ``accepted_at``: when we
    learned that WeChat Pay has it; ``billed_on``: the day in whose bill it was found.
    """

    bill: str
    order: str
    person: str
    payee: str
    title: str
    surplus: bool
    amount_fen: int
    total_fen: int
    reason: str
    refund_id: str | None = None
    accepted_at: datetime | None = None
    billed_on: str | None = None
    asked: bool = False
    pending: str | None = None
    attempts: int = 0
    last_error: str = ""
    request_key: str | None = None


@dataclass(frozen=True)
class PayRules:
    """The city's rules for payments, and the times in which an answer of WeChat Pay is looked for."""

    order_for: timedelta = timedelta(minutes=90)
    query_after: timedelta = timedelta(minutes=15)
    retry_after: timedelta = timedelta(seconds=30)
    refund_query_after: timedelta = timedelta(minutes=1)
    refunds_apart: timedelta = timedelta(seconds=61)
    # The resident's "I have paid" asks WeChat Pay at most so often.
    checks_apart: timedelta = timedelta(seconds=3)
    # How long one process has to itself what it has begun with WeChat Pay.
    lease: timedelta = timedelta(seconds=20)
    # A bill is recalled to mind so long before it is due.
    remind_before: timedelta = timedelta(days=1)
    refunds_per_order: int = 50
