"""Items in MongoDB: one aggregate per code, and its published versions, which never change."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar

import msgspec
from pymongo import ASCENDING

from services.catalogue.model import EditorFilter, EditorLine, ItemRecord, ItemVersion
from services.store import AggregateStore, Index, Store, Transaction, to_document


class ItemStore(AggregateStore[ItemRecord]):
    collection_name: ClassVar[str] = "items"
    record: ClassVar[type[ItemRecord]] = ItemRecord
    # Every process reads all published items when it starts and after a publication.
    indexes: ClassVar[tuple[Index, ...]] = (Index("state", ("state",)),)

    async def published(self) -> AsyncIterator[ItemVersion]:
        """The current version of every published item."""
        # In as few answers as 16 MB each allow: the driver's own first one would hold 101.
        cursor = self._collection.find({"state": "published"}, {"current": 1}, batch_size=10_000)
        async for document in cursor:
            yield msgspec.convert(document["current"], ItemVersion)

    async def page(self, wanted: EditorFilter, after: str, limit: int) -> list[EditorLine]:
        """Items with their drafts, in order of their codes, from behind ``after``."""
        query: dict[str, Any] = {"_id": {"$gt": after}}
        if wanted.state is not None:
            query["state"] = wanted.state
        if wanted.changed is not None:
            query["draft"] = {"$exists": wanted.changed}
        every = [_either("department", wanted.department)] if wanted.department is not None else []
        for word in wanted.words.split() if wanted.words else ():
            pattern = {"$regex": re.escape(word), "$options": "i"}
            every.append({"$or": [{"_id": pattern}, *_either("name", pattern)["$or"]]})
        if every:
            query["$and"] = every
        cursor = self._collection.find(query, _SUMMARY).sort("_id", ASCENDING).limit(limit)
        return [_summary(document) async for document in cursor]

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


_SHOWN = ("name", "department")
_SUMMARY = {"state": 1, "last_number": 1, "updated_at": 1} | {
    f"{place}.{name}": 1 for place in ("draft", "current.content") for name in _SHOWN
}


def _either(name: str, wanted: Any) -> dict[str, list[dict[str, Any]]]:
    return {"$or": [{f"draft.{name}": wanted}, {f"current.content.{name}": wanted}]}


def _summary(document: dict[str, Any]) -> EditorLine:
    draft = document.get("draft")
    shown = draft or document["current"]["content"]
    return EditorLine(
        code=document["_id"],
        name=shown["name"],
        department=shown["department"],
        state=document["state"],
        last_number=document.get("last_number", 0),
        changed=draft is not None,
        updated_at=document["updated_at"],
    )


def _version_id(code: str, number: int) -> str:
    return f"{code}@{number}"


def _version_document(version: ItemVersion) -> dict[str, Any]:
    return {"_id": _version_id(version.content.code, version.number), **to_document(version)}
