"""Items in MongoDB: one aggregate per code, and its published versions, which never change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar

import msgspec

from services.catalogue.model import ItemRecord, ItemVersion
from services.store import AggregateStore, Index, Store, Transaction, to_document


class ItemStore(AggregateStore[ItemRecord]):
    collection_name: ClassVar[str] = "items"
    record: ClassVar[type[ItemRecord]] = ItemRecord
    # Every process reads all published items when it starts and after a publication.
    indexes: ClassVar[tuple[Index, ...]] = (Index("state", ("state",)),)

    async def published(self) -> AsyncIterator[ItemVersion]:
        """The current version of every published item."""
        cursor = self._collection.find({"state": "published"}, {"current": 1})
        async for document in cursor:
            yield msgspec.convert(document["current"], ItemVersion)

    async def many(self, codes: Sequence[str]) -> dict[str, ItemRecord]:
        cursor = self._collection.find({"_id": {"$in": list(codes)}})
        return {document["_id"]: self.read(document) async for document in cursor}


class ItemVersionStore(Store):
    collection_name: ClassVar[str] = "item_versions"

    async def add(self, versions: Sequence[ItemVersion], session: Transaction | None = None) -> None:
        """Keeps versions about to be published. One that a publication cut short left behind is written over: nobody
        has seen it."""
        for version in versions:
            document = _version_document(version)
            await self._collection.replace_one({"_id": document["_id"]}, document, upsert=True, session=session)

    async def get(self, code: str, number: int) -> ItemVersion | None:
        document = await self._collection.find_one({"_id": _version_id(code, number)})
        return None if document is None else msgspec.convert(document, ItemVersion)


def _version_id(code: str, number: int) -> str:
    return f"{code}@{number}"


def _version_document(version: ItemVersion) -> dict[str, Any]:
    return {"_id": _version_id(version.content.code, version.number), **to_document(version)}
