"""Read views of bills, orders, refunds and the books."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from kernel.clock import Clock, local_day
from kernel.errors import Code, InvalidInput, NotFound
from services.payments.ledger import OF_ORDERS, Entry, Movement, balances
from services.payments.model import Bill, Order, Refund, SubjectKind
from services.payments.store import BillStore, Books, Captured, LedgerStore, OrderStore, RefundStore

# Days of capture that one check of the books reads at most.
MAX_DAYS = 31


@dataclass(frozen=True, slots=True)
class BooksReport:
    """What the books of some days add up to. ``differences`` is empty when every order agrees with its entries."""

    first: date
    last: date
    orders: int
    entries: int
    captured_fen: int
    refunded_fen: int
    ledger_fen: int
    balances: dict[str, int]
    differences: list[str]


class PaymentQueries:
    """Nothing here changes anything."""

    def __init__(
        self, bills: BillStore, orders: OrderStore, refunds: RefundStore, ledger: LedgerStore, clock: Clock
    ) -> None:
        self._bills = bills
        self._orders = orders
        self._refunds = refunds
        self._ledger = ledger
        self._clock = clock

    # -- residents ---------------------------------------------------------------------------------------------

    async def mine(self, person: str) -> list[Bill]:
        """A person's bills, the newest first."""
        return await self._bills.of_person(person)

    async def bill(self, person: str, bill_id: str) -> Bill:
        """Raises NotFound also for somebody else's bill."""
        bill = await self._bills.get(bill_id)
        if bill is None or bill.person != person:
            raise NotFound(Code.BILL_NOT_FOUND, bill=bill_id)
        return bill

    async def order(self, person: str, order_id: str) -> Order:
        """Raises NotFound also for somebody else's order."""
        order = await self._orders.get(order_id)
        if order is None or order.person != person:
            raise NotFound(Code.ORDER_NOT_FOUND, order=order_id)
        return order

    # -- other capabilities and staff --------------------------------------------------------------------------

    async def of_subject(self, kind: SubjectKind, subject: str) -> list[Bill]:
        """The bills of a case, a booking or an account, the newest first."""
        return await self._bills.of_subject(kind, subject)

    async def any(self, bill_id: str) -> Bill:
        """For staff. Raises NotFound."""
        bill = await self._bills.get(bill_id)
        if bill is None:
            raise NotFound(Code.BILL_NOT_FOUND, bill=bill_id)
        return bill

    async def orders_of(self, bill_id: str) -> list[Order]:
        return await self._orders.of_bill(bill_id)

    async def refunds_of(self, bill_id: str) -> list[Refund]:
        return await self._refunds.of_bill(bill_id)

    async def flagged(self) -> list[Order]:
        """Orders with anomalies."""
        return await self._orders.flagged()

    async def pending_refunds(self) -> list[Refund]:
        """Refunds that are not final."""
        return await self._refunds.pending()

    async def entries_of(self, order_id: str) -> list[Entry]:
        return await self._ledger.of_order(order_id)

    async def check_books(self, first: date | None = None, last: date | None = None) -> BooksReport:
        """Whether captured - refunded = ledger, order by order, for what was captured from ``first`` to ``last``
        (default: the last seven days). True at every moment: all is read in one snapshot.

        Raises InvalidInput for more than 31 days.
        """
        last = last or local_day(self._clock.now())
        first = first or last - timedelta(days=6)
        if not 0 <= (last - first).days < MAX_DAYS:
            raise InvalidInput(field="first", reason=f"1 to {MAX_DAYS} days")
        books = await self._ledger.books(first.isoformat(), last.isoformat())
        captured = sum(order.captured_fen for order in books.orders)
        refunded = sum(order.refunded_fen for order in books.orders)
        sums = balances(books.entries)
        money = [entry for entry in books.entries if entry.kind in OF_ORDERS]
        ledger = sum(e.amount_fen if e.kind is Movement.CAPTURE else -e.amount_fen for e in money)
        found = _differences(books)
        if captured - refunded != ledger:
            found.append(f"captured {captured} - refunded {refunded} is not the ledger's {ledger}")
        return BooksReport(first, last, len(books.orders), len(books.entries), captured, refunded, ledger, sums, found)


def _differences(books: Books) -> list[str]:
    """Every order against its entries, every bill against the order that settled it, one line for each difference."""
    found: list[str] = []
    by_order: dict[str, list[Entry]] = {}
    for entry in (one for one in books.entries if one.kind in OF_ORDERS):
        by_order.setdefault(entry.order, []).append(entry)
    orders = {order.id: order for order in books.orders}
    found += [f"{id_}: entries without an order" for id_ in by_order.keys() - orders.keys()]
    for order in books.orders:
        found += _faults(order, by_order.get(order.id, []))
    for bill in books.bills:
        payer = orders.get(bill.paid_by)
        if payer is None or (bill.paid_fen, bill.refunded_fen) != (payer.captured_fen, payer.refunded_fen):
            found.append(f"{bill.id}: not what {bill.paid_by} says")
    settled = {bill.paid_by for bill in books.bills}
    found += [f"{order.id}: settles no bill" for order in books.orders if not order.surplus and order.id not in settled]
    return found


def _faults(order: Captured, entries: list[Entry]) -> list[str]:
    captures = [entry for entry in entries if entry.kind is Movement.CAPTURE]
    refunds = [entry for entry in entries if entry.kind is Movement.REFUND]
    found = []
    if [entry.id for entry in captures] != [order.id] or captures[0].amount_fen != order.captured_fen:
        found.append(f"{order.id}: captured {order.captured_fen}, entries {[e.amount_fen for e in captures]}")
    if sum(entry.amount_fen for entry in refunds) != order.refunded_fen:
        found.append(f"{order.id}: refunded {order.refunded_fen}, entries {[e.amount_fen for e in refunds]}")
    if order.reserved_fen < 0 or order.refunded_fen + order.reserved_fen > order.captured_fen:
        found.append(f"{order.id}: refunded and reserved are more than captured")
    other = {entry.credit for entry in captures} ^ {entry.debit for entry in refunds} if refunds else set()
    if other or any(account.startswith("collected:") == order.surplus for account in {e.credit for e in captures}):
        found.append(f"{order.id}: posted to other accounts {sorted(other)}")
    return found
