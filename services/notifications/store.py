"""Messages, templates, consents and early receipts in MongoDB; leases per person in Valkey."""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import msgspec
from msgspec import Struct
from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.notifications.model import (
    Consent,
    ConsentEntry,
    ConsentEntryKind,
    ConsentKind,
    Message,
    Template,
    TemplateContent,
)
from services.store import AggregateStore, Document, Index, Store, to_document

log = logging.getLogger("banshi.notifications")

# WeChat repeats a push within a minute; 200 entries are years of one person and one template.
KEPT_ENTRIES = 200


class MessageStore(AggregateStore[Message]):
    collection_name: ClassVar[str] = "messages"
    record: ClassVar[type[Message]] = Message
    indexes: ClassVar[tuple[Index, ...]] = (
        # One message for one person, cause and template: do_notify is idempotent by this. ``person`` first, so that the
        # collection can be sharded by person (a unique index must begin with the shard key).
        Index("cause", ("person", "cause", "template"), unique=True),
        Index("by_cause", ("cause",)),
        Index("inbox", ("person", "at", "_id")),
        Index("unread", ("person", "at"), where={"unread": True}),
        # Receipts and sent events find their message by SerialNo or msgid.
        Index("channel_ref", ("channel_ref",), sparse=True),
        # Sent events whose msgid we never learned; also the list of failures.
        Index("trouble", ("updated_at",), where={"trouble": True}),
        Index("person_trouble", ("person", "wechat_template"), where={"trouble": True}),
    )

    async def of_cause(self, person_id: str, cause: str, template: str) -> Message | None:
        document = await self._collection.find_one({"person": person_id, "cause": cause, "template": template})
        return None if document is None else self.read(document)

    async def by_cause(self, cause: str, limit: int) -> list[Message]:
        cursor = self._collection.find({"cause": cause}).sort("created_at", ASCENDING).limit(limit)
        return [self.read(document) async for document in cursor]

    async def by_channel_ref(self, ref: str) -> Message | None:
        document = await self._collection.find_one({"channel_ref": ref})
        return None if document is None else self.read(document)

    async def uncertain_by_wechat(self, person_id: str, wechat_template: str) -> list[Message]:
        query = {
            "person": person_id,
            "wechat_template": wechat_template,
            "trouble": True,
            "state": "uncertain",
            "channel": "wechat",
        }
        return [self.read(document) async for document in self._collection.find(query).limit(2)]

    async def inbox(
        self, person_id: str, now: datetime, before: tuple[datetime, str] | None, limit: int
    ) -> list[Message]:
        """Told by ``now``, newest first; ``before`` is (at, id) of the last one already shown."""
        query: Document = {"person": person_id, "at": _until(now)}
        if before is not None:
            at, id_ = before
            query = {
                "person": person_id,
                "at": _until(min(at, now)),
                "$or": [{"at": {"$lt": at}}, {"_id": {"$lt": id_}}],
            }
        # The history and outgoing events of a message are no part of the inbox.
        cursor = self._collection.find(query, {"history": 0, "outgoing": 0})
        cursor = cursor.sort([("at", DESCENDING), ("_id", DESCENDING)]).limit(limit)
        return [self.read(document) async for document in cursor]

    async def of_person(self, person_id: str, message_id: str) -> Message | None:
        document = await self._collection.find_one({"_id": message_id, "person": person_id})
        return None if document is None else self.read(document)

    async def unread(self, person_id: str, now: datetime) -> int:
        return await self._collection.count_documents({"person": person_id, "unread": True, "at": _until(now)})

    async def mark_read(self, person_id: str, message_id: str, now: datetime) -> bool:
        """False when it is read already, or not this person's, or not there."""
        result = await self._collection.update_one(
            {"_id": message_id, "person": person_id, "unread": True},
            {"$set": {"read_at": now}, "$unset": {"unread": ""}},
        )
        return result.modified_count == 1

    async def trouble(self, limit: int) -> list[Message]:
        """Failed and uncertain messages, the latest first."""
        cursor = self._collection.find({"trouble": True}).sort("updated_at", DESCENDING).limit(limit)
        return [self.read(document) async for document in cursor]

    async def overdue(self, before: datetime) -> int:
        """How many timers should have gone off before this instant: the backlog."""
        return await self._collection.count_documents({"wake_at": {"$lt": before}})


