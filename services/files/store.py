"""Files in GridFS (``files.files`` and ``files.chunks``), and how many a person has handed in on a day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar

import msgspec
from gridfs import AsyncGridFSBucket, NoFile
from gridfs.errors import CorruptGridFile
from pymongo.errors import DuplicateKeyError

from services.files.model import StoredFile
from services.store import Database, Document, Index, Store, to_document

BUCKET = "files"
# The chunk size of the GridFS specification.
CHUNK_BYTES = 255 * 1024


class FileStore(Store):
    """What is known of files, as GridFS keeps it: our record is the ``metadata`` of the file's document.

    A file being removed keeps its document, marked, until its bytes are gone; nobody finds it any more.
    """

    collection_name: ClassVar[str] = f"{BUCKET}.files"
    indexes: ClassVar[tuple[Index, ...]] = (
        # Nobody stores the same bytes twice.
        Index("content", ("metadata.owner", "metadata.sha256"), unique=True),
        Index("orphan", ("metadata.orphan_at",), sparse=True),
    )

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._chunks = database[ChunkStore.collection_name]
        self._bucket = AsyncGridFSBucket(database, BUCKET, CHUNK_BYTES)

    async def add(self, file: StoredFile, data: bytes) -> None:
        """Keeps bytes and record, in that order, as the GridFS specification says: a file that is found is whole.

        Not through the bucket, which would look for its indexes with two queries at each upload and stamp the file with
        the machine's clock. Raises Duplicate when the owner has these bytes already.
        """
        await self._chunks.insert_many(list(_chunks(file.id, data)))
        document = {
            "_id": file.id,
            "filename": file.id,
            "length": len(data),
            "chunkSize": CHUNK_BYTES,
            "uploadDate": file.created_at,
            "metadata": _metadata(file),
        }
        try:
            await self._collection.insert_one(document)
        except DuplicateKeyError as error:
            await self._chunks.delete_many({"files_id": file.id})
            raise self.duplicate(error) from None

    async def get(self, file_id: str) -> StoredFile | None:
        return _found(await self._collection.find_one({"_id": file_id}))

    async def by_content(self, owner: str, sha256: str) -> StoredFile | None:
        return _found(await self._collection.find_one({"metadata.owner": owner, "metadata.sha256": sha256}))

    async def many(self, file_ids: Sequence[str]) -> dict[str, StoredFile]:
        cursor = self._collection.find({"_id": {"$in": list(file_ids)}})
        return {file.id: file async for document in cursor if (file := _found(document)) is not None}

    async def read(self, file_id: str) -> tuple[StoredFile, bytes] | None:
        """The record and the bytes; None when there is no such file, or it was removed meanwhile."""
        try:
            stream = await self._bucket.open_download_stream(file_id)
            file = _found({"_id": file_id, "metadata": stream.metadata})
            return None if file is None else (file, await stream.read())
        except (NoFile, CorruptGridFile):
            # Corrupt: a removal took the chunks away under the reader.
            return None

    async def keep_unused(self, file_id: str, orphan_at: datetime) -> bool:
        """Gives an unused file its time anew. False when it is in use, or gone."""
        guard = {"_id": file_id, "metadata.uses": [], "metadata.removing": {"$exists": False}}
        result = await self._collection.update_one(guard, {"$set": {"metadata.orphan_at": orphan_at}})
        return result.matched_count == 1

    async def use(self, owner: str | None, file_ids: Sequence[str], use: str) -> int:
        """Notes that something refers to these files of the owner (None: of anybody); how many there were."""
        guard: Document = {"_id": {"$in": list(file_ids)}, "metadata.removing": {"$exists": False}}
        if owner is not None:
            guard["metadata.owner"] = owner
        change = {"$addToSet": {"metadata.uses": use}, "$unset": {"metadata.orphan_at": ""}}
        return (await self._collection.update_many(guard, change)).matched_count

    async def set_uses(self, file: StoredFile, uses: list[str], orphan_at: datetime | None) -> bool:
        """Replaces the uses that were read. False when somebody has changed them since."""
        change: Document = {"$set": {"metadata.uses": uses}}
        if orphan_at is None:
            change["$unset"] = {"metadata.orphan_at": ""}
        else:
            change["$set"]["metadata.orphan_at"] = orphan_at
        guard = {"_id": file.id, "metadata.uses": file.uses}
        return (await self._collection.update_one(guard, change)).matched_count == 1

    async def orphans(self, now: datetime, limit: int) -> list[str]:
        """Ids of unused files whose time is over, and of those whose removal was cut short."""
        cursor = self._collection.find({"metadata.orphan_at": {"$lt": now}}, {"_id": 1}).limit(limit)
        return [document["_id"] async for document in cursor]

    async def remove(self, file_id: str) -> bool:
        """Removes an unused file: first nobody finds it, then it is gone. False when it is in use.

        Cut short between the two, it is an orphan still, and the next sweep goes on.
        """
        guard = {"_id": file_id, "metadata.uses": []}
        # Its place among the owner's contents is free at once: the same bytes may come again.
        mark = {"$set": {"metadata.removing": True, "metadata.sha256": file_id}}
        if (await self._collection.update_one(guard, mark)).matched_count != 1:
            return False
        await self._chunks.delete_many({"files_id": file_id})
        await self._collection.delete_one({"_id": file_id})
        return True


class ChunkStore(Store):
    """The bytes of files; an upload that was cut short leaves chunks that belong to no file."""

    collection_name: ClassVar[str] = f"{BUCKET}.chunks"
    indexes: ClassVar[tuple[Index, ...]] = (Index("files_id_1_n_1", ("files_id", "n"), unique=True),)

    async def drop(self, file_ids: Sequence[str]) -> None:
        await self._collection.delete_many({"files_id": {"$in": list(file_ids)}})


class QuotaStore(Store):
    """New files of one person on one day, with the ids they were to get: what was begun and never finished is found."""

    collection_name: ClassVar[str] = "file_quotas"
    indexes: ClassVar[tuple[Index, ...]] = (Index("over", ("over_at",)),)

    async def claim(self, name: str, file_id: str, allowed: int, over_at: datetime) -> bool:
        """Counts a file under ``name`` (whose and which day's). False when ``allowed`` are counted already."""
        guard = {"_id": name, "count": {"$lt": allowed}}
        change = {"$inc": {"count": 1}, "$push": {"begun": file_id}, "$set": {"over_at": over_at}}
        try:
            await self._collection.update_one(guard, change, upsert=True)
        except DuplicateKeyError:
            # Either it is full, or somebody made it at the same moment: then the second attempt finds it.
            return (await self._collection.update_one(guard, change)).modified_count == 1
        return True

    async def over(self, now: datetime, limit: int) -> dict[str, list[str]]:
        """Name -> ids begun, of days that are over."""
        cursor = self._collection.find({"over_at": {"$lt": now}}).limit(limit)
        return {document["_id"]: document["begun"] async for document in cursor}

    async def forget(self, name: str) -> None:
        await self._collection.delete_one({"_id": name})


def _chunks(file_id: str, data: bytes) -> Iterator[Document]:
    for number, start in enumerate(range(0, len(data), CHUNK_BYTES)):
        yield {"files_id": file_id, "n": number, "data": data[start : start + CHUNK_BYTES]}


def _metadata(file: StoredFile) -> Document:
    document = to_document(file)
    del document["id"]
    return document


def _found(document: Any) -> StoredFile | None:
    """The record; None when there is none, or only what is left of one being removed."""
    if document is None or "removing" in document["metadata"]:
        return None
    return msgspec.convert({"id": document["_id"], **document["metadata"]}, StoredFile)
