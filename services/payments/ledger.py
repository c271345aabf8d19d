"""The double-entry ledger: every movement of money is one immutable document that holds exactly two lines.

    capture         debit wechat:clearing       credit collected:<payee>
    refund          debit collected:<payee>     credit wechat:clearing
    of a surplus    the same with surplus:residents instead of collected:<payee>: it never was the city's

One document and not two, so that half a movement cannot exist; its ``_id`` is its cause (order or refund id), so that
nothing can be posted twice; ``debit`` and ``credit`` name the two accounts and share one amount, so that the two lines
cannot differ. Fees and what reconciliation finds are movements of the same form with causes of their own:

    fee             debit fees:wechat           credit wechat:clearing     (the reverse when they are given back)
    write_off       between wechat:clearing and differences:written_off, by what WeChat Pay has more or less than we
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct

CLEARING: Final = "wechat:clearing"
SURPLUS: Final = "surplus:residents"
FEES: Final = "fees:wechat"
WRITTEN_OFF: Final = "differences:written_off"


class Movement(StrEnum):
    CAPTURE = "capture"
    REFUND = "refund"
    FEE = "fee"
    WRITE_OFF = "write_off"


# What moves an order's money; the others have no order.
OF_ORDERS: Final = frozenset({Movement.CAPTURE, Movement.REFUND})


class Line(Struct, frozen=True, kw_only=True):
    """One of the two lines; exactly one of the amounts is not 0."""

    account: str
    debit_fen: int = 0
    credit_fen: int = 0


class Entry(Struct, frozen=True, kw_only=True):
    """One movement. ``book_day`` is the day (Shanghai) of the order's capture, also on its refunds: all that belongs to
    one order is found in one window of days."""

    id: str = msgspec.field(name="_id")
    kind: Movement
    at: datetime
    book_day: str
    bill: str
    order: str
    debit: str
    credit: str
    amount_fen: int
    by_hand: bool = False

    @property
    def lines(self) -> tuple[Line, Line]:
        return (
            Line(account=self.debit, debit_fen=self.amount_fen),
            Line(account=self.credit, credit_fen=self.amount_fen),
        )


def collected(payee: str, *, surplus: bool) -> str:
    """The account that a payment is credited to."""
    return SURPLUS if surplus else f"collected:{payee}"


def balances(entries: list[Entry]) -> dict[str, int]:
    """Account -> debits minus credits, in fen; all of them add up to 0."""
    sums: dict[str, int] = {}
    for line in (line for entry in entries for line in entry.lines):
        sums[line.account] = sums.get(line.account, 0) + line.debit_fen - line.credit_fen
    return sums