class TemplateStore(Store):
    collection_name: ClassVar[str] = "message_templates"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index("code_version", ("code", "version"), unique=True),
        Index("wechat", ("wechat.template_id",), sparse=True),
    )

    async def current(self, code: str) -> Template | None:
        """The highest version: exactly one at any moment, without a flag that two writes would have to move."""
        cursor = self._collection.find({"code": code}).sort("version", DESCENDING).limit(1)
        return next((msgspec.convert(document, Template) for document in await cursor.to_list()), None)

    async def version(self, code: str, version: int) -> Template | None:
        document = await self._collection.find_one({"_id": template_id(code, version)})
        return None if document is None else msgspec.convert(document, Template)

    async def all(self) -> list[Template]:
        """Every version, by code and version."""
        cursor = self._collection.find({}).sort([("code", ASCENDING), ("version", ASCENDING)])
        return [msgspec.convert(document, Template) async for document in cursor]

    async def consent_kind(self, wechat_template: str) -> ConsentKind | None:
        document = await self._collection.find_one({"wechat.template_id": wechat_template}, {"wechat.kind": 1})
        return None if document is None else ConsentKind(document["wechat"]["kind"])

    async def add(self, contents: Sequence[TemplateContent], now: datetime) -> int:
        """Inserts versions in the order given; one that somebody else has just inserted is left alone."""
        added = 0
        for content in contents:
            document = msgspec.to_builtins(content)
            document |= {"_id": template_id(content.code, content.version), "imported_at": now}
            document = {key: value for key, value in document.items() if value is not None}
            try:
                await self._collection.insert_one(document)
            except DuplicateKeyError:
                continue
            added += 1
        return added


class ConsentStore(Store):
    collection_name: ClassVar[str] = "message_consents"
    indexes: ClassVar[tuple[Index, ...]] = (Index("person", ("person",)),)

    async def get(self, person_id: str, template_id: str) -> Consent | None:
        document = await self._collection.find_one({"_id": f"{person_id}/{template_id}"})
        return None if document is None else msgspec.convert(document, Consent)

    async def of_person(self, person_id: str) -> list[Consent]:
        return [msgspec.convert(d, Consent) async for d in self._collection.find({"person": person_id})]

    async def remove_all(self, person_id: str) -> None:
        await self._collection.delete_many({"person": person_id})

    async def record(
        self, person_id: str, template_id: str, kind: ConsentKind, entry: ConsentEntry, change: Document
    ) -> bool:
        """One entry with its change, once for each ``entry.ref``; False when that ref has been recorded before."""
        id_ = f"{person_id}/{template_id}"
        guard = {"_id": id_, "entries.ref": {"$ne": entry.ref}}
        update = {**change, "$push": {"entries": _entry(entry)}}
        if (await self._collection.update_one(guard, update)).modified_count == 1:
            return True
        fresh = Consent(id=id_, person=person_id, template_id=template_id, kind=kind)
        # Made empty first and changed by the same guarded write: two racing pushes of one event count once.
        with contextlib.suppress(DuplicateKeyError):
            await self._collection.insert_one(to_document(fresh))
        return (await self._collection.update_one(guard, update)).modified_count == 1

    async def take_credit(self, consent: Consent, ref: str, now: datetime) -> bool:
        """-1, never below 0, once a ref; for a long-term consent only the entry. False when there is none to take."""
        guard: Document = {"_id": consent.id, "closed": False, "entries.ref": {"$ne": ref}}
        update: Document = {"$push": {"entries": _entry(ConsentEntry(at=now, kind=ConsentEntryKind.USE, ref=ref))}}
        if consent.kind is ConsentKind.ONE_TIME:
            guard["credits"] = {"$gt": 0}
            update["$inc"] = {"credits": -1}
        return (await self._collection.update_one(guard, update)).modified_count == 1

    async def return_credit(self, consent: Consent, ref: str, now: datetime) -> bool:
        """+1 for a send that certainly did not happen, once a ref, and only if it was taken."""
        returned = ConsentEntry(at=now, kind=ConsentEntryKind.RETURNED, ref=f"{ref}/returned")
        guard: Document = {"_id": consent.id, "entries.ref": {"$eq": ref, "$ne": returned.ref}}
        update: Document = {"$push": {"entries": _entry(returned)}}
        if consent.kind is ConsentKind.ONE_TIME:
            update["$inc"] = {"credits": 1}
        return (await self._collection.update_one(guard, update)).modified_count == 1

    async def exhaust(self, consent: Consent, ref: str, began: datetime, now: datetime) -> bool:
        """WeChat said 43101 to a send that began at ``began``. An accept recorded since then is not touched."""
        guard = {"_id": consent.id, "entries.ref": {"$ne": ref}, "accepted_at": {"$not": {"$gt": began}}}
        change: Document = {"credits": 0} if consent.kind is ConsentKind.ONE_TIME else {"closed": True}
        entry = ConsentEntry(at=now, kind=ConsentEntryKind.EXHAUSTED, ref=ref)
        update = {"$set": change, "$push": {"entries": _entry(entry)}}
        return (await self._collection.update_one(guard, update)).modified_count == 1


