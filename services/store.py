"""What every capability's store stands on: aggregates whose state, history and outgoing event are one document write.

An aggregate document carries, beside its own fields:

    _id, state, version     version grows by one with each write and guards the next: a write by somebody who has read
                            an older version changes nothing
    history                 [{at, action, from, to, actor, by, note}], appended with every change of state
    outgoing, outgoing_at   events not yet delivered, and when the relay should look (absent: nothing to deliver)
    wake_at                 when a timer has something to do (absent: nothing)

MongoDB writes one document atomically, so state can never change without its history entry and its event, or the
reverse, and no transaction is needed (docs/decisions/0001-one-document-is-one-transaction.md).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar

import msgspec
from msgspec import Struct
from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, DuplicateKeyError

from kernel.clock import Clock
from kernel.ids import Ids, Kind
from kernel.machine import Actor, Edge

Document = dict[str, Any]
Database = AsyncDatabase[Document]
Collection = AsyncCollection[Document]
Transaction = AsyncClientSession


@dataclass(frozen=True)
class Index:
    """An index beside the query that needs it; ``server init`` creates it."""

    name: str
    keys: tuple[str, ...]
    unique: bool = False
    sparse: bool = False
    where: Mapping[str, Any] | None = None
    expire_after: timedelta | None = None

    def model(self) -> IndexModel:
        options: dict[str, Any] = {"name": self.name}
        if self.unique:
            options["unique"] = True
        if self.sparse:
            options["sparse"] = True
        if self.where is not None:
            options["partialFilterExpression"] = dict(self.where)
        if self.expire_after is not None:
            options["expireAfterSeconds"] = int(self.expire_after.total_seconds())
        return IndexModel([(key, ASCENDING) for key in self.keys], **options)


class Duplicate(Exception):
    """A unique index refused the write: ``index`` is its name."""

    def __init__(self, index: str) -> None:
        super().__init__(index)
        self.index = index


class Store:
    """One collection and its indexes. Subclasses name their writes by meaning."""

    collection_name: ClassVar[str]
    indexes: ClassVar[tuple[Index, ...]] = ()

    def __init__(self, database: Database) -> None:
        self._collection: Collection = database[self.collection_name]

    @classmethod
    def all_indexes(cls) -> tuple[Index, ...]:
        return cls.indexes

    async def by_ids(self, ids: list[str]) -> list[Document | None]:
        """Each one's document, in order; one command. What ``Batches`` of reads run."""
        if len(ids) == 1:
            return [await self._collection.find_one({"_id": ids[0]})]
        found = {d["_id"]: d async for d in self._collection.find({"_id": {"$in": sorted(set(ids))}})}
        return [found.get(id_) for id_ in ids]

    async def in_transaction(self, work: Callable[[Transaction], Awaitable[None]]) -> None:
        """Runs ``work`` in a transaction, again when the server asks for it. Only imports need one."""
        async with self._collection.database.client.start_session() as session:
            await session.with_transaction(work)

    def duplicate(self, error: DuplicateKeyError) -> Duplicate:
        """Which unique index refused; ``_id`` when none of ours did."""
        pattern = tuple((error.details or {}).get("keyPattern", {}))
        return Duplicate(next((i.name for i in self.all_indexes() if i.unique and i.keys == pattern), "_id"))


class HistoryEntry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change of state: who did what when."""

    at: datetime
    action: str
    to: str
    source: str = msgspec.field(name="from", default="")
    actor: Actor
    by: str = ""
    note: str = ""


class Event(Struct, frozen=True, kw_only=True):
    """Something that happened to one aggregate, told to the consumers at least once and in the aggregate's order.

    ``data`` holds ids and facts that consumers need, never personal data.
    """

    id: str
    name: str
    aggregate: str
    aggregate_version: int
    at: datetime
    data: dict[str, Any]


class Aggregate(Struct, kw_only=True):
    """What all aggregates have in common; see the module's docstring."""

    id: str = msgspec.field(name="_id")
    state: str
    version: int = 1
    created_at: datetime
    updated_at: datetime
    wake_at: datetime | None = None
    history: list[HistoryEntry] = msgspec.field(default_factory=list)
    outgoing: list[Event] = msgspec.field(default_factory=list)
    outgoing_at: datetime | None = None


