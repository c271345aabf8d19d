from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from kernel.clock import ManualClock
from kernel.ids import Ids
from server.encryption import FieldCipher
from services.identity.staff.model import Role
from services.store import Database
from tests.services.identity.conftest import PASSWORD, StaffHouse, staff_over

ADDRESS = "10.1.2.3"


async def sign_in(staff: StaffHouse) -> str:
    """The token of a new account."""
    await staff.actions.do_create_staff("wang.fang", PASSWORD, [Role.SUPERVISOR], by="command")
    return (await staff.actions.do_sign_in("wang.fang", PASSWORD, ADDRESS))[0]


async def test_half_an_hour_without_a_request_ends_a_session(staff: StaffHouse, clock: ManualClock) -> None:
    token = await sign_in(staff)
    for _ in range(3):
        clock.advance(timedelta(minutes=29))
        assert await staff.queries.session(token) is not None
    clock.advance(timedelta(minutes=30))
    assert await staff.queries.session(token) is None


async def test_twelve_hours_end_a_session_however_much_it_is_used(staff: StaffHouse, clock: ManualClock) -> None:
    token = await sign_in(staff)
    for _ in range(35):
        clock.advance(timedelta(minutes=20))
        assert await staff.queries.session(token) is not None
    clock.advance(timedelta(minutes=20))
    assert await staff.queries.session(token) is None


async def test_the_idle_limit_comes_a_cache_time_early_at_most_and_never_late(
    staff: StaffHouse, clock: ManualClock
) -> None:
    token = await sign_in(staff)
    for _ in range(60):
        clock.advance(timedelta(seconds=40))
        assert await staff.queries.session(token) is not None
    clock.advance(timedelta(minutes=29))
    assert await staff.queries.session(token) is not None
    clock.advance(timedelta(minutes=30))
    assert await staff.queries.session(token) is None


async def test_a_request_whose_session_is_cached_costs_no_database_command_and_the_first_costs_three(
    staff: StaffHouse,
    counted: Database,
    commands: list[str],
    valkey: Redis,
    clock: ManualClock,
    ids: Ids,
    cipher: FieldCipher,
) -> None:
    token = await sign_in(staff)
    other = staff_over(counted, valkey, clock, ids, cipher)
    commands.clear()
    for _ in range(5):
        assert await other.queries.session(token) is not None
    other.passwords.close()
    assert commands == ["find", "find", "update"]


async def test_signing_out_ends_one_session_at_once(staff: StaffHouse) -> None:
    token = await sign_in(staff)
    other, _ = await staff.actions.do_sign_in("wang.fang", PASSWORD, ADDRESS)
    assert await staff.queries.session(token) is not None
    await staff.actions.do_sign_out(token, ADDRESS)
    assert await staff.queries.session(token) is None
    assert await staff.queries.session(other) is not None


async def test_without_valkey_staff_go_on_from_the_database(
    staff: StaffHouse, database: Database, dead_valkey: Redis, clock: ManualClock, ids: Ids, cipher: FieldCipher
) -> None:
    alone = staff_over(database, dead_valkey, clock, ids, cipher)
    token = await sign_in(alone)
    assert await alone.queries.session(token) is not None
    clock.advance(timedelta(minutes=29))
    assert await alone.queries.session(token) is not None
    await alone.actions.do_sign_out(token, ADDRESS)
    assert await alone.queries.session(token) is None
    alone.passwords.close()


async def test_requests_at_the_same_moment_all_pass(staff: StaffHouse, valkey: Redis) -> None:
    token = await sign_in(staff)
    await valkey.flushdb()
    sessions = await asyncio.gather(*(staff.queries.session(token) for _ in range(20)))
    assert None not in sessions


async def test_tokens_of_residents_and_staff_are_not_taken_for_each_other(staff: StaffHouse, valkey: Redis) -> None:
    token = await sign_in(staff)
    assert await staff.queries.session(token) is not None
    assert [key.split(":")[0] for key in await valkey.keys()] == ["staff-session"]


@pytest.mark.parametrize("text", ["", "0" * 64, "x" * 64])
async def test_unknown_tokens_are_nobody(staff: StaffHouse, text: str) -> None:
    assert await staff.queries.session(text) is None
    await staff.actions.do_sign_out(text, ADDRESS)
