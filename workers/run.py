"""The worker process: relay, timers and dispatch as loops that survive whatever happens to their dependencies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from redis.asyncio import Redis

from services.appointments.actions import Appointments
from services.appointments.store import BookingStore
from services.city import City
from services.events.actions import Relay
from workers.consumers import consumers

log = logging.getLogger("banshi.worker")

# Between two rounds that found nothing to do.
IDLE_SECONDS = 0.2
# After a round that failed, growing to the greatest: a database away for ten seconds is looked for a few times.
BACK_OFF_SECONDS = (0.5, 1.0, 2.0, 5.0)
BATCH = 100

Round = Callable[[], Awaitable[int]]


def rounds(city: City, redis: Redis, on_delivery: Callable[[str, str], None] = lambda c, o: None) -> dict[str, Round]:
    """One round of each kind of work; each returns how much it did. Several workers may run the same."""
    relay = Relay(city.aggregates, consumers(city, redis), city.dead_letters, city.clock, on_delivery)
    return {
        "relay": relay.do_deliver,
        "timers": lambda: wake(city.appointments, city.bookings, city),
        "payments": city.payment_timers.do_wake,
        "reconciliation": city.reconciliation.do_wake,
        "cases": lambda: wake_cases(city),
        "complaints": lambda: city.complaints.do_wake_due(BATCH),
        "consultations": lambda: consult(city),
        "content": city.content_checks.do_check_due,
        "dispatch": city.dispatcher.do_dispatch,
        "files": city.files.do_sweep,
        "learning": city.learning.do_group,
    }


async def wake(appointments: Appointments, bookings: BookingStore, city: City) -> int:
    """Bookings whose timer has come: holds and offers end, waits end, reminders go out, old days are closed."""
    due = await bookings.due(city.clock.now(), BATCH)
    for booking in due:
        await appointments.do_wake(booking)
    return len(due)


async def consult(city: City) -> int:
    """Conversations whose timer has come, then who waits for an officer."""
    return await city.consultation_timers.do_wake_due(BATCH) + await city.consultation_desk.do_assign_waiting()


async def wake_cases(city: City) -> int:
    """Cases whose timer has come: warnings go out, silence becomes acceptance, issued cases are closed."""
    due = await city.case_store.due(city.clock.now(), BATCH)
    for case in due:
        await city.cases.do_wake(case)
    return len(due)


async def run(city: City, redis: Redis, on_delivery: Callable[[str, str], None] = lambda c, o: None) -> None:
    """All loops until cancelled."""
    async with asyncio.TaskGroup() as group:
        for name, one_round in rounds(city, redis, on_delivery).items():
            group.create_task(_loop(name, one_round))


async def _loop(name: str, one_round: Round) -> None:
    failures = 0
    while True:
        try:
            done = await one_round()
            failures = 0
        except Exception as error:  # a round that failed is tried again: what it should do is still in the database
            failures += 1
            log.warning("round failed", extra={"work": name, "error": repr(error), "failures": failures})
            await asyncio.sleep(BACK_OFF_SECONDS[min(failures, len(BACK_OFF_SECONDS)) - 1])
            continue
        if not done:
            await asyncio.sleep(IDLE_SECONDS)
