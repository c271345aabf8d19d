"""Conversations, entries, officers, ratings and unanswered questions in MongoDB."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

import msgspec
from pymongo.errors import BulkWriteError, DuplicateKeyError

from kernel.clock import Clock
from kernel.ids import Ids
from services.batches import Batches
from services.consultations.model import SAID, Check, Conversation, Entry, Officer, Presence, Rating, Side, State
from services.store import AggregateStore, Database, Document, Index, Store, to_document

ONE_OPEN = "one_open_conversation_per_person"
ONE_SLOT = "one_conversation_per_slot"
ONE_SEQ = "one_entry_per_number"
ONE_SENDING = "one_entry_per_sending"
# More people than ever wait at once; a screen shows the first of them.
MOST_QUEUED = 500
# Follow-ups that a screen lists once they are closed.
MOST_CLOSED = 200
# Entries that may be read too many of each conversation when pages are read together.
NEAR = 200


class ConversationStore(AggregateStore[Conversation]):
    collection_name: ClassVar[str] = "conversations"
    record: ClassVar[type[Conversation]] = Conversation
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(ONE_OPEN, ("person",), unique=True, where={"open": True}),
        Index(ONE_SLOT, ("owner", "slot"), unique=True, where={"slot": {"$gte": 0}}),
        Index("person", ("person", "created_at")),
        Index("owner", ("owner",), sparse=True),
        Index("state", ("state", "queued_at")),
        Index("day", ("day",)),
        Index("last_owner", ("last_owner", "day")),
    )

    def __init__(self, database: Database, clock: Clock, ids: Ids) -> None:
        super().__init__(database, clock, ids)
        self._reads: Batches[str, Document | None] = Batches(self.by_ids)

    async def get(self, id_: str) -> Conversation | None:
        """Every message reads its conversation: those of one moment together."""
        document = await self._reads.ask(id_)
        return None if document is None else self.read(document)

    async def open_of(self, person: str) -> Conversation | None:
        document = await self._collection.find_one({"person": person, "open": True})
        return None if document is None else self.read(document)

    async def of_person(self, person: str, since: datetime, limit: int = 20) -> list[Conversation]:
        """A person's conversations begun since, the newest first."""
        found = [self.read(d) async for d in self._collection.find({"person": person, "created_at": {"$gt": since}})]
        return sorted(found, key=lambda one: one.created_at, reverse=True)[:limit]

    async def in_state(self, state: State, limit: int = MOST_QUEUED) -> list[Conversation]:
        """Those of one state that wait, the longest waiting first."""
        found = [self.read(d) async for d in self._collection.find({"state": state})]
        return sorted(found, key=lambda one: (one.queued_at or one.created_at, one.id))[:limit]

    async def of_owners(self, owners: Collection[str]) -> list[Conversation]:
        """What these officers have now."""
        return [self.read(d) async for d in self._collection.find({"owner": {"$in": list(owners)}})]

    async def ahead(self, queued_at: datetime) -> int:
        """How many wait for longer."""
        return await self._collection.count_documents({"state": State.QUEUED, "queued_at": {"$lt": queued_at}})

    async def between_days(self, first: str, end: str, limit: int) -> list[Conversation]:
        """Begun on days in [first, end), the newest first."""
        found = [self.read(d) async for d in self._collection.find({"day": {"$gte": first, "$lt": end}})]
        return sorted(found, key=lambda one: one.created_at, reverse=True)[:limit]

    async def ended(self, first: str, end: str, last_owner: str | None, limit: int) -> list[Conversation]:
        """Closed ones begun on days in [first, end), the newest first: of one last owner, or all."""
        query: Document = {"state": State.CLOSED, "day": {"$gte": first, "$lt": end}}
        if last_owner is not None:
            query["last_owner"] = last_owner
        cursor = self._collection.find(query).sort([("day", -1), ("created_at", -1)]).limit(limit)
        return [self.read(d) async for d in cursor]

    async def mark_read(self, conversation: str, field: str, seq: int) -> None:
        """Read marks only grow. No change of state: no version, no history."""
        await self._collection.update_one({"_id": conversation}, {"$max": {field: seq}})

    async def owe(self, conversation: Conversation, since: datetime, wake_at: datetime) -> None:
        """The resident has written and the owner owes an answer since then; nothing if they owed one already."""
        guard = {"_id": conversation.id, "owner": conversation.owner, "waiting_since": {"$exists": False}}
        await self._collection.update_one(guard, {"$set": {"waiting_since": since}, "$min": {"wake_at": wake_at}})

    async def not_owed(self, conversation: str, since: datetime) -> None:
        """The answer owed since then has been given, or was taken for owed by mistake."""
        guard = {"_id": conversation, "waiting_since": since}
        await self._collection.update_one(guard, {"$unset": {"waiting_since": ""}})

    async def answered(self, conversation: Conversation, first: Mapping[str, Any], wake_at: datetime) -> None:
        """The owner has answered; ``first``: what the first answer also sets."""
        guard = {"_id": conversation.id, "owner": conversation.owner}
        update: Document = {"$set": {"wake_at": wake_at, **first}, "$unset": {"waiting_since": ""}}
        await self._collection.update_one(guard, update)

    async def save_bot(self, conversation: str, answered: int, changes: Mapping[str, Any]) -> None:
        guard = {"_id": conversation, "state": State.BOT}
        await self._collection.update_one(guard, {"$set": dict(changes), "$max": {"bot_answered": answered}})

    async def speak(self, conversation: str, language: str) -> None:
        """The language in which a person is to answer; nothing once somebody is sought."""
        guard = {"_id": conversation, "state": State.BOT}
        await self._collection.update_one(guard, {"$set": {"needs": {"language": language}}})

    async def sleep(self, conversation: Conversation, wake_at: datetime | None) -> None:
        """Its timer had nothing to do: when it comes next. Nothing when somebody has changed it meanwhile."""
        guard = {"_id": conversation.id, "version": conversation.version}
        change: Document = {"$unset": {"wake_at": ""}} if wake_at is None else {"$set": {"wake_at": wake_at}}
        await self._collection.update_one(guard, change)

    async def note_rated(self, conversation: str) -> None:
        await self._collection.update_one({"_id": conversation}, {"$set": {"rated": True}})

    async def by_day(self, first: str, end: str) -> list[Document]:
        """Per day in [first, end): conversations, handed over, answered, sums of working minutes."""
        has = {name: {"$cond": [{"$gt": [f"${name}", None]}, 1, 0]} for name in ("handed_at", "first_answer", "waited")}
        pipeline: list[Document] = [
            {"$match": {"day": {"$gte": first, "$lt": end}}},
            {
                "$group": {
                    "_id": "$day",
                    "conversations": {"$sum": 1},
                    "handed_over": {"$sum": has["handed_at"]},
                    "assigned": {"$sum": has["waited"]},
                    "answered": {"$sum": has["first_answer"]},
                    "waited": {"$sum": {"$ifNull": ["$waited", 0]}},
                    "waited_most": {"$max": {"$ifNull": ["$waited", 0]}},
                    "first_answer": {"$sum": {"$ifNull": ["$first_answer", 0]}},
                }
            },
        ]
        return [d async for d in await self._collection.aggregate(pipeline)]


