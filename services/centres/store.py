"""Centres in MongoDB: some hundreds of documents, read whole into every process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
from pymongo import ReplaceOne

from services.centres.model import Centre
from services.store import Store, Transaction


class CentreStore(Store):
    collection_name: ClassVar[str] = "centres"

    async def replace(self, centres: Sequence[Centre]) -> None:
        """Writes each centre whole, new or known; all of them or none."""
        writes = [ReplaceOne({"_id": c.code}, _document(c), upsert=True) for c in centres]

        async def write(session: Transaction) -> None:
            await self._collection.bulk_write(writes, session=session)

        if writes:
            await self.in_transaction(write)

    async def all(self) -> list[Centre]:
        return [_read(document) async for document in self._collection.find({})]


def _document(centre: Centre) -> dict[str, Any]:
    # Dates as ISO text: a closure is about days in Weihai, and MongoDB only knows instants.
    return {"_id": centre.code, **msgspec.to_builtins(centre)}


def _read(document: dict[str, Any]) -> Centre:
    document.pop("_id")
    return msgspec.convert(document, Centre)
