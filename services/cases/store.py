"""Cases in MongoDB, what is personal encrypted on the way in and out."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

import msgspec
from pymongo import ASCENDING, DESCENDING

from kernel.clock import Clock
from kernel.ids import Ids
from services.cases.encryption import ADDRESS, ANSWERS, PARTY, PROOF
from services.cases.machine import OWNED
from services.cases.model import Case, Party, State
from services.identity.encryption import Cipher
from services.store import AggregateStore, Database, Document, Index

ONE_NUMBER = "one_case_per_number"
ONE_DRAFT = "one_draft_per_person_and_item"
# What one page of a queue holds.
PAGE = 200


class CaseStore(AggregateStore[Case]):
    collection_name: ClassVar[str] = "cases"
    record: ClassVar[type[Case]] = Case
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(ONE_NUMBER, ("number",), unique=True, sparse=True),
        Index(ONE_DRAFT, ("draft_of",), unique=True, sparse=True),
        Index("person", ("person",)),
        Index("owner", ("owner", "state")),
        # Sparse: nearly every case is done and stands in no queue. With the time, so that one page of a long queue is
        # read in its order and not sorted out of the whole of it.
        Index("desk", ("desk", "queued_at"), sparse=True),
        Index("departments", ("departments", "queued_at"), sparse=True),
    )

    def __init__(self, database: Database, clock: Clock, ids: Ids, cipher: Cipher) -> None:
        super().__init__(database, clock, ids)
        self._cipher = cipher

    async def by_number(self, number: str) -> Case | None:
        document = await self._collection.find_one({"number": number})
        return None if document is None else self.read(document)

    async def draft(self, person: str, item: str) -> Case | None:
        document = await self._collection.find_one({"draft_of": draft_of(person, item)})
        return None if document is None else self.read(document)

    async def of_person(self, person: str) -> list[Case]:
        """All of a person's cases, drafts too, the newest first."""
        cursor = self._collection.find({"person": person})
        return sorted([self.read(d) async for d in cursor], key=lambda case: case.created_at, reverse=True)

    async def at_desk(self, centre: str, limit: int = PAGE) -> list[Case]:
        """The window's queue of a centre: what is to be accepted, the longest waiting first; then the results, of which
        the latest, for nobody may ever come for the oldest and all of them must not hide what is new."""
        new = self._collection.find({"desk": centre, "state": State.SUBMITTED}).sort("queued_at", ASCENDING)
        ready = self._collection.find({"desk": centre, "state": State.READY}).sort("queued_at", DESCENDING)
        waiting = [self.read(d) async for d in new.limit(limit)]
        return waiting + [self.read(d) async for d in ready.limit(limit)][::-1]

    async def in_department(self, department: str, limit: int = PAGE) -> list[Case]:
        """A department's queue, the longest waiting first."""
        cursor = self._collection.find({"departments": department}).sort("queued_at", ASCENDING).limit(limit)
        return [self.read(d) async for d in cursor]

    async def owned(self, owner: str, limit: int = PAGE) -> list[Case]:
        """What an officer answers for and is not over, the longest since its receipt first; then the latest results."""
        going: Document = {"owner": owner, "state": {"$in": [state for state in OWNED if state != State.READY]}}
        ready = {"owner": owner, "state": State.READY}
        cursor = self._collection.find(going).sort("submitted_at", ASCENDING).limit(limit)
        done = self._collection.find(ready).sort("submitted_at", DESCENDING).limit(limit)
        return [self.read(d) async for d in cursor] + [self.read(d) async for d in done][::-1]

    async def set_wake(self, case: Case, at: datetime | None) -> None:
        """The timer had nothing to do: it looks again at ``at``. No change of state, so no history."""
        update = {"$set": {"wake_at": at}} if at is not None else {"$unset": {"wake_at": ""}}
        await self._collection.update_one({"_id": case.id, "version": case.version}, update)

    # -- what is personal --------------------------------------------------------------------------------------

    async def seal_party(self, party: Party) -> bytes:
        return await self._cipher.encrypt(msgspec.json.encode(party).decode(), PARTY)

    async def open_party(self, sealed: bytes) -> Party:
        return msgspec.json.decode(await self._cipher.decrypt(sealed), type=Party)

    async def seal_answers(self, answers: dict[str, Any]) -> bytes:
        return await self._cipher.encrypt(msgspec.json.encode(answers).decode(), ANSWERS)

    async def open_answers(self, sealed: bytes | None) -> dict[str, Any]:
        return {} if sealed is None else msgspec.json.decode(await self._cipher.decrypt(sealed), type=dict[str, Any])

    async def seal_address(self, address: str) -> bytes:
        return await self._cipher.encrypt(address, ADDRESS)

    async def open_address(self, sealed: bytes | None) -> str:
        return "" if sealed is None else await self._cipher.decrypt(sealed)

    async def proof(self, number: str, query_code: str, last_four: str) -> bytes:
        """What somebody proves who knows number, query code and the last four characters of the ID number."""
        return await self._cipher.encrypt(f"{number}:{query_code}:{last_four.upper()}", PROOF)


def draft_of(person: str, item: str) -> str:
    return f"{person}/{item}"
