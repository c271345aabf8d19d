from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from kernel.clock import ManualClock
from kernel.ids import Ids
from server.encryption import FieldCipher
from services.identity.cache import SessionCache
from services.identity.model import Level, Session
from services.store import Database
from tests.services.identity.conftest import MASTER_KEY, PhoneAnswer, Residents, WeChat, id_number, residents_over


@pytest.fixture
async def counted_residents(
    residents: Residents, counted: Database, valkey: Redis, clock: ManualClock, ids: Ids
) -> Any:
    """The same residents seen by another process whose database commands are counted."""
    cipher = FieldCipher(counted, MASTER_KEY)
    yield residents_over(counted, valkey, clock, ids, cipher, WeChat())
    await cipher.close()


async def test_a_request_whose_session_is_cached_costs_no_database_command(
    residents: Residents, counted_residents: Residents, commands: list[str]
) -> None:
    token, person = await residents.login()
    commands.clear()
    for _ in range(3):
        session = await counted_residents.queries.session(token)
        assert session is not None
        assert session.person_id == person
    assert commands == []


async def test_a_session_that_is_not_cached_costs_two_commands_once(
    residents: Residents, counted_residents: Residents, commands: list[str], valkey: Redis
) -> None:
    token, _ = await residents.login()
    await valkey.flushdb()
    commands.clear()
    for _ in range(3):
        assert await counted_residents.queries.session(token) is not None
    assert commands == ["find", "find"]


async def test_what_cannot_be_a_token_is_turned_away_without_asking_anyone(
    counted_residents: Residents, commands: list[str]
) -> None:
    for text in ("", "abc", "0" * 63, "0" * 65, "Z" * 64, "0" * 63 + "\n", "é" * 64):
        assert await counted_residents.queries.session(text) is None
    assert commands == []
    assert await counted_residents.queries.session("0" * 64) is None


async def test_only_the_hash_of_a_token_is_stored(residents: Residents, database: Database, valkey: Redis) -> None:
    token, person = await residents.login()
    hashed = hashlib.sha256(token.encode()).hexdigest()
    assert [document["_id"] async for document in database["sessions"].find()] == [hashed]
    assert await valkey.keys() == [f"session:{hashed}"]
    kept = json.loads(await valkey.get(f"session:{hashed}"))
    assert set(kept["session"]) == {"person_id", "level", "expires_at"}
    assert kept["session"]["person_id"] == person
    assert 0 < await valkey.pttl(f"session:{hashed}") <= 60_000


async def test_a_session_ends_thirty_days_after_the_login_however_much_it_is_used(
    residents: Residents, clock: ManualClock
) -> None:
    token, _ = await residents.login()
    for _ in range(29):
        clock.advance(timedelta(days=1))
        assert await residents.queries.session(token) is not None
    clock.advance(timedelta(days=1) - timedelta(milliseconds=1))
    assert await residents.queries.session(token) is not None
    clock.advance(timedelta(milliseconds=1))
    assert await residents.queries.session(token) is None


async def test_signing_out_ends_one_session_at_once_and_twice_is_no_error(residents: Residents) -> None:
    token, _ = await residents.login()
    other, _ = await residents.login()
    assert await residents.queries.session(token) is not None
    for _ in range(2):
        await residents.actions.do_logout(token)
        assert await residents.queries.session(token) is None
    await residents.actions.do_logout("nonsense")
    assert await residents.queries.session(other) is not None


async def test_all_sessions_know_a_new_level_at_once_and_from_the_cache(
    residents: Residents, counted_residents: Residents, commands: list[str]
) -> None:
    tokens = [(await residents.login())[0] for _ in range(3)]
    session = await residents.queries.session(tokens[0])
    assert session is not None
    assert session.level is Level.WECHAT
    residents.wechat.phones["p"] = PhoneAnswer("13812341234")
    for change, level in (
        (residents.actions.do_bind_phone(session.person_id, "p"), Level.PHONE),
        (residents.actions.do_verify(session.person_id, "张三", id_number()), Level.REAL_NAME),
    ):
        await change
        commands.clear()
        sessions = [await counted_residents.queries.session(token) for token in tokens]
        assert [s.level for s in sessions if s] == [level] * 3
        assert commands == []


class _HeldBack:
    """A cache write that is held back at the moment it would happen."""

    def __init__(self, cache: SessionCache[Session]) -> None:
        self._put = cache.put
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()
        cache.put = self  # type: ignore[method-assign, assignment]

    async def __call__(self, *arguments: Any) -> None:
        self.reached.set()
        await self.go_on.wait()
        await self._put(*arguments)


async def test_a_reader_that_was_about_to_cache_a_session_does_not_revive_one_signed_out(
    residents: Residents, counted_residents: Residents, valkey: Redis
) -> None:
    token, _ = await residents.login()
    await valkey.flushdb()
    held = _HeldBack(counted_residents.cache)
    reader = asyncio.create_task(counted_residents.queries.session(token))
    await held.reached.wait()
    await residents.actions.do_logout(token)
    held.go_on.set()
    assert await reader is not None
    assert await residents.queries.session(token) is None


async def test_a_reader_that_was_about_to_cache_an_old_level_does_not_hide_the_new_one(
    residents: Residents, counted_residents: Residents, valkey: Redis
) -> None:
    token, person = await residents.login()
    await valkey.flushdb()
    held = _HeldBack(counted_residents.cache)
    reader = asyncio.create_task(counted_residents.queries.session(token))
    await held.reached.wait()
    await residents.actions.do_verify(person, "张三", id_number())
    held.go_on.set()
    await reader
    session = await residents.queries.session(token)
    assert session is not None
    assert session.level is Level.REAL_NAME


async def test_without_valkey_everything_goes_on_from_the_database(
    residents: Residents, database: Database, dead_valkey: Redis, clock: ManualClock, ids: Ids, cipher: FieldCipher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    alone = residents_over(database, dead_valkey, clock, ids, cipher, WeChat())
    connect, waits = dead_valkey.connection_pool.get_connection, 0

    async def counted(*given: Any, **named: Any) -> Any:
        nonlocal waits
        waits += 1
        return await connect(*given, **named)

    monkeypatch.setattr(dead_valkey.connection_pool, "get_connection", counted)
    token, person = await alone.login()
    session = await alone.queries.session(token)
    assert session is not None
    assert session.person_id == person
    await alone.actions.do_verify(person, "张三", id_number())
    session = await alone.queries.session(token)
    assert session is not None
    assert session.level is Level.REAL_NAME
    await alone.actions.do_logout(token)
    assert await alone.queries.session(token) is None
    # One that finds Valkey away, one that ends a session although it is.
    assert waits == 2


async def test_a_valkey_that_is_away_is_asked_again_only_after_a_rest(
    residents: Residents, dead_valkey: Redis, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    cache = SessionCache(dead_valkey, "session", Session, clock, timedelta(seconds=60))
    for _ in range(50):
        assert await cache.get("0" * 64) is None
    assert [record.getMessage() for record in caplog.records] == ["session cache unavailable"]
    clock.advance(timedelta(seconds=2))
    await cache.get("0" * 64)
    assert len(caplog.records) == 2


async def test_an_entry_that_another_edition_has_written_is_as_good_as_none(
    residents: Residents, valkey: Redis
) -> None:
    token, _ = await residents.login()
    (key,) = await valkey.keys()
    for text in ("nonsense", "[]", '{"version": 1, "until": "2099-01-01T00:00:00Z", "session": {"who": 1}}'):
        await valkey.set(key, text)
        assert await residents.queries.session(token) is not None
