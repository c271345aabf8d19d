"""Dead letters in MongoDB."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from services.events.model import DeadLetter
from services.store import Index, Store, to_document


class DeadLetterStore(Store):
    collection_name: ClassVar[str] = "dead_letters"
    indexes: ClassVar[tuple[Index, ...]] = (Index("at", ("at",)),)

    async def keep(self, letter: DeadLetter) -> None:
        """Once a consumer and event: a second failure of a replay overwrites the first."""
        document = to_document(letter)
        await self._collection.replace_one({"_id": letter.id}, document, upsert=True)

    async def all(self, limit: int = 1000) -> list[DeadLetter]:
        """The oldest first."""
        cursor = self._collection.find({}).sort("at", 1).limit(limit)
        return [msgspec.convert(document, DeadLetter) async for document in cursor]

    async def count(self) -> int:
        return await self._collection.count_documents({})

    async def remove(self, letter_id: str) -> None:
        await self._collection.delete_one({"_id": letter_id})
