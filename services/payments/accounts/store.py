"""Imported accounts in MongoDB, their holders encrypted; and the count of attempts to bind one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from pymongo.errors import DuplicateKeyError

from kernel.clock import Clock
from kernel.ids import Ids
from services.identity.encryption import Cipher
from services.payments.accounts.encryption import HOLDER
from services.payments.accounts.model import Account, AccountKind, account_key
from services.store import AggregateStore, Database, Index, Store

ONE_KEY = "one_account_per_kind_and_number"
_CHUNK = 1000


class AccountStore(AggregateStore[Account]):
    collection_name: ClassVar[str] = "accounts"
    record: ClassVar[type[Account]] = Account
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(ONE_KEY, ("key",), unique=True),
        Index("person", ("person",), sparse=True),
    )

    def __init__(self, database: Database, clock: Clock, ids: Ids, cipher: Cipher) -> None:
        super().__init__(database, clock, ids)
        self._cipher = cipher

    async def seal(self, holder: str) -> bytes:
        return await self._cipher.encrypt(holder, HOLDER)

    async def holder(self, account: Account) -> str:
        """The holder's name in clear."""
        return await self._cipher.decrypt(account.holder)

    async def find(self, kind: AccountKind, number: str) -> Account | None:
        document = await self._collection.find_one({"key": account_key(kind, number)})
        return None if document is None else self.read(document)

    async def many(self, keys: Sequence[str]) -> dict[str, Account]:
        """By key; what is missing is not there."""
        found: dict[str, Account] = {}
        for first in range(0, len(keys), _CHUNK):
            cursor = self._collection.find({"key": {"$in": list(keys[first : first + _CHUNK])}})
            found |= {document["key"]: self.read(document) async for document in cursor}
        return found

    async def of_person(self, person: str) -> list[Account]:
        """What a person has bound, the newest first."""
        found = [self.read(document) async for document in self._collection.find({"person": person})]
        return sorted(found, key=lambda account: account.bound_at or account.created_at, reverse=True)


class BindingAttemptStore(Store):
    """Attempts to bind of one person, or at one account, on one day."""

    collection_name: ClassVar[str] = "binding_attempts"
    indexes: ClassVar[tuple[Index, ...]] = (Index("over", ("over_at",), expire_after=timedelta(0)),)

    async def claim(self, name: str, allowed: int, over_at: datetime) -> bool:
        """Counts one attempt under ``name``. False when ``allowed`` are counted already."""
        change = {"$inc": {"count": 1}, "$setOnInsert": {"over_at": over_at}}
        try:
            await self._collection.update_one({"_id": name, "count": {"$lt": allowed}}, change, upsert=True)
        except DuplicateKeyError:
            return False
        return True