# Whose, after which number, how many.
_Page = tuple[str, int, int]


def _page(entries: list[Entry], seq: int, limit: int) -> list[Entry]:
    """Each number once, whoever else has asked for the same."""
    found = {entry.seq: entry for entry in entries if seq < entry.seq <= seq + limit}
    return [found[number] for number in sorted(found)]


class EntryStore(Store):
    """Never removed, never renumbered; a recall empties an entry."""

    collection_name: ClassVar[str] = "conversation_entries"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(ONE_SEQ, ("conversation", "seq"), unique=True),
        Index(ONE_SENDING, ("conversation", "sender", "client_msg_id"), unique=True),
        Index("check", ("check_at",), sparse=True),
    )

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._inserts: Batches[Document, None] = Batches(self._insert_all)
        self._pages: Batches[_Page, list[Entry]] = Batches(self._read_pages)

    async def add(self, entries: Sequence[Entry]) -> int:
        """Inserts in order and stops at the first that an index refuses; returns how many went in.

        One entry that is refused raises Duplicate with the index's name.
        """
        documents = [to_document(entry) for entry in entries]
        if len(documents) == 1:
            await self._inserts.ask(documents[0])
            return 1
        try:
            await self._collection.insert_many(documents, ordered=True)
        except BulkWriteError as error:
            if any(one.get("code") != 11000 for one in error.details.get("writeErrors", ())):
                raise
            return int(error.details.get("nInserted", 0))
        return len(documents)

    async def _insert_all(self, documents: list[Document]) -> list[Exception | None]:
        """Of as many conversations: each goes in or is refused by itself."""
        done: list[Exception | None] = [None] * len(documents)
        try:
            if len(documents) == 1:
                await self._collection.insert_one(documents[0])
            else:
                await self._collection.insert_many(documents, ordered=False)
        except DuplicateKeyError as error:
            done[0] = self.duplicate(error)
        except BulkWriteError as error:
            refused = error.details.get("writeErrors", ())
            if any(one.get("code") != 11000 for one in refused) or error.details.get("writeConcernErrors"):
                raise
            for one in refused:
                done[one["index"]] = self.duplicate(DuplicateKeyError("", 11000, one))
        return done

    async def last_seq(self, conversation: str) -> int:
        found = self._collection.find({"conversation": conversation}, {"seq": 1}).sort("seq", -1).limit(1)
        return next((int(d["seq"]) for d in await found.to_list()), 0)

    async def after(self, conversation: str, seq: int, limit: int) -> list[Entry]:
        """The next ones, in order."""
        return await self._pages.ask((conversation, seq, limit))

    async def _read_pages(self, asked: list[_Page]) -> list[list[Entry]]:
        """When thousands come back at once, one command for many of them."""
        alike: defaultdict[int, list[_Page]] = defaultdict(list)
        for page in asked:
            # Together only where they begin near each other: nobody's long past is read for a newcomer's beginning.
            alike[page[1] // NEAR].append(page)
        held: defaultdict[str, list[Entry]] = defaultdict(list)
        for pages in alike.values():
            # The numbers have no gap, so a range is a page: no sort and no limit that would read everything behind it.
            window = {"$gt": min(p[1] for p in pages), "$lt": max(p[1] + p[2] for p in pages) + 1}
            names = sorted({p[0] for p in pages})
            whose: Any = names[0] if len(names) == 1 else {"$in": names}
            async for document in self._collection.find({"conversation": whose, "seq": window}):
                entry = msgspec.convert(document, Entry)
                held[entry.conversation].append(entry)
        return [_page(held[conversation], seq, limit) for conversation, seq, limit in asked]

    async def answered_after(self, conversation: str, seq: int) -> bool:
        """Whether a member of staff has said something after a number that still stands."""
        query = {"conversation": conversation, "seq": {"$gt": seq}}
        fields = {"side": 1, "kind": 1, "recalled_at": 1}
        said = [
            d["side"] == Side.STAFF and d["kind"] in SAID and "recalled_at" not in d
            async for d in self._collection.find(query, fields)
        ]
        return any(said)

    async def one(self, conversation: str, seq: int) -> Entry | None:
        document = await self._collection.find_one({"conversation": conversation, "seq": seq})
        return None if document is None else msgspec.convert(document, Entry)

    async def of_sending(self, conversation: str, sender: str, client_msg_id: str) -> Entry | None:
        query = {"conversation": conversation, "sender": sender, "client_msg_id": client_msg_id}
        document = await self._collection.find_one(query)
        return None if document is None else msgspec.convert(document, Entry)

    async def recall(self, entry: Entry, at: datetime) -> bool:
        """Empties an entry. False when it was already."""
        guard = {"conversation": entry.conversation, "seq": entry.seq, "recalled_at": {"$exists": False}}
        update: Document = {"$set": {"recalled_at": at, "text": "", "data": {}}, "$unset": {"check_at": ""}}
        return (await self._collection.update_one(guard, update)).modified_count == 1

    async def to_check(self, now: datetime, limit: int) -> list[Entry]:
        cursor = self._collection.find({"check_at": {"$lte": now}}).sort("check_at", 1).limit(limit)
        return [msgspec.convert(d, Entry) async for d in cursor]

    async def lease_check(self, entry: Entry, until: datetime) -> bool:
        """Takes one check, so that two workers do not ask WeChat twice. False when another has it."""
        guard = {"_id": entry.id, "check_at": entry.check_at}
        update: Document = {"$set": {"check_at": until}, "$inc": {"check_attempts": 1}}
        return (await self._collection.update_one(guard, update)).modified_count == 1

    async def checked(self, entry: Entry, check: Check, label: int | None, again_at: datetime | None) -> None:
        """``again_at``: WeChat is asked once more then."""
        update: Document = {"$set": {"check": check, "check_label": label}}
        if again_at is None:
            update["$unset"] = {"check_at": ""}
        else:
            update["$set"]["check_at"] = again_at
        await self._collection.update_one({"_id": entry.id}, update)


class OfficerStore(Store):
    collection_name: ClassVar[str] = "officers"
    indexes: ClassVar[tuple[Index, ...]] = (Index("seen", ("seen_at",)),)

    async def get(self, staff_id: str) -> Officer | None:
        document = await self._collection.find_one({"_id": staff_id})
        return None if document is None else msgspec.convert(document, Officer)

    async def beat(self, staff_id: str, now: datetime, changes: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """A sign of life, with what changes; ``new``: what a first one starts from."""
        update: Document = {"$set": {"seen_at": now, **changes}, "$setOnInsert": dict(new)}
        await self._collection.update_one({"_id": staff_id}, update, upsert=True)

    async def busy(self, staff_id: str, at: datetime) -> None:
        await self._collection.update_one({"_id": staff_id}, {"$set": {"busy_at": at}})

    async def online(self, since: datetime) -> list[Officer]:
        """Those who show signs of life and take conversations."""
        cursor = self._collection.find({"seen_at": {"$gt": since}, "status": Presence.ONLINE})
        return [msgspec.convert(d, Officer) async for d in cursor]

    async def seen(self, since: datetime) -> list[Officer]:
        return [msgspec.convert(d, Officer) async for d in self._collection.find({"seen_at": {"$gt": since}})]


class RatingStore(AggregateStore[Rating]):
    """``_id`` is the conversation's: one rating each."""

    collection_name: ClassVar[str] = "consultation_ratings"
    record: ClassVar[type[Rating]] = Rating
    indexes: ClassVar[tuple[Index, ...]] = (Index("day", ("day", "level")), Index("state", ("state", "due_at")))

    async def to_follow_up(self, states: Sequence[str]) -> list[Rating]:
        """The most urgent first."""
        found = [self.read(d) async for d in self._collection.find({"state": {"$in": list(states)}})]
        return sorted(found, key=lambda rating: (rating.due_at or rating.created_at, rating.id))

    async def closed(self, limit: int = MOST_CLOSED) -> list[Rating]:
        """Closed follow-ups; those that were due last come first."""
        cursor = self._collection.find({"state": "closed"}).sort("due_at", -1).limit(limit)
        return [self.read(d) async for d in cursor]

    async def by_level(self, first: str, end: str) -> dict[str, int]:
        pipeline: list[Document] = [
            {"$match": {"day": {"$gte": first, "$lt": end}}},
            {"$group": {"_id": "$level", "count": {"$sum": 1}}},
        ]
        return {d["_id"]: int(d["count"]) async for d in await self._collection.aggregate(pipeline)}

    async def sleep(self, rating: Rating) -> None:
        guard = {"_id": rating.id, "version": rating.version}
        await self._collection.update_one(guard, {"$unset": {"wake_at": ""}})


class UnansweredStore(Store):
    """What the bot could not answer: one document for a day and a text, counted."""

    collection_name: ClassVar[str] = "unanswered_questions"
    indexes: ClassVar[tuple[Index, ...]] = (Index("day", ("day",)),)

    async def count(self, day: str, text: str) -> None:
        name = hashlib.sha256(text.encode()).hexdigest()[:32]
        update: Document = {"$inc": {"times": 1}, "$setOnInsert": {"day": day, "text": text}}
        await self._collection.update_one({"_id": f"{day}/{name}"}, update, upsert=True)

    async def top(self, first: str, end: str, limit: int) -> list[tuple[str, int]]:
        pipeline: list[Document] = [
            {"$match": {"day": {"$gte": first, "$lt": end}}},
            {"$group": {"_id": "$text", "times": {"$sum": "$times"}}},
            {"$sort": {"times": -1, "_id": 1}},
            {"$limit": limit},
        ]
        return [(d["_id"], int(d["times"])) async for d in await self._collection.aggregate(pipeline)]
