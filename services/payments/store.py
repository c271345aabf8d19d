"""Bills, orders, refunds and the ledger in MongoDB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import msgspec
from msgspec import Struct
from pymongo import DESCENDING
from pymongo.errors import DuplicateKeyError

from services.payments.ledger import Entry
from services.payments.model import Anomaly, Bill, Order, Refund, SubjectKind
from services.store import A, AggregateStore, Database, Document, Index, Store, Transaction, to_document

ONE_REQUEST = "one_bill_per_request"
ONE_LIVE = "one_live_order_per_bill"
ONE_TRANSACTION = "one_order_per_transaction"
ONE_REFUND_REQUEST = "one_refund_per_request"
# Anomalies kept of one order: whoever can make more of them learns nothing new by it.
KEPT_ANOMALIES = 20
_LISTED = 200
# Of one ``$in``: far below MongoDB's 16 MB for a command.
_CHUNK = 1000
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def _chunks(ids: Sequence[str]) -> Iterator[list[str]]:
    for first in range(0, len(ids), _CHUNK):
        yield list(ids[first : first + _CHUNK])


class TimedStore(AggregateStore[A]):
    """Aggregates that a timer works on with calls to the outside, several workers at once."""

    async def lease(self, aggregate: A, until: datetime, changes: Document | None = None) -> bool:
        """Takes the aggregate's timer for oneself until then; False when another worker was faster.

        Whoever dies with a lease leaves it to run out: the timer comes again.
        """
        guard = {"_id": aggregate.id, "wake_at": aggregate.wake_at}
        result = await self._collection.update_one(guard, {"$set": {"wake_at": until, **(changes or {})}})
        return result.modified_count == 1

    async def postpone(self, aggregate: A, wake_at: datetime, error: str = "") -> None:
        """Nothing has become of this attempt: try again at ``wake_at``. No change of state, so no history."""
        set_: Document = {"wake_at": wake_at, "last_error": error[:500]}
        guard = {"_id": aggregate.id, "version": aggregate.version}
        await self._collection.update_one(guard, {"$set": set_, "$inc": {"attempts": 1}})


class BillStore(AggregateStore[Bill]):
    collection_name: ClassVar[str] = "bills"
    record: ClassVar[type[Bill]] = Bill
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(ONE_REQUEST, ("request_key",), unique=True, sparse=True),
        Index("subject", ("subject", "subject_kind")),
        Index("person", ("person", "created_at"), sparse=True),
        Index("account", ("account_number", "account_kind"), sparse=True),
        Index("book_day", ("book_day",), sparse=True),
    )

    async def of_request(self, request_key: str) -> Bill | None:
        document = await self._collection.find_one({"request_key": request_key})
        return None if document is None else self.read(document)

    async def of_subject(self, kind: SubjectKind, subject: str) -> list[Bill]:
        """Bills of a case, booking or account, the newest first."""
        cursor = self._collection.find({"subject": subject, "subject_kind": kind})
        return sorted([self.read(d) async for d in cursor], key=lambda b: b.created_at, reverse=True)

    async def of_requests(self, request_keys: Sequence[str]) -> dict[str, Bill]:
        """Which of these requests have made a bill."""
        found: dict[str, Bill] = {}
        for some in _chunks(request_keys):
            cursor = self._collection.find({"request_key": {"$in": some}})
            found |= {document["request_key"]: self.read(document) async for document in cursor}
        return found

    async def open_of_account(self, kind: str, number: str) -> list[Bill]:
        """What is open of an imported account, the oldest first."""
        cursor = self._collection.find({"account_number": number, "account_kind": kind, "state": "open"})
        return sorted([self.read(d) async for d in cursor], key=lambda b: b.created_at)

    async def of_person(self, person: str) -> list[Bill]:
        """A person's bills, the newest first."""
        cursor = self._collection.find({"person": person})
        return sorted([self.read(d) async for d in cursor], key=lambda b: b.created_at, reverse=True)


class Paid(Struct, frozen=True, kw_only=True):
    """What reconciliation needs of an order."""

    id: str = msgspec.field(name="_id")
    state: str
    amount_fen: int
    captured_fen: int = 0
    transaction_id: str | None = None
    paid_at: datetime | None = None


