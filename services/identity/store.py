"""Residents and their sessions in MongoDB; what is personal goes in and out through the cipher."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

import msgspec

from kernel.clock import Clock
from kernel.ids import Ids
from services.batches import Batches
from services.identity.encryption import ID_NUMBER, NAME, OPENID, PHONE, UNIONID, Cipher
from services.identity.model import Person, PersonalData, SessionRecord
from services.store import AggregateStore, Database, Document, Index, Store, to_document

_KEYS = {"openid": OPENID, "unionid": UNIONID, "phone": PHONE, "name": NAME, "id_number": ID_NUMBER}


class PersonStore(AggregateStore[Person]):
    collection_name: ClassVar[str] = "persons"
    record: ClassVar[type[Person]] = Person
    # Sparse: an account without ID number, and a deleted one without openid, are no duplicates of each other.
    indexes: ClassVar[tuple[Index, ...]] = (
        Index("openid", ("openid",), unique=True, sparse=True),
        Index("id_number", ("id_number",), unique=True, sparse=True),
    )

    def __init__(self, database: Database, clock: Clock, ids: Ids, cipher: Cipher) -> None:
        super().__init__(database, clock, ids)
        self._cipher = cipher
        self._reads: Batches[str, Document | None] = Batches(self.by_ids)

    async def get(self, id_: str) -> Person | None:
        """Thousands who come back at once are read together."""
        document = await self._reads.ask(id_)
        return None if document is None else self.read(document)

    async def by_openid(self, openid: str) -> Person | None:
        document = await self._collection.find_one({"openid": await self._cipher.encrypt(openid, OPENID)})
        return None if document is None else self.read(document)

    async def by_id_number(self, id_number: str) -> Person | None:
        document = await self._collection.find_one({"id_number": await self._cipher.encrypt(id_number, ID_NUMBER)})
        return None if document is None else self.read(document)

    async def seal(self, personal: PersonalData) -> dict[str, bytes]:
        """The fields that are given, encrypted: what to write into a Person."""
        given = {field: getattr(personal, field) for field in _KEYS}
        return {f: await self._cipher.encrypt(value, _KEYS[f]) for f, value in given.items() if value is not None}

    async def open(self, person: Person, *fields: str) -> PersonalData:
        """The named fields in clear, all of them if none is named."""
        sealed = {field: getattr(person, field) for field in fields or _KEYS}
        return PersonalData(
            **{f: await self._cipher.decrypt(value) for f, value in sealed.items() if value is not None}
        )


class SessionStore(Store):
    """Sessions of residents, under the SHA-256 of their tokens."""

    collection_name: ClassVar[str] = "sessions"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index("person", ("person_id",)),
        Index("expiry", ("expires_at",), expire_after=timedelta(0)),
    )

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._reads: Batches[str, Document | None] = Batches(self.by_ids)

    async def add(self, session: SessionRecord) -> None:
        await self._collection.insert_one(to_document(session))

    async def get(self, token_hash: str) -> SessionRecord | None:
        """The session, perhaps past its end: MongoDB removes those once a minute."""
        document = await self._reads.ask(token_hash)
        return None if document is None else msgspec.convert(document, SessionRecord)

    async def remove(self, token_hash: str) -> bool:
        """False if there was none."""
        return (await self._collection.delete_one({"_id": token_hash})).deleted_count == 1

    async def remove_all(self, person_id: str) -> list[str]:
        """Ends all sessions of an account; returns the hashes of their tokens."""
        hashes = [record.id for record in await self.of_person(person_id)]
        if hashes:
            await self._collection.delete_many({"_id": {"$in": hashes}})
        return hashes

    async def of_person(self, person_id: str) -> list[SessionRecord]:
        cursor = self._collection.find({"person_id": person_id})
        return [msgspec.convert(document, SessionRecord) async for document in cursor]
