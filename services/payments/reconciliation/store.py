"""Reconciled days and differences in MongoDB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pymongo import ASCENDING

from services.payments.reconciliation.model import Day, Difference
from services.payments.store import TimedStore
from services.store import Index

ONE_CAUSE = "one_difference_per_cause"
_CHUNK = 1000


class DayStore(TimedStore[Day]):
    collection_name: ClassVar[str] = "reconciliations"
    record: ClassVar[type[Day]] = Day

    async def between(self, first: str, last: str) -> list[Day]:
        """The days recorded from ``first`` to ``last`` (YYYY-MM-DD), the newest first."""
        found = [self.read(d) async for d in self._collection.find({"_id": {"$gte": first, "$lt": last + "~"}})]
        return sorted(found, key=lambda day: day.id, reverse=True)

    async def recorded(self) -> list[str]:
        """All days recorded, in order."""
        cursor = self._collection.find({"_id": {"$gt": ""}}, {"_id": 1}).sort("_id", ASCENDING)
        return [str(document["_id"]) async for document in cursor]


class DifferenceStore(TimedStore[Difference]):
    collection_name: ClassVar[str] = "differences"
    record: ClassVar[type[Difference]] = Difference
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(ONE_CAUSE, ("cause",), unique=True),
        Index("day", ("day",)),
        Index("open_number", ("open_number",), sparse=True),
    )

    async def of_day(self, day: str) -> list[Difference]:
        """A day's differences, the oldest first."""
        found = [self.read(document) async for document in self._collection.find({"day": day})]
        return sorted(found, key=lambda one: (one.created_at, one.id))

    async def open_between(self, first: str, last: str) -> dict[str, int]:
        """Day -> how many of its differences are open."""
        window = {"day": {"$gte": first, "$lt": last + "~"}, "state": "open"}
        counts: dict[str, int] = {}
        async for document in self._collection.find(window, {"day": 1}):
            counts[document["day"]] = counts.get(document["day"], 0) + 1
        return counts

    async def open_of(self, numbers: Sequence[str]) -> list[Difference]:
        """Open differences of any day about these orders and refunds."""
        found: list[Difference] = []
        for first in range(0, len(numbers), _CHUNK):
            some = {"open_number": {"$in": list(numbers[first : first + _CHUNK])}}
            found += [self.read(document) async for document in self._collection.find(some)]
        return found

    async def rest(self, difference: Difference, checked: str) -> None:
        """WeChat Pay was asked, and the difference remains: it waits for people. No change of state, so no history."""
        guard = {"_id": difference.id, "version": difference.version}
        await self._collection.update_one(guard, {"$set": {"checked": checked[:500]}, "$unset": {"wake_at": ""}})
