"""Staff accounts, their sessions, attempts to sign in, and the audit, in MongoDB."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

import msgspec
from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError

from kernel.errors import Unavailable
from services.identity.staff.model import AuditEntry, StaffAccount, StaffSessionRecord
from services.store import AggregateStore, Document, Index, Store, to_document


class StaffStore(AggregateStore[StaffAccount]):
    collection_name: ClassVar[str] = "staff"
    record: ClassVar[type[StaffAccount]] = StaffAccount
    indexes: ClassVar[tuple[Index, ...]] = (Index("username", ("username",), unique=True),)

    async def by_username(self, username: str) -> StaffAccount | None:
        document = await self._collection.find_one({"username": username})
        return None if document is None else self.read(document)

    async def page(self, after: str, limit: int) -> list[StaffAccount]:
        """By username, from behind ``after``."""
        cursor = self._collection.find({"username": {"$gt": after}}).sort("username", ASCENDING).limit(limit)
        return [self.read(document) async for document in cursor]

    async def claim_code(self, account: StaffAccount, step: int) -> bool:
        """Takes the one-time password of a step, so that nobody can use it again (RFC 6238, 5.2).

        False when it, or a later one, was taken before, or the secret is another by now.
        """
        guard = {"_id": account.id, "totp": account.totp, "totp_step": {"$lt": step}}
        return (await self._collection.update_one(guard, {"$set": {"totp_step": step}})).modified_count == 1

    async def claim_recovery_code(self, account: StaffAccount, code_hash: str) -> bool:
        """Takes a recovery code away; False when it is none, or somebody was faster."""
        guard = {"_id": account.id, "totp": account.totp, "recovery": code_hash}
        return (await self._collection.update_one(guard, {"$pull": {"recovery": code_hash}})).modified_count == 1

    async def rehash(self, account: StaffAccount, password_hash: str) -> None:
        """The same password under newer parameters; nothing if the password was changed meanwhile."""
        guard = {"_id": account.id, "password_hash": account.password_hash}
        await self._collection.update_one(guard, {"$set": {"password_hash": password_hash}})


class StaffSessionStore(Store):
    """Sessions of staff, under the SHA-256 of their tokens."""

    collection_name: ClassVar[str] = "staff_sessions"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index("staff", ("staff_id",)),
        Index("expiry", ("expires_at",), expire_after=timedelta(0)),
    )

    async def add(self, session: StaffSessionRecord) -> None:
        await self._collection.insert_one(to_document(session))

    async def get(self, token_hash: str) -> StaffSessionRecord | None:
        document = await self._collection.find_one({"_id": token_hash})
        return None if document is None else msgspec.convert(document, StaffSessionRecord)

    async def use(self, token_hash: str, now: datetime, idle_since: datetime) -> bool:
        """Notes that the session is in use. False if it has been idle since ``idle_since``, has ended, or is gone."""
        guard = {"_id": token_hash, "seen_at": {"$gt": idle_since}, "expires_at": {"$gt": now}}
        # matched, not modified: another request may have noted the same millisecond.
        return (await self._collection.update_one(guard, {"$max": {"seen_at": now}})).matched_count == 1

    async def carry_over(self, token_hash: str, generation: int) -> None:
        """Lets one session live on in the account's new generation."""
        await self._collection.update_one({"_id": token_hash}, {"$set": {"generation": generation}})

    async def remove(self, token_hash: str) -> bool:
        """False if there was none."""
        return (await self._collection.delete_one({"_id": token_hash})).deleted_count == 1

    async def remove_before(self, staff_id: str, generation: int) -> list[str]:
        """Removes an account's sessions of earlier generations; returns the token hashes they had."""
        earlier = {"staff_id": staff_id, "generation": {"$lt": generation}}
        token_hashes = [document["_id"] async for document in self._collection.find(earlier, {"_id": 1})]
        await self._collection.delete_many(earlier)
        return token_hashes


