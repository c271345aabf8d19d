"""Bookings in MongoDB: every claim is one insert or one guarded update that a unique index may refuse."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

import msgspec

from services.appointments.model import Booking, Occupant, State, Taken
from services.store import AggregateStore, Index

ONE_PLACE = "one_booking_per_place"
ONE_ORDINAL = "one_booking_per_ordinal"
ONE_ITEM = "one_open_booking_per_item"
ONE_REQUEST = "one_booking_per_request"


class BookingStore(AggregateStore[Booking]):
    collection_name: ClassVar[str] = "bookings"
    record: ClassVar[type[Booking]] = Booking
    indexes: ClassVar[tuple[Index, ...]] = (
        Index(ONE_PLACE, ("slot", "place"), unique=True, where={"place": {"$gte": 0}}),
        Index(ONE_ORDINAL, ("person", "ordinal"), unique=True, where={"ordinal": {"$gte": 0}}),
        Index(ONE_ITEM, ("person", "item"), unique=True, where={"open": True}),
        Index(ONE_REQUEST, ("request_key",), unique=True, where={"request_key": {"$gt": ""}}),
        Index("slot", ("slot", "open")),
        Index("person", ("person", "day")),
        Index("centre_day", ("centre", "day")),
    )

    async def of_slot(self, slot: str) -> list[Occupant]:
        """Who takes a place of a slot or waits for one, in order of their coming."""
        shown = {"state": 1, "created_at": 1, "place": 1, "until": 1}
        cursor = self._collection.find({"slot": slot, "open": True}, shown)
        found = [msgspec.convert(d, Occupant) async for d in cursor]
        return sorted(found, key=lambda one: (one.created_at, one.id))

    async def of_person(self, person: str, since_day: str) -> list[Booking]:
        """A person's bookings for days from ``since_day`` on, of any state, the latest day first."""
        cursor = self._collection.find({"person": person, "day": {"$gte": since_day}})
        return sorted([self.read(d) async for d in cursor], key=lambda b: b.start, reverse=True)

    async def of_centre(self, centre: str, day: str) -> list[Booking]:
        """A centre's bookings of one day that staff work with, in order of time and place."""
        cursor = self._collection.find({"centre": centre, "day": day})
        found = [self.read(d) async for d in cursor]
        return sorted(found, key=lambda b: (b.start, b.queue_number))

    async def of_request(self, request_key: str) -> Booking | None:
        document = await self._collection.find_one({"request_key": request_key})
        return None if document is None else self.read(document)

    async def taken(self, slot_from: str, slot_to: str, now: datetime) -> dict[str, Taken]:
        """For each slot id in [from, to): places taken at ``now`` (ended holds do not count) and people waiting."""
        ended = {"$and": [{"$in": ["$state", [State.HELD, State.OFFERED]]}, {"$lte": ["$until", now]}]}
        waiting = {"$eq": ["$state", State.WAITING]}
        pipeline: list[dict[str, Any]] = [
            {"$match": {"slot": {"$gte": slot_from, "$lt": slot_to}, "open": True}},
            {
                "$group": {
                    "_id": "$slot",
                    "places": {"$sum": {"$cond": [{"$or": [ended, waiting]}, 0, 1]}},
                    "waiting": {"$sum": {"$cond": [waiting, 1, 0]}},
                }
            },
        ]
        cursor = await self._collection.aggregate(pipeline)
        return {d["_id"]: Taken(d["places"], d["waiting"]) async for d in cursor}