class EarlyReceipt(Struct, frozen=True, kw_only=True):
    """A receipt that came before the answer to the send, so that no message bears its serial yet."""

    serial: str = msgspec.field(name="_id")
    delivered: bool
    code: str
    at: datetime


class EarlyReceiptStore(Store):
    collection_name: ClassVar[str] = "early_receipts"
    # Carriers report within 72 hours; what matches nothing until then never will.
    indexes: ClassVar[tuple[Index, ...]] = (Index("expiry", ("at",), expire_after=timedelta(days=4)),)

    async def keep(self, receipt: EarlyReceipt) -> None:
        await self._collection.replace_one({"_id": receipt.serial}, to_document(receipt), upsert=True)

    async def get(self, serial: str) -> EarlyReceipt | None:
        document = await self._collection.find_one({"_id": serial})
        return None if document is None else msgspec.convert(document, EarlyReceipt)

    async def remove(self, serial: str) -> None:
        await self._collection.delete_one({"_id": serial})


class ValkeyPersonLeases:
    """A key per person with a time to live. Losing one costs a 43108, which is a retry: Valkey is good enough."""

    # Only the holder deletes: the key may have expired and be somebody else's by now.
    _RELEASE: ClassVar[str] = (
        "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"
    )

    def __init__(
        self, valkey: Redis, lease: timedelta = timedelta(seconds=60), prefix: str = "banshi:sending:"
    ) -> None:
        self._valkey = valkey
        self._lease = lease
        self._prefix = prefix

    async def acquire(self, person_id: str) -> str | None:
        token = secrets.token_hex(8)
        try:
            taken = await self._valkey.set(
                self._prefix + person_id, token, nx=True, px=int(self._lease.total_seconds() * 1000)
            )
        except RedisError as error:
            # Without Valkey messages still go out; the worst that can happen is a 43108 and a retry.
            log.warning("no lease for sending, going on without", extra={"error": repr(error)})
            return token
        return token if taken else None

    async def release(self, person_id: str, token: str) -> None:
        try:
            released: Any = self._valkey.eval(self._RELEASE, 1, self._prefix + person_id, token)
            await released
        except RedisError as error:
            log.warning("lease for sending not released, it will expire", extra={"error": repr(error)})


def template_id(code: str, version: int) -> str:
    return f"{code}/{version}"


def use_ref(message_id: str, attempt: int) -> str:
    """Names the use of one consent by one attempt to send one message."""
    return f"{message_id}/{attempt}"


def _until(instant: datetime) -> Document:
    """Up to and including the instant. Written as "before the next millisecond", MongoDB's own grain: the embedded
    server leaves the bound itself out of a $lte on an inner field of a compound index."""
    return {"$lt": instant + timedelta(milliseconds=1)}


def _entry(entry: ConsentEntry) -> Document:
    return {"$each": [to_document(entry)], "$slice": -KEPT_ENTRIES}