_MONEY = {"state": 1, "amount_fen": 1, "captured_fen": 1, "transaction_id": 1, "paid_at": 1}


class OrderStore(TimedStore[Order]):
    collection_name: ClassVar[str] = "orders"
    record: ClassVar[type[Order]] = Order
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(ONE_LIVE, ("live_of",), unique=True, sparse=True),
        Index(ONE_TRANSACTION, ("transaction_id",), unique=True, sparse=True),
        Index("bill", ("bill",)),
        Index("book_day", ("book_day",), sparse=True),
        Index("paid_at", ("paid_at",), sparse=True),
        Index("flagged", ("flagged_at",), sparse=True),
    )

    async def paid_between(self, first: datetime, end: datetime) -> list[Paid]:
        """What was paid from ``first`` to before ``end``, by WeChat Pay's own time."""
        cursor = self._collection.find({"paid_at": {"$gte": first, "$lt": end}}, _MONEY)
        return [msgspec.convert(document, Paid) async for document in cursor]

    async def money_of(self, ids: Sequence[str]) -> list[Paid]:
        found: list[Paid] = []
        for some in _chunks(ids):
            cursor = self._collection.find({"_id": {"$in": some}}, _MONEY)
            found += [msgspec.convert(document, Paid) async for document in cursor]
        return found

    async def live(self, bill: str) -> Order | None:
        document = await self._collection.find_one({"live_of": bill})
        return None if document is None else self.read(document)

    async def of_bill(self, bill: str) -> list[Order]:
        """All attempts to pay a bill, the oldest first."""
        found = [self.read(d) async for d in self._collection.find({"bill": bill})]
        return sorted(found, key=lambda o: o.created_at)

    async def may_check(self, order: Order, now: datetime, apart: timedelta) -> bool:
        """Whether the resident's "I have paid" leads to a query now; at most one in ``apart``."""
        rested = [{"checked_at": {"$exists": False}}, {"checked_at": {"$lt": now - apart}}]
        result = await self._collection.update_one({"_id": order.id, "$or": rested}, {"$set": {"checked_at": now}})
        return result.modified_count == 1

    async def note(self, order: Order, error: str) -> None:
        """What went wrong with this order last; the timer stays as it is."""
        await self._collection.update_one({"_id": order.id}, {"$set": {"last_error": error[:500]}})

    async def rest(self, order: Order) -> None:
        """Nothing is left to look at."""
        guard = {"_id": order.id, "version": order.version}
        await self._collection.update_one(guard, {"$unset": {"wake_at": ""}})

    async def flag(self, order: Order, what: str, now: datetime) -> None:
        """Keeps an anomaly for people and wakes the order now, so that WeChat Pay is asked what is true."""
        set_: Document = {"flagged_at": now}
        if order.state in ("created", "awaiting"):
            set_["wake_at"] = now
        update: Document = {"$set": set_}
        if len(order.anomalies) < KEPT_ANOMALIES:
            update["$push"] = {"anomalies": to_document(Anomaly(at=now, what=what[:300]))}
        await self._collection.update_one({"_id": order.id}, update)

    async def flagged(self) -> list[Order]:
        """Orders that somebody should look at, the newest trouble first."""
        flagged = {"flagged_at": {"$gt": _LONG_AGO}}
        cursor = self._collection.find(flagged).sort("flagged_at", DESCENDING).limit(_LISTED)
        return [self.read(d) async for d in cursor]


