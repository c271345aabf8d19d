"""Turns and fullness spare the database a rush; they never decide who gets a place."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from kernel.clock import ManualClock
from kernel.errors import Conflict
from services.appointments.model import Rules
from services.appointments.rush import REMEMBER, Rush
from services.appointments.store import BookingStore
from services.store import Database
from tests.desk import ITEM, START, desk
from tests.helpers import create_indexes


async def test_callers_of_one_slot_take_turns_and_of_another_do_not_wait(clock: ManualClock) -> None:
    rush, inside, most = Rush(clock), 0, 0

    async def caller(slot: str) -> None:
        nonlocal inside, most
        async with rush.turn(slot):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.001)
            inside -= 1

    await asyncio.gather(*(caller("s1") for _ in range(20)))
    assert most == 1
    await asyncio.gather(*(caller(f"s{n}") for n in range(5)))
    assert most == 5


async def test_a_caller_who_has_waited_too_long_goes_without_a_turn(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.appointments.rush.PATIENCE_SECONDS", 0.01)
    rush = Rush(clock)
    async with rush.turn("s1"):
        async with asyncio.timeout(10):
            async with rush.turn("s1"):
                pass


def test_fullness_is_forgotten_after_a_moment_or_when_the_first_hold_ends(clock: ManualClock) -> None:
    rush = Rush(clock)
    assert not rush.is_full("s1")
    rush.found_full("s1", None)
    assert rush.is_full("s1")
    clock.advance(REMEMBER)
    assert not rush.is_full("s1")
    rush.found_full("s1", clock.now() + timedelta(milliseconds=100))
    clock.advance(timedelta(milliseconds=100))
    assert not rush.is_full("s1")


async def test_a_place_given_back_is_there_at_once_though_the_slot_was_just_found_full(
    database: Database, clock: ManualClock, data_folder: Path
) -> None:
    await create_indexes(database, BookingStore)
    appointments = desk(database, clock, data_folder, seed=1, places=1)
    first = await appointments.do_hold("P1", ITEM, "C1", START)
    for _ in range(2):
        with pytest.raises(Conflict, match="SLOT_FULL"):
            await appointments.do_hold("P2", ITEM, "C1", START)
    await appointments.do_cancel("P1", first.id)
    assert (await appointments.do_hold("P2", ITEM, "C1", START)).place == 0


async def test_a_repeated_request_gets_its_booking_also_when_the_slot_is_known_to_be_full(
    database: Database, clock: ManualClock, data_folder: Path
) -> None:
    await create_indexes(database, BookingStore)
    appointments = desk(database, clock, data_folder, seed=1, places=1)
    made = await appointments.do_hold("P1", ITEM, "C1", START, request_key="P1:key")
    with pytest.raises(Conflict, match="SLOT_FULL"):
        await appointments.do_hold("P2", ITEM, "C1", START)
    assert (await appointments.do_hold("P1", ITEM, "C1", START, request_key="P1:key")).id == made.id
    assert Rules().hold > REMEMBER


async def test_two_processes_on_one_slot_never_oversell_it(
    database: Database, clock: ManualClock, data_folder: Path
) -> None:
    await create_indexes(database, BookingStore)
    processes = [desk(database, clock, data_folder, seed=n, places=10) for n in range(2)]

    async def caller(number: int) -> bool:
        try:
            await processes[number % 2].do_hold(f"P{number}", ITEM, "C1", START)
        except Conflict:
            return False
        return True

    assert sum(await asyncio.gather(*(caller(n) for n in range(60)))) == 10
