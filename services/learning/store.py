"""Signals and proposals in MongoDB; finished evaluations in Valkey, which may lose them: they are made again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar

import msgspec
from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from nlp.effect import Effect
from services.learning.model import Proposal, Signal, SignalKind
from services.store import AggregateStore, Document, Index, Store, to_document

log = logging.getLogger("banshi.learning")

ONE_PROPOSAL = "one_proposal_per_item_and_text"
EFFECT_KEPT = timedelta(days=1)


class SignalStore(Store):
    """``fresh_at`` beside a signal: no worker has counted it yet."""

    collection_name: ClassVar[str] = "learning_signals"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index("key", ("key",)),
        Index("fresh", ("fresh_at",), sparse=True),
        Index("ends", ("ends_at",), expire_after=timedelta(0)),
    )

    async def add(self, signal: Signal) -> bool:
        """False when this voter has voted on this text today."""
        try:
            await self._collection.insert_one(to_document(signal) | {"fresh_at": signal.at})
        except DuplicateKeyError:
            return False
        return True

    async def fresh(self, now: datetime, limit: int) -> list[Signal]:
        cursor = self._collection.find({"fresh_at": {"$lte": now}}).sort("fresh_at", ASCENDING).limit(limit)
        return [msgspec.convert(document, Signal) async for document in cursor]

    async def counted(self, ids: Sequence[str]) -> None:
        await self._collection.update_many({"_id": {"$in": list(ids)}}, {"$unset": {"fresh_at": ""}})

    async def tally(self, key: str) -> dict[tuple[SignalKind, str], int]:
        """Votes on one text by kind and item."""
        pipeline: list[Document] = [
            {"$match": {"key": key}},
            {"$group": {"_id": {"kind": "$kind", "item": "$item"}, "count": {"$sum": 1}}},
        ]
        cursor = await self._collection.aggregate(pipeline)
        return {(SignalKind(d["_id"]["kind"]), d["_id"]["item"]): int(d["count"]) async for d in cursor}


class ProposalStore(AggregateStore[Proposal]):
    collection_name: ClassVar[str] = "learning_proposals"
    record: ClassVar[type[Proposal]] = Proposal
    indexes: ClassVar[tuple[Index, ...]] = (
        Index("state", ("state", "_id")),
        Index(ONE_PROPOSAL, ("item", "key"), unique=True),
    )

    async def page(self, state: str, after: str, limit: int) -> list[Proposal]:
        """Proposals of one state in order of their ids, from behind ``after``."""
        cursor = self._collection.find({"state": state, "_id": {"$gt": after}}).sort("_id", ASCENDING).limit(limit)
        return [self.read(document) async for document in cursor]

    async def open_of(self, item: str) -> list[Proposal]:
        """Those of an item that wait for a reviewer."""
        return [self.read(d) async for d in self._collection.find({"item": item, "state": "proposed"})]

    async def is_known(self, item: str, key: str) -> bool:
        return await self._collection.find_one({"item": item, "key": key}, {"_id": 1}) is not None


class EffectStore:
    """Finished evaluations by catalogue edition and proposal."""

    def __init__(self, valkey: Redis) -> None:
        self._valkey = valkey

    async def get(self, edition: str, proposal: str) -> Effect | None:
        try:
            kept = await self._valkey.get(_name(edition, proposal))
        except (RedisError, TimeoutError, ConnectionError):
            log.warning("an evaluation was not read")
            return None
        try:
            return msgspec.json.decode(kept, type=Effect) if kept else None
        except (msgspec.ValidationError, msgspec.DecodeError):
            return None

    async def put(self, edition: str, proposal: str, effect: Effect) -> None:
        try:
            await self._valkey.set(_name(edition, proposal), msgspec.json.encode(effect), ex=EFFECT_KEPT)
        except (RedisError, TimeoutError, ConnectionError):
            log.warning("an evaluation was not kept")


def _name(edition: str, proposal: str) -> str:
    return f"learning:effect:{edition}:{proposal}"