@dataclass(frozen=True)
class Step:
    """A change of state about to be written: the edge taken, by whom, what else changes, what the event tells."""

    edge: Edge
    actor: Actor
    by: str = ""
    note: str = ""
    # A value of None removes the field.
    changes: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)


A = TypeVar("A", bound=Aggregate)


class AggregateStore(Store, Generic[A]):
    """Aggregates of one type: created, stepped and read. Everything here is one database command."""

    record: ClassVar[type[Aggregate]]

    # Sparse, because at any moment nearly every aggregate has nothing to deliver and no timer.
    common_indexes: ClassVar[tuple[Index, ...]] = (
        Index("outgoing", ("outgoing_at",), sparse=True),
        Index("wake", ("wake_at",), sparse=True),
    )

    def __init__(self, database: Database, clock: Clock, ids: Ids) -> None:
        super().__init__(database)
        self._clock = clock
        self._ids = ids

    @classmethod
    def all_indexes(cls) -> tuple[Index, ...]:
        return cls.indexes + cls.common_indexes

    def read(self, document: Mapping[str, Any]) -> A:
        """The typed record of a stored document."""
        return msgspec.convert(document, self.record)  # type: ignore[return-value]

    async def get(self, id_: str) -> A | None:
        document = await self._collection.find_one({"_id": id_})
        return None if document is None else self.read(document)

    async def create(self, aggregate: A, step: Step, session: Transaction | None = None) -> A:
        """Inserts a new aggregate with its first history entry and event. Raises Duplicate."""
        document = self._born(aggregate, step)
        try:
            await self._collection.insert_one(document, session=session)
        except DuplicateKeyError as error:
            raise self.duplicate(error) from None
        return self.read(document)

    async def create_many(self, born: Sequence[tuple[A, Step]], session: Transaction) -> None:
        """Inserts new aggregates, 500 a command, inside a transaction: all or none. Raises Duplicate."""
        documents = [self._born(aggregate, step) for aggregate, step in born]
        try:
            for first in range(0, len(documents), 500):
                await self._collection.insert_many(documents[first : first + 500], session=session)
        except BulkWriteError as error:
            faults = (error.details or {}).get("writeErrors", [])
            if not faults or faults[0].get("code") != 11000:
                raise
            raise self.duplicate(DuplicateKeyError("", 11000, faults[0])) from None

    def _born(self, aggregate: A, step: Step) -> Document:
        """A new aggregate as it is stored."""
        now = self._clock.now()
        return to_document(aggregate) | {
            "state": step.edge.target,
            "history": [_entry(step, now, source="")],
            "outgoing": [to_document(self._event(aggregate.id, 1, step, now))],
            "outgoing_at": now,
        }

    async def step(self, aggregate: A, step: Step, session: Transaction | None = None) -> A | None:
        """Writes state, history and event if the aggregate is still at the version that was read.

        Returns the aggregate as written, or None when somebody was faster. Raises Duplicate.
        """
        now = self._clock.now()
        version = aggregate.version + 1
        event = self._event(aggregate.id, version, step, now)
        set_ = {"state": step.edge.target, "version": version, "updated_at": now}
        set_ |= {key: value for key, value in step.changes.items() if value is not None}
        unset = {key: "" for key, value in step.changes.items() if value is None}
        entry = _entry(step, now, source=aggregate.state)
        update: Document = {
            "$set": set_,
            "$push": {"history": entry, "outgoing": to_document(event)},
            # $min, not $set: the relay may have emptied the list since it was read, or be waiting for an earlier event.
            "$min": {"outgoing_at": now},
        }
        if unset:
            update["$unset"] = unset
        guard = {"_id": aggregate.id, "version": aggregate.version}
        try:
            # update_one, not find_one_and_update: as good under a guard, and the embedded server runs it 50x faster.
            result = await self._collection.update_one(guard, update, session=session)
        except DuplicateKeyError as error:
            raise self.duplicate(error) from None
        if result.modified_count != 1:
            return None
        document = to_document(aggregate) | set_
        for key in unset:
            document.pop(key, None)
        document["history"] = [*document.get("history", []), entry]
        document["outgoing"] = [*document.get("outgoing", []), to_document(event)]
        return self.read(document)

    async def due(self, now: datetime, limit: int) -> list[A]:
        """Aggregates whose timer has come, the longest overdue first."""
        cursor = self._collection.find({"wake_at": {"$lte": now}}).sort("wake_at", ASCENDING).limit(limit)
        return [self.read(document) async for document in cursor]

    async def undelivered(self, now: datetime, limit: int) -> list[A]:
        """Aggregates that have events to deliver, the oldest first."""
        cursor = self._collection.find({"outgoing_at": {"$lte": now}}).sort("outgoing_at", ASCENDING).limit(limit)
        return [self.read(document) async for document in cursor]

    async def delivered(self, aggregate_id: str, event_ids: Sequence[str]) -> None:
        """Takes delivered events off. Events that arrived meanwhile stay, and stay due."""
        keep = {"$filter": {"input": "$outgoing", "cond": {"$not": [{"$in": ["$$this.id", list(event_ids)]}]}}}
        # {"$first": "$outgoing.at"} in words that the embedded server understands: it projects no path through a list.
        first_at = {
            "$reduce": {"input": "$outgoing", "initialValue": None, "in": {"$ifNull": ["$$value", "$$this.at"]}}
        }
        await self._collection.update_one(
            {"_id": aggregate_id},
            [
                {"$set": {"outgoing": keep}},
                {"$set": {"outgoing_at": {"$ifNull": [first_at, "$$REMOVE"]}}},
            ],
        )

    async def deliver_later(self, aggregate_id: str, at: datetime) -> None:
        """A consumer failed: this aggregate's events wait, in their order, until ``at``."""
        guard = {"_id": aggregate_id, "outgoing_at": {"$exists": True}}
        await self._collection.update_one(guard, {"$set": {"outgoing_at": at}})

    def _event(self, aggregate_id: str, version: int, step: Step, now: datetime) -> Event:
        return Event(
            id=self._ids.new(Kind.EVENT),
            name=step.edge.event,
            aggregate=aggregate_id,
            aggregate_version=version,
            at=now,
            data=dict(step.data),
        )


def _entry(step: Step, now: datetime, source: str) -> Document:
    return to_document(
        HistoryEntry(
            at=now,
            action=step.edge.action,
            source=source,
            to=step.edge.target,
            actor=step.actor,
            by=step.by,
            note=step.note,
        )
    )


def to_document(record: Struct) -> Document:
    """A record as MongoDB stores it: dates stay dates, fields that are None are left out (sparse indexes skip them)."""
    document: Document = msgspec.to_builtins(record, builtin_types=(datetime, bytes))
    return {key: value for key, value in document.items() if value is not None}


class RevisionStore(Store):
    """Counts the publications of what every process keeps in memory: a process that sees a higher number reads anew."""

    collection_name: ClassVar[str] = "revisions"

    async def bump(self, topic: str, session: Transaction | None = None) -> None:
        await self._collection.update_one({"_id": topic}, {"$inc": {"number": 1}}, upsert=True, session=session)

    async def numbers(self) -> dict[str, int]:
        """Topic -> number; a topic never published is missing."""
        return {document["_id"]: document["number"] async for document in self._collection.find({})}
