"""Knowledge entries and canned answers in MongoDB."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, ClassVar

import msgspec
from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from services.knowledge.model import CannedAnswer, KnowledgeEntry
from services.store import AggregateStore, Index, Store, to_document

ONE_ORIGIN = "one_origin"


class KnowledgeStore(AggregateStore[KnowledgeEntry]):
    collection_name: ClassVar[str] = "knowledge"
    record: ClassVar[type[KnowledgeEntry]] = KnowledgeEntry
    indexes: ClassVar[tuple[Index, ...]] = (
        Index("state", ("state", "_id")),
        # Sparse: only entries that came from a conversation have an origin, and each origin makes one entry.
        Index(ONE_ORIGIN, ("origin",), unique=True, sparse=True),
    )

    async def published(self) -> AsyncIterator[KnowledgeEntry]:
        async for document in self._collection.find({"state": "published"}):
            yield self.read(document)

    async def page(self, state: str, after: str, limit: int) -> list[KnowledgeEntry]:
        """Entries of one state in order of their ids, from behind ``after``."""
        cursor = self._collection.find({"state": state, "_id": {"$gt": after}}).sort("_id", ASCENDING).limit(limit)
        return [self.read(document) async for document in cursor]

    async def of_origin(self, origin: str) -> KnowledgeEntry | None:
        document = await self._collection.find_one({"origin": origin})
        return None if document is None else self.read(document)


class CannedStore(Store):
    collection_name: ClassVar[str] = "canned_answers"
    indexes: ClassVar[tuple[Index, ...]] = (Index("one_shortcut", ("owner", "shortcut"), unique=True),)

    async def usable_by(self, officer: str) -> list[CannedAnswer]:
        """Everybody's and the officer's own, by short cut."""
        cursor = self._collection.find({"owner": {"$in": ["", officer]}}).sort("shortcut", ASCENDING)
        return [msgspec.convert(document, CannedAnswer) async for document in cursor]

    async def get(self, id_: str) -> CannedAnswer | None:
        document: dict[str, Any] | None = await self._collection.find_one({"_id": id_})
        return None if document is None else msgspec.convert(document, CannedAnswer)

    async def add(self, answer: CannedAnswer) -> None:
        """Raises Duplicate."""
        try:
            await self._collection.insert_one(to_document(answer))
        except DuplicateKeyError as error:
            raise self.duplicate(error) from None

    async def replace(self, answer: CannedAnswer, seen: CannedAnswer) -> bool:
        """False when somebody else has changed or removed it since ``seen``. Raises Duplicate."""
        guard = {"_id": answer.id, "updated_at": seen.updated_at}
        try:
            result = await self._collection.replace_one(guard, to_document(answer))
        except DuplicateKeyError as error:
            raise self.duplicate(error) from None
        return result.matched_count == 1

    async def remove(self, id_: str) -> bool:
        return (await self._collection.delete_one({"_id": id_})).deleted_count == 1