class RefundStore(TimedStore[Refund]):
    collection_name: ClassVar[str] = "refunds"
    record: ClassVar[type[Refund]] = Refund
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(ONE_REFUND_REQUEST, ("request_key",), unique=True, sparse=True),
        Index("bill", ("bill",)),
        Index("pending", ("pending",), sparse=True),
        Index("accepted_at", ("accepted_at",), sparse=True),
        Index("billed_on", ("billed_on",), sparse=True),
    )

    async def accepted(self, first: datetime, end: datetime) -> list[Refund]:
        """Refunds of which we learned from ``first`` to before ``end`` that WeChat Pay has them."""
        cursor = self._collection.find({"accepted_at": {"$gte": first, "$lt": end}})
        return [self.read(document) async for document in cursor]

    async def billed(self, day: str) -> list[Refund]:
        """Refunds that were found in the bill of a day."""
        return [self.read(document) async for document in self._collection.find({"billed_on": day})]

    async def of_ids(self, ids: Sequence[str]) -> list[Refund]:
        found: list[Refund] = []
        for some in _chunks(ids):
            found += [self.read(document) async for document in self._collection.find({"_id": {"$in": some}})]
        return found

    async def mark_billed(self, ids: Sequence[str], day: str) -> None:
        """Keeps in which day's bill these refunds were found; the first one counts. Moves nothing, so no history."""
        for some in _chunks(ids):
            guard = {"_id": {"$in": some}, "billed_on": {"$exists": False}}
            await self._collection.update_many(guard, {"$set": {"billed_on": day}})

    async def of_request(self, request_key: str) -> Refund | None:
        document = await self._collection.find_one({"request_key": request_key})
        return None if document is None else self.read(document)

    async def of_bill(self, bill: str) -> list[Refund]:
        """A bill's refunds, the oldest first."""
        found = [self.read(d) async for d in self._collection.find({"bill": bill})]
        return sorted(found, key=lambda r: r.created_at)

    async def pending(self) -> list[Refund]:
        """Refunds that are not final, the oldest first."""
        cursor = self._collection.find({"pending": {"$gt": ""}}).limit(_LISTED)
        return sorted([self.read(d) async for d in cursor], key=lambda r: r.created_at)


class Captured(Struct, frozen=True, kw_only=True):
    """The money of one order, for checking the books."""

    id: str = msgspec.field(name="_id")
    bill: str
    captured_fen: int = 0
    refunded_fen: int = 0
    reserved_fen: int = 0
    surplus: bool = False


class Settled(Struct, frozen=True, kw_only=True):
    """The money of one bill, for checking the books."""

    id: str = msgspec.field(name="_id")
    paid_by: str
    paid_fen: int
    refunded_fen: int = 0


class Books(Struct, frozen=True):
    """What a window of days holds, all of it read at one moment."""

    orders: list[Captured]
    bills: list[Settled]
    entries: list[Entry]


class LedgerStore(Store):
    """Entries are only ever added: this class has no other write, and neither has anything else."""

    collection_name: ClassVar[str] = "ledger"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index("book_day", ("book_day",)),
        Index("order", ("order",)),
    )

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._orders = database[OrderStore.collection_name]
        self._bills = database[BillStore.collection_name]

    async def post(self, entry: Entry, session: Transaction) -> None:
        """Adds an entry. Raises Duplicate when its cause has been posted before."""
        try:
            await self._collection.insert_one(to_document(entry), session=session)
        except DuplicateKeyError as error:
            raise self.duplicate(error) from None

    async def let_go(self) -> None:
        """A transaction that does nothing. The embedded server drops the locks of a process that died inside a
        transaction only when they are a minute old *and* another transaction begins (SecantusDB 0.7, transactions.py:
        "reaped opportunistically on every registry access"); MongoDB does it by itself."""

        async def look(session: Transaction) -> None:
            await self._collection.find_one({"_id": ""}, session=session)

        await self.in_transaction(look)

    async def of_order(self, order: str) -> list[Entry]:
        """An order's entries, the capture first."""
        found = [msgspec.convert(d, Entry) async for d in self._collection.find({"order": order})]
        return sorted(found, key=lambda entry: entry.at)

    async def books(self, first: str, last: str) -> Books:
        """Orders, bills and entries of money captured from day ``first`` to ``last`` (YYYY-MM-DD), of one moment.

        One snapshot: between two plain reads a payment could fall, and would look like a difference.
        """
        found: list[Books] = []
        window = {"book_day": {"$gte": first, "$lt": last + "~"}}

        async def read(session: Transaction) -> None:
            money = {"bill": 1, "captured_fen": 1, "refunded_fen": 1, "reserved_fen": 1, "surplus": 1}
            orders = self._orders.find(window, money, session=session)
            captured = [msgspec.convert(d, Captured) async for d in orders]
            bills = self._bills.find(window, {"paid_by": 1, "paid_fen": 1, "refunded_fen": 1}, session=session)
            settled = [msgspec.convert(d, Settled) async for d in bills]
            posted = self._collection.find(window, session=session)
            found.append(Books(captured, settled, [msgspec.convert(d, Entry) async for d in posted]))

        await self.in_transaction(read)
        return found[-1]
