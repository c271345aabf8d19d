"""Delivering events to consumers: in order per aggregate, at least once, dead letters visible and replayable."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from kernel.clock import Clock
from services.events.model import DeadLetter
from services.events.store import DeadLetterStore
from services.store import Aggregate, AggregateStore, Event

log = logging.getLogger("banshi.events")

# Each wait follows one failed delivery; after the last the event is a dead letter. About 14 minutes in all: longer
# than a restart of any dependency, short enough that the resident's next event is not held up for the day.
RETRY_AFTER = tuple(timedelta(seconds=s) for s in (1, 2, 5, 15, 60, 180, 600))


@dataclass(frozen=True)
class Consumer:
    """Somebody who wants to know. ``take`` must be idempotent by event id: delivery is at least once."""

    name: str
    events: frozenset[str]
    take: Callable[[Event], Awaitable[None]]


class Relay:
    """Takes undelivered events off aggregates and hands them to the consumers."""

    def __init__(
        self,
        stores: Sequence[AggregateStore[Aggregate]],
        consumers: Sequence[Consumer],
        dead_letters: DeadLetterStore,
        clock: Clock,
        on_delivery: Callable[[str, str], None] = lambda consumer, outcome: None,
    ) -> None:
        self._stores = stores
        self._consumers = tuple(consumers)
        self._dead_letters = dead_letters
        self._clock = clock
        self._on_delivery = on_delivery
        # Attempts that failed, per consumer and event. Lost at a restart: the event is then tried afresh, rightly.
        self._failures: dict[tuple[str, str], int] = {}
        # Who has taken an event whose other consumers still fail: spares them the repeat (they would ignore it anyway).
        self._taken: set[tuple[str, str]] = set()

    async def do_deliver(self, limit: int = 100) -> int:
        """One round over all stores; returns how many events were delivered to everybody who wants them."""
        delivered = 0
        for store in self._stores:
            for aggregate in await store.undelivered(self._clock.now(), limit):
                delivered += await self._deliver_aggregate(store, aggregate)
        return delivered

    async def _deliver_aggregate(self, store: AggregateStore[Aggregate], aggregate: Aggregate) -> int:
        done: list[str] = []
        wait: timedelta | None = None
        for event in aggregate.outgoing:
            wait = await self._deliver_event(event)
            if wait is not None:
                break
            done.append(event.id)
        if done:
            await store.delivered(aggregate.id, done)
        if wait is not None:
            await store.deliver_later(aggregate.id, self._clock.now() + wait)
        return len(done)

    async def _deliver_event(self, event: Event) -> timedelta | None:
        """None when every consumer has it or has given it up; else how long to wait before trying again."""
        wants = [c for c in self._consumers if event.name in c.events]
        waits = [wait for c in wants if (wait := await self._hand_over(c, event)) is not None]
        if waits:
            return max(waits)
        self._taken -= {(consumer.name, event.id) for consumer in wants}
        return None

    async def _hand_over(self, consumer: Consumer, event: Event) -> timedelta | None:
        key = (consumer.name, event.id)
        if key in self._taken:
            return None
        try:
            await consumer.take(event)
        except Exception as error:  # a consumer's fault must not stop the others
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            if failures <= len(RETRY_AFTER):
                log.warning(
                    "event delivery failed",
                    extra={"consumer": consumer.name, "event": event.name, "error": repr(error)},
                )
                self._on_delivery(consumer.name, "failed")
                return RETRY_AFTER[failures - 1]
            await self._give_up(consumer, event, failures, error)
        else:
            self._on_delivery(consumer.name, "delivered")
        self._failures.pop(key, None)
        self._taken.add(key)
        return None

    async def _give_up(self, consumer: Consumer, event: Event, attempts: int, error: Exception) -> None:
        letter = DeadLetter(
            id=f"{consumer.name}/{event.id}",
            consumer=consumer.name,
            event=event,
            error=repr(error)[:1000],
            attempts=attempts,
            at=self._clock.now(),
        )
        await self._dead_letters.keep(letter)
        self._on_delivery(consumer.name, "dead")
        log.error(
            "event became a dead letter", extra={"consumer": consumer.name, "event": event.name, "event_id": event.id}
        )


async def do_replay(
    dead_letters: DeadLetterStore, consumers: Mapping[str, Consumer], consumer_name: str | None = None
) -> tuple[int, int]:
    """Hands dead letters to their consumers once more; returns (taken, still refused). What is taken is removed."""
    taken = refused = 0
    for letter in await dead_letters.all():
        consumer = consumers.get(letter.consumer)
        if consumer is None or (consumer_name is not None and letter.consumer != consumer_name):
            continue
        try:
            await consumer.take(letter.event)
        except Exception as error:  # stays a dead letter, with the newest reason
            refused += 1
            log.warning(
                "replay refused", extra={"consumer": letter.consumer, "event": letter.event.name, "error": repr(error)}
            )
            continue
        await dead_letters.remove(letter.id)
        taken += 1
    return taken, refused
