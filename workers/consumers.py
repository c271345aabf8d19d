"""Who wants to know of which events. Every consumer is idempotent by event id: the relay delivers at least once."""

from __future__ import annotations

from redis.asyncio import Redis

from handlers.hub import publish
from services.appointments.machine import FREEING, HOLD, MACHINE, WAIT
from services.catalogue.machine import MACHINE as ITEM
from services.city import City
from services.events.actions import Consumer
from services.notifications.machine import MESSAGE
from services.notifications.rules import consumer as notify
from services.store import Event

BOOKING_EVENTS = frozenset(edge.event for edge in (*MACHINE.edges, HOLD, WAIT))
MESSAGE_EVENTS = frozenset(edge.event for edge in MESSAGE.edges)
ITEM_EVENTS = frozenset(edge.event for edge in ITEM.edges)


# Events that nobody listens to, and why that is right. A test holds every event of every machine to a consumer or here.
UNHEARD = {
    "item": "processes see a publication by its revision count, which is written with it",
    "person": "kept in the account's history; nothing follows from them yet",
    "staff": "the audit is written by the action itself, not by way of an event",
}


def consumers(city: City, redis: Redis) -> list[Consumer]:
    """All of them."""
    return [notify(city.notifications), waiting_list(city), live(redis)]


def waiting_list(city: City) -> Consumer:
    """Offers freed places to who waits. Idempotent: a place that is taken again is not offered again."""

    async def take(event: Event) -> None:
        slot = event.data.get("freed_slot")
        # One freed place, one offer; but as many as there are places, when an earlier event found nobody in time.
        while slot is not None and await city.appointments.do_offer_freed(str(slot)) is not None:
            pass

    return Consumer("waiting_list", FREEING, take)


def live(redis: Redis) -> Consumer:
    """Tells the resident's open screens to read again. Sent twice, it is read twice: harmless."""

    async def take(event: Event) -> None:
        person = event.data.get("person")
        if person is not None:
            told = {"id": event.id, "name": event.name, "aggregate": event.aggregate, "at": event.at}
            await publish(redis, str(person), told)

    return Consumer("live", BOOKING_EVENTS | MESSAGE_EVENTS, take)
