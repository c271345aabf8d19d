"""One day's bill against what we have: a function of its arguments, without database, clock or network.

theirs      the bill's payments, less its refunds that were not closed
ours        the payments with WeChat Pay's time on this day, less the refunds it has had from us on this day
theirs - ours = the gaps of all differences, exactly
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gateways.wechat_pay import BillKind, BillRow
from services.payments.model import OrderState, RefundState
from services.payments.reconciliation.model import DifferenceKind, Totals

CLOSED_AT_WECHAT = "CLOSED"
# Refunds whose money stays here.
_NOT_SENT = frozenset({RefundState.CLOSED, RefundState.FAILED})


@dataclass(frozen=True, slots=True)
class OurPayment:
    """An order of ours. ``expected``: paid on this day, by WeChat Pay's own time as it told it."""

    id: str
    state: str
    captured_fen: int
    transaction_id: str | None
    expected: bool


@dataclass(frozen=True, slots=True)
class OurRefund:
    """A refund of ours. ``expected``: this day's bill should have it."""

    id: str
    order: str
    state: str
    amount_fen: int
    expected: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A difference as it is found; the fields are those of Difference."""

    kind: DifferenceKind
    number: str
    order: str | None = None
    transaction_id: str | None = None
    ours_fen: int | None = None
    theirs_fen: int | None = None
    gap_fen: int = 0
    detail: str = ""

    def cause(self, day: str) -> str:
        return f"{day}:{self.kind.value}:{self.number}:{self.ours_fen}:{self.theirs_fen}"


def causes(day: str, found: Iterable[Found]) -> dict[str, Found]:
    """What names each difference for ever; of several that are alike (a row three times) each has its number."""
    named: dict[str, Found] = {}
    for one in found:
        cause, number = one.cause(day), 1
        while (name := cause if number == 1 else f"{cause}:{number}") in named:
            number += 1
        named[name] = one
    return named


@dataclass
class Comparison:
    """``billed``: our refunds that this bill has."""

    totals: Totals
    differences: list[Found] = field(default_factory=list)
    billed: list[str] = field(default_factory=list)


def compare(
    rows: Sequence[BillRow],
    payments: Iterable[OurPayment],
    refunds: Iterable[OurRefund],
    fee_basis_points: int,
) -> Comparison:
    """``payments`` and ``refunds``: all that is expected on this day, and all that a row names."""
    day = _Day({one.id: one for one in payments}, {one.id: one for one in refunds}, fee_basis_points)
    for row in rows:
        day.take(row)
    return day.result(rows)


class _Day:
    def __init__(self, payments: Mapping[str, OurPayment], refunds: Mapping[str, OurRefund], basis_points: int) -> None:
        self._payments, self._refunds, self._basis_points = payments, refunds, basis_points
        self._found: list[Found] = []
        self._seen: set[tuple[BillKind, str]] = set()
        self._billed: list[str] = []
        self._their_refunds = 0
        # Refunds that count as ours on this day without being expected: this bill has them.
        self._our_refunds: dict[str, int] = {}

    def take(self, row: BillRow) -> None:
        number = (row.out_refund_no or "") if row.kind is BillKind.REFUND else row.out_trade_no
        self._check_fee(row, number)
        twice = (row.kind, number) in self._seen
        self._seen.add((row.kind, number))
        if row.kind is BillKind.REFUND:
            theirs = 0 if row.refund_state == CLOSED_AT_WECHAT else int(row.refund_requested)
            self._their_refunds += theirs
            if twice:
                self._add(DifferenceKind.DUPLICATE_ROW, row, number, None, theirs, -theirs, "退款在账单中重复出现")
            else:
                self._refund(row, number, theirs)
        elif twice:
            theirs = int(row.order_total)
            self._add(DifferenceKind.DUPLICATE_ROW, row, number, None, theirs, theirs, "支付在账单中重复出现")
        elif row.kind is BillKind.REVOKED:
            self._add(DifferenceKind.STATE_DIFFERS, row, number, None, None, int(row.order_total), "微信支付已撤销")
        else:
            self._payment(row, number)

    def _payment(self, row: BillRow, number: str) -> None:
        theirs, ours = int(row.order_total), self._payments.get(number)
        if ours is None:
            self._add(DifferenceKind.MISSING_WITH_US, row, number, None, theirs, theirs, "本系统没有这个订单")
            return
        if ours.state != OrderState.PAID:
            detail = f"订单状态为 {ours.state}，没有入账"
            self._add(DifferenceKind.MISSING_WITH_US, row, number, None, theirs, theirs, detail, ours.id)
            return
        if ours.transaction_id != row.transaction_id:
            detail = f"本系统记为 {ours.transaction_id}"
            self._add(DifferenceKind.TRANSACTION_DIFFERS, row, number, None, None, 0, detail, ours.id)
        gap = theirs - ours.captured_fen
        if not ours.expected:
            detail = "支付时间不在账单日"
            self._add(DifferenceKind.DAY_DIFFERS, row, number, ours.captured_fen, theirs, theirs, detail, ours.id)
        elif gap:
            self._add(DifferenceKind.AMOUNT_DIFFERS, row, number, ours.captured_fen, theirs, gap, "", ours.id)

    def _refund(self, row: BillRow, number: str, theirs: int) -> None:
        ours = self._refunds.get(number)
        if ours is None:
            detail = "本系统没有这笔退款"
            self._add(DifferenceKind.REFUND_MISSING_WITH_US, row, number, None, theirs, -theirs, detail)
            return
        self._billed.append(number)
        counted = 0 if ours.state in _NOT_SENT else ours.amount_fen
        self._our_refunds[number] = counted
        gap = counted - theirs
        closed = row.refund_state == CLOSED_AT_WECHAT
        agree = (ours.state in _NOT_SENT) == closed
        late = row.refund_state == "SUCCESS" and ours.state != RefundState.SUCCEEDED
        if ours.state == RefundState.REQUESTED:
            detail = "退款尚未受理记账"
            self._add(DifferenceKind.REFUND_MISSING_WITH_US, row, number, counted, theirs, gap, detail, ours.order)
        elif not agree or late:
            detail = f"微信支付 {row.refund_state}，本系统 {ours.state}"
            self._add(DifferenceKind.STATE_DIFFERS, row, number, counted, theirs, gap, detail, ours.order)
        elif gap:
            self._add(DifferenceKind.REFUND_AMOUNT_DIFFERS, row, number, counted, theirs, gap, "", ours.order)

    def _check_fee(self, row: BillRow, number: str) -> None:
        """Half up to the fen, of what was settled; given back with a refund."""
        base = int(row.refund_requested) if row.kind is BillKind.REFUND else int(row.order_total)
        due = (base * self._basis_points + 5000) // 10000
        due = -due if row.kind is BillKind.REFUND else due
        if due != row.fee:
            detail = f"费率 {row.fee_rate}，应收 {due} 分，实收 {row.fee} 分"
            self._add(DifferenceKind.FEE, row, number, due, int(row.fee), 0, detail)

    def _add(
        self, kind: DifferenceKind, row: BillRow, number: str, ours: int | None, theirs: int | None, gap: int,
        detail: str, order: str | None = None,
    ) -> None:  # fmt: skip
        self._found.append(Found(kind, number, order, row.transaction_id, ours, theirs, gap, detail))

    def result(self, rows: Sequence[BillRow]) -> Comparison:
        payments = [one for one in self._payments.values() if one.expected]
        for one in payments:
            if (BillKind.SUCCESS, one.id) not in self._seen:
                amount = one.captured_fen
                self._found.append(
                    Found(
                        DifferenceKind.MISSING_AT_WECHAT, one.id, one.id, one.transaction_id, amount, None, -amount,
                        "账单中没有这笔支付",
                    )
                )  # fmt: skip
        for refund in self._refunds.values():
            if refund.expected and refund.id not in self._our_refunds:
                amount = 0 if refund.state in _NOT_SENT else refund.amount_fen
                if amount == 0:
                    continue
                self._our_refunds[refund.id] = amount
                kind, detail = DifferenceKind.REFUND_MISSING_AT_WECHAT, "账单中没有这笔退款"
                self._found.append(Found(kind, refund.id, refund.order, None, amount, None, amount, detail))
        ours, back = sum(one.captured_fen for one in payments), sum(self._our_refunds.values())
        paid = sum(int(row.order_total) for row in rows if row.kind is not BillKind.REFUND)
        gaps = sum(one.gap_fen for one in self._found)
        totals = Totals(
            rows=len(rows), their_payments_fen=paid, their_refunds_fen=self._their_refunds,
            fees_fen=sum(int(row.fee) for row in rows), our_payments=len(payments), our_payments_fen=ours,
            our_refunds=len(self._our_refunds), our_refunds_fen=back, differences=len(self._found),
            unexplained_fen=(paid - self._their_refunds) - (ours - back) - gaps,
        )  # fmt: skip
        return Comparison(totals, self._found, self._billed)
