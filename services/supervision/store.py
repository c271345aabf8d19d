"""Supervision entries in MongoDB."""

from __future__ import annotations

from typing import ClassVar

from pymongo import DESCENDING

from services.store import AggregateStore, Index
from services.supervision.model import SupervisionEntry

ONE_EVENT = "one_entry_per_event"
PAGE = 200


class SupervisionStore(AggregateStore[SupervisionEntry]):
    collection_name: ClassVar[str] = "supervision"
    record: ClassVar[type[SupervisionEntry]] = SupervisionEntry
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(ONE_EVENT, ("event",), unique=True),
        Index("state", ("state", "created_at")),
        Index("subject", ("subject",)),
    )

    async def of_subject(self, subject: str) -> list[SupervisionEntry]:
        """All of one case, complaint or conversation: a few."""
        return [self.read(document) async for document in self._collection.find({"subject": subject})]

    async def in_state(self, state: str, limit: int = PAGE) -> list[SupervisionEntry]:
        """The newest first."""
        cursor = self._collection.find({"state": state}).sort("created_at", DESCENDING).limit(limit)
        return [self.read(document) async for document in cursor]
