"""Files in GridFS: kept once, counted, used, released, deleted, swept; and whole or not there at all."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta
from typing import Any

import pytest
from gridfs import AsyncGridFSBucket

from kernel.clock import ManualClock
from kernel.errors import BanshiError, Code, Conflict, InvalidInput, NotFound, TooLarge
from kernel.ids import Ids, Kind, normalise
from services.files.actions import SWEEP_EVERY, Files
from services.files.model import ContentType, FileRules, Purpose
from services.files.queries import FileQueries
from services.files.store import CHUNK_BYTES, ChunkStore, FileStore, QuotaStore
from services.store import Database
from tests.helpers import create_indexes
from tests.services.files.samples import chunk, jpeg, pdf, png

RULES = FileRules(max_bytes=2_000_000, per_day=4, orphan_for=timedelta(days=7))
DAY = timedelta(days=1)
OWNER, OTHER = "PR-OWNER", "PR-OTHER"


class Shelf:
    """Everything about files over one database."""

    def __init__(self, database: Database, clock: ManualClock, ids: Ids) -> None:
        self.database = database
        self.clock = clock
        self.store, self.chunks, self.quotas = FileStore(database), ChunkStore(database), QuotaStore(database)
        self.files = Files(self.store, self.chunks, self.quotas, clock, ids, RULES)
        self.queries = FileQueries(self.store)

    async def counts(self) -> tuple[int, int]:
        """How many files and chunks there are."""
        counts = [await self.database[name].count_documents({}) for name in ("files.files", "files.chunks")]
        return counts[0], counts[1]


@pytest.fixture
async def shelf(database: Database, clock: ManualClock, ids: Ids) -> Shelf:
    await create_indexes(database, FileStore, ChunkStore, QuotaStore)
    return Shelf(database, clock, ids)


def picture(size: int = 10) -> bytes:
    """A PNG that no other test has."""
    return png(extra=chunk(b"juNk", secrets.token_bytes(size)))


def code_of(error: pytest.ExceptionInfo[Any]) -> Code:
    assert isinstance(error.value, BanshiError)
    return error.value.code


async def test_a_file_of_several_chunks_is_read_back_to_the_byte(shelf: Shelf, database: Database) -> None:
    data = picture(3 * CHUNK_BYTES)
    file = await shelf.files.do_store(OWNER, "../户口簿.jpg", data)
    assert (file.name, file.content_type, file.size) == ("户口簿.png", ContentType.PNG, len(data))
    assert normalise(file.id, Kind.FILE) == file.id
    assert await shelf.queries.read(file.id, OWNER) == (file, data)
    assert await shelf.queries.get(file.id) == file
    # As any driver's GridFS reads it, and under our name, not the sender's.
    stream = await AsyncGridFSBucket(database, "files").open_download_stream(file.id)
    assert (stream.filename, stream.length, await stream.read()) == (file.id, len(data), data)
    assert await shelf.counts() == (1, 4)


async def test_the_same_bytes_again_are_the_same_file_but_of_another_owner_another(shelf: Shelf) -> None:
    data = picture()
    first = await shelf.files.do_store(OWNER, "a.png", data)
    shelf.clock.advance(DAY)
    again = await shelf.files.do_store(OWNER, "b.png", data)
    assert (again.id, again.name) == (first.id, "a.png")
    assert again.orphan_at == shelf.clock.now() + RULES.orphan_for
    foreign = await shelf.files.do_store(OTHER, "a.png", data)
    assert foreign.id != first.id
    with pytest.raises(NotFound) as refused:
        await shelf.queries.read(foreign.id, OWNER)
    assert code_of(refused) is Code.FILE_NOT_FOUND


async def test_the_same_upload_ten_times_at_once_is_one_file_and_leaves_nothing_behind(shelf: Shelf) -> None:
    data = picture(CHUNK_BYTES)
    answers = await asyncio.gather(
        *(shelf.files.do_store(OWNER, "a.png", data) for _ in range(10)), return_exceptions=True
    )
    kept = {answer.id for answer in answers if not isinstance(answer, BaseException)}
    assert len(kept) == 1
    assert all(isinstance(a, Conflict) for a in answers if isinstance(a, BaseException))
    assert await shelf.counts() == (1, 2)


async def test_empty_too_large_and_foreign_content_is_refused_and_nothing_is_kept(shelf: Shelf) -> None:
    with pytest.raises(InvalidInput) as empty:
        await shelf.files.do_store(OWNER, "a.png", b"")
    assert code_of(empty) is Code.FILE_DAMAGED
    with pytest.raises(TooLarge) as large:
        await shelf.files.do_store(OWNER, "a.png", picture(RULES.max_bytes))
    assert large.value.fields["limit"] == RULES.max_bytes
    with pytest.raises(InvalidInput) as page:
        await shelf.files.do_store(OWNER, "a.png", b"<html>")
    assert code_of(page) is Code.FILE_TYPE_NOT_ALLOWED
    assert await shelf.counts() == (0, 0)


async def test_a_person_hands_in_so_many_new_files_a_day_even_all_at_once(shelf: Shelf) -> None:
    answers = await asyncio.gather(
        *(shelf.files.do_store(OWNER, "a.png", picture()) for _ in range(9)), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, Conflict)]
    assert len(refused) == 9 - RULES.per_day
    assert {(error.code, error.fields["limit"]) for error in refused} == {(Code.TOO_MANY_FILES, RULES.per_day)}
    await shelf.files.do_store(OTHER, "a.png", picture())
    shelf.clock.advance(DAY)
    await shelf.files.do_store(OWNER, "a.png", picture())


async def test_a_file_in_use_is_neither_deleted_nor_swept_and_one_released_has_its_days_again(shelf: Shelf) -> None:
    data = picture()
    file = await shelf.files.do_store(OWNER, "a.png", data)
    for _ in range(2):
        (used,) = await shelf.files.do_use(OWNER, [file.id], "CA-1")
        assert (used.uses, used.orphan_at) == (["CA-1"], None)
    await shelf.files.do_use(OWNER, [file.id], "CA-2")
    assert await shelf.queries.get(file.id) == await shelf.files.do_store(OWNER, "a.png", data)
    with pytest.raises(Conflict) as in_use:
        await shelf.files.do_delete(OWNER, file.id)
    assert code_of(in_use) is Code.FILE_IN_USE
    shelf.clock.advance(30 * DAY)
    assert await shelf.files.do_sweep() == 0
    await shelf.files.do_release([file.id, "FL-NONE"], "CA-1")
    assert (await shelf.queries.get(file.id)).uses == ["CA-2"]
    await shelf.files.do_release([file.id], "CA-2")
    await shelf.files.do_release([file.id], "CA-2")
    shelf.clock.advance(RULES.orphan_for)
    assert await shelf.files.do_sweep() == 0
    shelf.clock.advance(SWEEP_EVERY)
    assert await shelf.files.do_sweep() == 1
    assert await shelf.counts() == (0, 0)


async def test_using_files_of_which_one_is_foreign_uses_none_and_names_it(shelf: Shelf) -> None:
    mine = await shelf.files.do_store(OWNER, "a.png", png())
    foreign = await shelf.files.do_store(OTHER, "a.pdf", pdf())
    with pytest.raises(NotFound) as refused:
        await shelf.files.do_use(OWNER, [mine.id, foreign.id, "FL-NONE"], "CA-1")
    assert refused.value.fields["files"] == [foreign.id, "FL-NONE"]
    assert (await shelf.queries.get(mine.id)).uses == []
    assert await shelf.files.do_use(OWNER, [], "CA-1") == []


async def test_the_owner_deletes_an_unused_file_and_may_hand_it_in_again(shelf: Shelf) -> None:
    file = await shelf.files.do_store(OWNER, "a.jpg", jpeg(), Purpose.RESULT)
    with pytest.raises(NotFound):
        await shelf.files.do_delete(OTHER, file.id)
    await shelf.files.do_delete(OWNER, file.id)
    assert await shelf.counts() == (0, 0)
    with pytest.raises(NotFound):
        await shelf.files.do_delete(OWNER, file.id)
    assert (await shelf.files.do_store(OWNER, "a.jpg", jpeg())).id != file.id


async def test_a_removal_cut_short_is_invisible_and_finished_by_the_sweep(shelf: Shelf) -> None:
    data = picture()
    file = await shelf.files.do_store(OWNER, "a.png", data)
    mark = {"$set": {"metadata.removing": True, "metadata.sha256": file.id}}
    await shelf.database["files.files"].update_one({"_id": file.id}, mark)
    for attempt in (shelf.queries.get(file.id), shelf.queries.read(file.id), shelf.files.do_delete(OWNER, file.id)):
        with pytest.raises(NotFound):
            await attempt
    with pytest.raises(NotFound):
        await shelf.files.do_use(OWNER, [file.id], "CA-1")
    again = await shelf.files.do_store(OWNER, "a.png", data)
    assert again.id != file.id
    await shelf.files.do_use(OWNER, [again.id], "CA-1")
    shelf.clock.advance(RULES.orphan_for + DAY)
    assert await shelf.files.do_sweep() == 1
    assert await shelf.counts() == (1, 1)


async def test_the_chunks_of_an_upload_cut_short_are_swept_and_those_of_a_file_stay(shelf: Shelf) -> None:
    kept = await shelf.files.do_store(OWNER, "a.png", picture())
    await shelf.files.do_use(OWNER, [kept.id], "CA-1")
    begun = "FL-CUT-SHORT"
    await shelf.quotas.claim("PR-X:2026-11-23", begun, 5, shelf.clock.now() + DAY)
    await shelf.database["files.chunks"].insert_one({"files_id": begun, "n": 0, "data": b"x"})
    await shelf.files.do_sweep()
    assert await shelf.counts() == (1, 2)
    shelf.clock.advance(3 * DAY)
    await shelf.files.do_sweep()
    assert await shelf.counts() == (1, 1)
    assert await shelf.database["file_quotas"].count_documents({}) == 0
    assert (await shelf.queries.read(kept.id))[0].id == kept.id


async def test_a_file_whose_bytes_are_being_taken_away_is_not_read_in_part(shelf: Shelf) -> None:
    file = await shelf.files.do_store(OWNER, "a.png", picture(2 * CHUNK_BYTES))
    await shelf.database["files.chunks"].delete_many({"files_id": file.id})
    with pytest.raises(NotFound):
        await shelf.queries.read(file.id)
