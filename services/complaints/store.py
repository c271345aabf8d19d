"""Complaints in MongoDB."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from services.complaints.model import Complaint, State
from services.store import AggregateStore, Index

ONE_REQUEST = "one_complaint_per_request"


class ComplaintStore(AggregateStore[Complaint]):
    collection_name: ClassVar[str] = "complaints"
    record: ClassVar[type[Complaint]] = Complaint
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(ONE_REQUEST, ("request_key",), unique=True, where={"request_key": {"$gt": ""}}),
        Index("person", ("person", "created_at")),
        Index("state", ("state", "due")),
        Index("department", ("department", "state", "due"), sparse=True),
        Index("merged_into", ("merged_into", "state"), sparse=True),
    )

    async def of_person(self, person: str) -> list[Complaint]:
        """The latest first."""
        found = [self.read(d) async for d in self._collection.find({"person": person})]
        return sorted(found, key=lambda c: c.created_at, reverse=True)

    async def in_states(self, states: Sequence[str], department: str | None, limit: int) -> list[Complaint]:
        """Those soonest due first; of one department, or of all."""
        query: dict[str, Any] = {"state": {"$in": list(states)}}
        if department is not None:
            query["department"] = department
        cursor = self._collection.find(query).sort("due", 1).limit(limit)
        return [self.read(d) async for d in cursor]

    async def waiting_for(self, complaint_id: str, limit: int) -> list[Complaint]:
        """Those merged into it that have not got its answer."""
        query = {"merged_into": complaint_id, "state": State.MERGED.value}
        return [self.read(d) async for d in self._collection.find(query).limit(limit)]

    async def set_wake(self, complaint: Complaint, at: datetime | None) -> None:
        """The timer had nothing to do: it looks again at ``at``. No change of state, so no history."""
        update = {"$set": {"wake_at": at}} if at is not None else {"$unset": {"wake_at": ""}}
        await self._collection.update_one({"_id": complaint.id, "version": complaint.version}, update)

    async def of_request(self, request_key: str) -> Complaint | None:
        document = await self._collection.find_one({"request_key": request_key})
        return None if document is None else self.read(document)
