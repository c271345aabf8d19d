"""Handing in files, referring to them, and removing those that nothing refers to."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec

from kernel.clock import Clock, local_day
from kernel.errors import Code, Conflict, InvalidInput, NotFound, TooLarge
from kernel.ids import Ids, Kind
from services.files.content import inspect
from services.files.model import FileRules, Purpose, StoredFile
from services.files.names import shown_name
from services.files.store import ChunkStore, FileStore, QuotaStore
from services.store import Duplicate

# Orphans wait for days: looking for them more often would only cost.
SWEEP_EVERY = timedelta(minutes=10)
SWEEP_BATCH = 100
# How long after its day a count is kept: longer than any upload takes.
QUOTA_KEPT = timedelta(days=2)
ATTEMPTS = 5


class Files:
    """A file is kept once per owner and content; it stays while something refers to it, and some days if nothing does.

    Whoever refers to files calls ``do_use`` before it writes the reference, and ``do_release`` after it has dropped
    it: cut short between the two, a file is kept too long, never too short. Who may drop a file and take it up again
    at the same moment names its uses by ``versioned_use`` and drops by ``do_drop``: what is late then takes away
    nothing newer.
    """

    def __init__(
        self, store: FileStore, chunks: ChunkStore, quotas: QuotaStore, clock: Clock, ids: Ids, rules: FileRules
    ) -> None:
        self._store = store
        self._chunks = chunks
        self._quotas = quotas
        self._clock = clock
        self._ids = ids
        self._rules = rules
        self._next_sweep: datetime | None = None

    async def do_store(
        self, owner: str, name: str, data: bytes, purpose: Purpose = Purpose.MATERIAL, *, officer: bool = False
    ) -> StoredFile:
        """Keeps a file. The same bytes again, under whatever name, are the file that the owner has already.

        ``officer``: the owner scans for everybody who comes to the window, and may hand in more on a day.

        Raises TooLarge with the limit in bytes, InvalidInput FILE_TYPE_NOT_ALLOWED or FILE_DAMAGED with the reason,
        Conflict TOO_MANY_FILES with the limit of a day.
        """
        check_size(len(data), self._rules.max_bytes)
        # Ten megabytes take some tens of milliseconds: not on the loop that serves everybody.
        content = await asyncio.to_thread(inspect, data)
        sha256 = await asyncio.to_thread(lambda: hashlib.sha256(content.data).hexdigest())
        now = self._clock.now()
        orphan_at = now + self._rules.orphan_for
        if (known := await self._known(owner, sha256, orphan_at)) is not None:
            return known
        file = StoredFile(
            id=self._ids.new(Kind.FILE),
            owner=owner,
            name=shown_name(name, content.content_type),
            content_type=content.content_type,
            size=len(content.data),
            sha256=sha256,
            created_at=now,
            purpose=purpose,
            flags=list(content.flags),
            orphan_at=orphan_at,
        )
        day = f"{owner}:{local_day(now).isoformat()}"
        allowed = self._rules.per_day_officer if officer else self._rules.per_day
        if not await self._quotas.claim(day, file.id, allowed, now + QUOTA_KEPT):
            raise Conflict(Code.TOO_MANY_FILES, limit=allowed)
        try:
            await self._store.add(file, content.data)
        except Duplicate:
            # The same upload twice at the same moment: the other one was faster.
            known = await self._store.by_content(owner, sha256)
            if known is None:
                raise Conflict from None
            return known
        return file

    async def do_use(self, owner: str, file_ids: Sequence[str], use: str) -> list[StoredFile]:
        """Notes that ``use`` (a case's id) refers to files of the owner; doing it again changes nothing.

        Returns them in the order given. Raises NotFound FILE_NOT_FOUND with ``files``, all ids that are not there or
        not the owner's; then nothing is noted.
        """
        wanted = list(dict.fromkeys(file_ids))
        found = await self._store.many(wanted)
        missing = [file_id for file_id in wanted if file_id not in found or found[file_id].owner != owner]
        if missing:
            raise NotFound(Code.FILE_NOT_FOUND, files=missing)
        if wanted and await self._store.use(owner, wanted, use) != len(wanted):
            raise Conflict
        return [_with_use(found[file_id], use) for file_id in file_ids]

    async def do_share(self, file_ids: Sequence[str], use: str) -> None:
        """Notes that ``use`` too refers to files that something refers to already, whoever has handed them in."""
        if file_ids:
            await self._store.use(None, file_ids, use)

    async def do_release(self, file_ids: Sequence[str], use: str) -> None:
        """``use`` refers to these files no longer; what nothing refers to any more has its days from now on."""
        await self._release(file_ids, lambda other: other == use)

    async def do_drop(self, file_ids: Sequence[str], subject: str, version: int) -> None:
        """Since this version ``subject`` refers to these files no longer: its uses up to the version are released."""
        await self._release(file_ids, lambda use: use_subject(use) == subject and use_version(use) <= version)

    async def _release(self, file_ids: Sequence[str], gone: Callable[[str], bool]) -> None:
        for file_id in file_ids:
            for _ in range(ATTEMPTS):
                file = await self._store.get(file_id)
                if file is None or not any(map(gone, file.uses)):
                    break
                left = [use for use in file.uses if not gone(use)]
                orphan_at = None if left else self._clock.now() + self._rules.orphan_for
                if await self._store.set_uses(file, left, orphan_at):
                    break
            else:
                raise Conflict

    async def do_delete(self, owner: str, file_id: str) -> None:
        """Removes a file at its owner's wish. Raises NotFound FILE_NOT_FOUND, Conflict FILE_IN_USE."""
        file = await self._store.get(file_id)
        if file is None or file.owner != owner:
            raise NotFound(Code.FILE_NOT_FOUND, file=file_id)
        if not await self._store.remove(file_id):
            raise Conflict(Code.FILE_IN_USE, file=file_id)

    async def do_sweep(self) -> int:
        """Removes files that nothing refers to and whose days are over, and what cut-short uploads left behind.

        Looks every ten minutes, however often it is called; returns how many it removed.
        """
        now = self._clock.now()
        if self._next_sweep is not None and now < self._next_sweep:
            return 0
        orphans = await self._store.orphans(now, SWEEP_BATCH)
        removed = sum([await self._store.remove(file_id) for file_id in orphans])
        for name, begun in (await self._quotas.over(now, SWEEP_BATCH)).items():
            kept = await self._store.many(begun)
            await self._chunks.drop([file_id for file_id in begun if file_id not in kept])
            await self._quotas.forget(name)
        # A full batch: there are more.
        self._next_sweep = now if len(orphans) == SWEEP_BATCH else now + SWEEP_EVERY
        return removed

    async def _known(self, owner: str, sha256: str, orphan_at: datetime) -> StoredFile | None:
        """The owner's file with these bytes, sure to stay a while."""
        known = await self._store.by_content(owner, sha256)
        if known is None or known.uses:
            return known
        if await self._store.keep_unused(known.id, orphan_at):
            return msgspec.structs.replace(known, orphan_at=orphan_at)
        # Somebody has used or removed it this moment.
        return await self._store.by_content(owner, sha256)


def versioned_use(subject: str, version: int, token: str) -> str:
    """The use of a file by one version of a subject (a case's id), of one attempt to write that version."""
    return f"{subject}#{version}.{token}"


def use_subject(use: str) -> str:
    return use.partition("#")[0]


def use_version(use: str) -> int:
    """0 for a use without a version."""
    return int(use.partition("#")[2].partition(".")[0] or 0)


def too_large(limit: int) -> TooLarge:
    """The refusal of a file over ``limit`` bytes, with what to do about it."""
    most = f"文件太大，单个文件不超过 {limit // (1024 * 1024)} MB，请压缩或重新拍照后再上传。"
    return TooLarge(detail=most, field="file", limit=limit)


def check_size(size: int, limit: int) -> None:
    """Raises TooLarge, or InvalidInput for no bytes at all."""
    if size > limit:
        raise too_large(limit)
    if not size:
        raise InvalidInput(Code.FILE_DAMAGED, "文件是空的，请重新选择。", field="file", reason="empty")


def _with_use(file: StoredFile, use: str) -> StoredFile:
    uses = file.uses if use in file.uses else [*file.uses, use]
    return msgspec.structs.replace(file, uses=uses, orphan_at=None)