class AttemptStore(Store):
    """Attempts to sign in that have not succeeded, by a hash of the username, whether or not anybody has that name.

    An attempt is counted before the password is looked at. So any number of parallel guesses sees as many passwords
    tried as the rules allow, and a name that nobody has locks just as one that somebody has.
    """

    collection_name: ClassVar[str] = "staff_attempts"
    indexes: ClassVar[tuple[Index, ...]] = (Index("expiry", ("expires_at",), expire_after=timedelta(0)),)

    async def claim(self, name_hash: str, now: datetime, allowed: int, remembered_for: timedelta) -> datetime | None:
        """Counts one attempt and returns None; or, when ``allowed`` are used up, returns the end of the lock.

        Attempts are forgotten ``remembered_for`` after the last one. Raises Unavailable when others are always faster.
        """
        expires_at = now + remembered_for
        for _ in range(10):
            try:
                await self._collection.insert_one({"_id": name_hash, "attempts": 1, "expires_at": expires_at})
                return None
            except DuplicateKeyError:
                pass
            counting = {"_id": name_hash, "attempts": {"$lt": allowed}, "expires_at": {"$gt": now}}
            counted = await self._collection.update_one(
                counting, {"$inc": {"attempts": 1}, "$max": {"expires_at": expires_at}}
            )
            if counted.modified_count:
                return None
            forgotten = {"_id": name_hash, "expires_at": {"$lte": now}}
            again = await self._collection.update_one(forgotten, {"$set": {"attempts": 1, "expires_at": expires_at}})
            if again.modified_count:
                return None
            document = await self._collection.find_one({"_id": name_hash})
            if document is not None and document["attempts"] >= allowed and document["expires_at"] > now:
                until: datetime = document["expires_at"]
                return until
        raise Unavailable

    async def give_back(self, name_hash: str) -> None:
        """One attempt was half right (password, but no second factor yet): as if it had not been made."""
        await self._collection.update_one({"_id": name_hash, "attempts": {"$gt": 0}}, {"$inc": {"attempts": -1}})

    async def forget(self, name_hash: str) -> None:
        """The password was right, or was set anew."""
        await self._collection.delete_one({"_id": name_hash})


class AuditStore(Store):
    """The record of every use of a staff account. Entries are added and read, never changed or removed."""

    collection_name: ClassVar[str] = "staff_audit"
    indexes: ClassVar[tuple[Index, ...]] = (Index("staff_at", ("staff_id", "at")), Index("at", ("at",)))

    async def add(self, entry: AuditEntry) -> None:
        await self._collection.insert_one(to_document(entry))

    async def get(self, entry_id: str) -> AuditEntry | None:
        document = await self._collection.find_one({"_id": entry_id})
        return None if document is None else msgspec.convert(document, AuditEntry)

    async def page(
        self, start: datetime, end: datetime, staff_id: str | None, last: AuditEntry | None, limit: int
    ) -> list[AuditEntry]:
        """From ``start`` to before ``end``, the newest first, from behind ``last``."""
        wanted: Document = {"at": {"$gte": start, "$lt": end}}
        if staff_id is not None:
            wanted["staff_id"] = staff_id
        if last is not None:
            # Two entries of one millisecond are told apart by their ids.
            wanted["$or"] = [{"at": {"$lt": last.at}}, {"at": last.at, "_id": {"$lt": last.id}}]
        cursor = self._collection.find(wanted).sort([("at", DESCENDING), ("_id", DESCENDING)]).limit(limit)
        return [msgspec.convert(document, AuditEntry) async for document in cursor]

    async def of_staff(self, staff_id: str, limit: int) -> list[AuditEntry]:
        """The newest first."""
        cursor = self._collection.find({"staff_id": staff_id}).sort("at", DESCENDING).limit(limit)
        return [msgspec.convert(document, AuditEntry) async for document in cursor]

    async def between(self, start: datetime, end: datetime, limit: int) -> list[AuditEntry]:
        """All accounts, from ``start`` to before ``end``, the newest first."""
        cursor = self._collection.find({"at": {"$gte": start, "$lt": end}}).sort("at", DESCENDING).limit(limit)
        return [msgspec.convert(document, AuditEntry) async for document in cursor]
