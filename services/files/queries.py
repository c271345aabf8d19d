"""Reading files: by their owner, or by whoever has already checked that the caller may."""

from __future__ import annotations

from collections.abc import Iterable

from kernel.errors import Code, NotFound
from services.files.model import StoredFile
from services.files.store import FileStore


class FileQueries:
    """With ``owner`` given, a file of somebody else is not found; without, the caller has checked the right itself."""

    def __init__(self, store: FileStore) -> None:
        self._store = store

    async def get(self, file_id: str, owner: str | None = None) -> StoredFile:
        """What is known of a file, without its bytes. Raises NotFound FILE_NOT_FOUND."""
        file = await self._store.get(file_id)
        if file is None or (owner is not None and file.owner != owner):
            raise NotFound(Code.FILE_NOT_FOUND, file=file_id)
        return file

    async def many(self, file_ids: Iterable[str]) -> dict[str, StoredFile]:
        """What is known of files, by id; those that are gone are left out."""
        return await self._store.many(sorted(file_ids))

    async def read(self, file_id: str, owner: str | None = None) -> tuple[StoredFile, bytes]:
        """What is known of a file, and its bytes. Raises NotFound FILE_NOT_FOUND."""
        found = await self._store.read(file_id)
        if found is None or (owner is not None and found[0].owner != owner):
            raise NotFound(Code.FILE_NOT_FOUND, file=file_id)
        return found
