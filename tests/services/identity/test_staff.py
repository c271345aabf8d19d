from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import argon2
import pytest
from redis.asyncio import Redis

from kernel.clock import ManualClock
from kernel.errors import (
    ActionNotAllowed,
    BanshiError,
    Code,
    Conflict,
    InvalidInput,
    NotAllowed,
    NotAuthenticated,
    NotFound,
)
from kernel.ids import Ids
from kernel.machine import Actor
from server.encryption import FieldCipher
from services.identity.staff.model import Result, Role, StaffRules
from services.identity.staff.passwords import Passwords
from services.store import Database
from tests.services.identity.conftest import FAST, PASSWORD, StaffHouse, staff_over

ADDRESS = "10.1.2.3"


async def create(staff: StaffHouse, username: str = "wang.fang", *roles: Role) -> str:
    """The staff id of a new account with PASSWORD."""
    view = await staff.actions.do_create_staff(
        username, PASSWORD, roles or (Role.WINDOW_OFFICER,), by="command", centre="wh-hc"
    )
    return view.staff_id


async def codes(staff: StaffHouse, username: str, passwords: list[str]) -> list[Code | None]:
    """The refusal of each attempt, all made at once; None for a sign-in."""
    attempts = (staff.actions.do_sign_in(username, password, ADDRESS) for password in passwords)
    answers = await asyncio.gather(*attempts, return_exceptions=True)
    return [answer.code if isinstance(answer, BanshiError) else None for answer in answers]


def count_verifications(staff: StaffHouse, monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The hashes that passwords are compared with from now on."""
    seen: list[str | None] = []
    verify = staff.passwords.verify

    async def counting(password_hash: str | None, password: str) -> bool:
        seen.append(password_hash)
        return await verify(password_hash, password)

    monkeypatch.setattr(staff.passwords, "verify", counting)
    return seen


async def test_an_account_signs_in_whatever_the_case_of_its_name(staff: StaffHouse) -> None:
    staff_id = await create(staff, "Wang.Fang", Role.APPROVER, Role.AGENT)
    for name in ("wang.fang", " WANG.fang "):
        token, session = await staff.actions.do_sign_in(name, PASSWORD, ADDRESS)
        assert await staff.queries.session(token) == session
        assert (session.staff_id, session.username, session.centre) == (staff_id, "wang.fang", "wh-hc")
        assert session.roles == [Role.AGENT, Role.APPROVER]
    assert (await staff.queries.by_username("Wang.Fang")).staff_id == staff_id


async def test_a_username_is_given_once_even_to_many_at_the_same_moment(staff: StaffHouse) -> None:
    answers = await asyncio.gather(*(create(staff) for _ in range(5)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Conflict)]
    assert [error.code for error in refused] == [Code.USERNAME_TAKEN] * 4


@pytest.mark.parametrize("username", ["", "ab", "1abc", "王芳王芳", "a" * 33, "a b c", "abc\n1", "abc@x"])
async def test_usernames_have_one_shape(staff: StaffHouse, username: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await create(staff, username)
    assert refused.value.fields["field"] == "$.username"


@pytest.mark.parametrize(
    ("password", "reason"),
    [("elevenchars", "length"), ("x" * 129, "length"), ("I am Wang.Fang now", "contains_username"), ("", "length")],
)
async def test_a_password_is_long_and_does_not_contain_the_username(
    staff: StaffHouse, password: str, reason: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await staff.actions.do_create_staff("wang.fang", password, [Role.AGENT], by="command")
    assert refused.value.fields == {"field": "$.password", "reason": reason}


async def test_roles_are_named_and_nobody_audits_their_own_administration(staff: StaffHouse) -> None:
    for roles in ([], [Role.AUDITOR, Role.ADMINISTRATOR]):
        with pytest.raises(InvalidInput) as refused:
            await staff.actions.do_create_staff("wang.fang", PASSWORD, roles, by="command")
        assert refused.value.fields["field"] == "$.roles"


async def test_a_wrong_password_an_unknown_name_and_a_disabled_account_are_one_answer(
    staff: StaffHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create(staff)
    await staff.actions.do_disable(await create(staff, "li.lei"), by="command")
    seen = count_verifications(staff, monkeypatch)
    refusals = []
    for username, password in (
        ("wang.fang", "wrong"),
        ("nobody", PASSWORD),
        ("li.lei", PASSWORD),
        ("\x00", "x" * 5000),
    ):
        with pytest.raises(NotAuthenticated) as refused:
            await staff.actions.do_sign_in(username, password, ADDRESS)
        refusals.append((refused.value.code, dict(refused.value.fields), refused.value.detail))
    assert refusals == [(Code.WRONG_CREDENTIALS, {}, Code.WRONG_CREDENTIALS.sentence)] * 4
    assert len(seen) == 4


async def test_the_hash_of_nobody_costs_what_any_hash_costs_and_fits_no_password() -> None:
    passwords = Passwords(StaffRules())
    mine = await passwords.hash("")
    assert argon2.extract_parameters(passwords._nobody) == argon2.extract_parameters(mine)
    assert not await passwords.verify(None, "")
    assert await passwords.verify(mine, "")
    passwords.close()


async def test_hashes_are_argon2id_with_the_parameters_of_the_rules() -> None:
    passwords = Passwords(StaffRules())
    assert (await passwords.hash(PASSWORD)).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    passwords.close()


async def test_the_fifth_wrong_password_locks_for_fifteen_minutes(staff: StaffHouse, clock: ManualClock) -> None:
    await create(staff)
    for _ in range(5):
        assert await codes(staff, "wang.fang", ["wrong"]) == [Code.WRONG_CREDENTIALS]
    with pytest.raises(NotAllowed) as refused:
        await staff.actions.do_sign_in("wang.fang", PASSWORD, ADDRESS)
    assert refused.value.code is Code.ACCOUNT_LOCKED
    assert refused.value.fields == {"retry_after": 900}
    clock.advance(timedelta(minutes=15) - timedelta(milliseconds=1))
    assert await codes(staff, "wang.fang", [PASSWORD]) == [Code.ACCOUNT_LOCKED]
    clock.advance(timedelta(milliseconds=1))
    for _ in range(5):
        assert await codes(staff, "wang.fang", ["wrong"]) == [Code.WRONG_CREDENTIALS]
    assert await codes(staff, "wang.fang", ["wrong"]) == [Code.ACCOUNT_LOCKED]


async def test_a_right_password_starts_the_count_anew(staff: StaffHouse) -> None:
    await create(staff)
    for _ in range(3):
        for _ in range(4):
            assert await codes(staff, "wang.fang", ["wrong"]) == [Code.WRONG_CREDENTIALS]
        assert await codes(staff, "wang.fang", [PASSWORD]) == [None]


@pytest.mark.parametrize("username", ["wang.fang", "nobody"])
async def test_of_many_guesses_at_once_five_are_looked_at_whether_or_not_the_name_exists(
    staff: StaffHouse, username: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create(staff)
    seen = count_verifications(staff, monkeypatch)
    answers = await codes(staff, username, [f"guess {n}" for n in range(40)])
    assert len(seen) == 5
    assert answers.count(Code.WRONG_CREDENTIALS) == 5
    assert answers.count(Code.ACCOUNT_LOCKED) == 35


async def test_guesses_at_once_after_a_lock_has_passed_are_bounded_too(
    staff: StaffHouse, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create(staff)
    await codes(staff, "wang.fang", ["wrong"] * 6)
    clock.advance(timedelta(minutes=15))
    seen = count_verifications(staff, monkeypatch)
    await codes(staff, "wang.fang", ["wrong"] * 40)
    assert len(seen) == 5


async def test_a_new_password_unlocks_and_ends_all_sessions(staff: StaffHouse) -> None:
    staff_id = await create(staff)
    tokens = [(await staff.actions.do_sign_in("wang.fang", PASSWORD, ADDRESS))[0] for _ in range(2)]
    assert await staff.queries.session(tokens[0]) is not None
    await codes(staff, "wang.fang", ["wrong"] * 6)
    await staff.actions.do_set_password(staff_id, "another long password", by="command")
    assert [await staff.queries.session(token) for token in tokens] == [None, None]
    assert await codes(staff, "wang.fang", [PASSWORD]) == [Code.WRONG_CREDENTIALS]
    assert await codes(staff, "wang.fang", ["another long password"]) == [None]


async def test_a_sign_in_with_the_old_password_that_finishes_late_opens_no_session(
    staff: StaffHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff_id = await create(staff)
    verify = staff.passwords.verify

    async def overtaken(password_hash: str | None, password: str) -> bool:
        right = await verify(password_hash, password)
        await staff.actions.do_set_password(staff_id, "another long password", by="command")
        return right

    monkeypatch.setattr(staff.passwords, "verify", overtaken)
    token, _ = await staff.actions.do_sign_in("wang.fang", PASSWORD, ADDRESS)
    assert await staff.queries.session(token) is None


async def test_a_disabled_account_loses_its_sessions_and_comes_back_without_them(staff: StaffHouse) -> None:
    staff_id = await create(staff)
    token, _ = await staff.actions.do_sign_in("wang.fang", PASSWORD, ADDRESS)
    assert await staff.queries.session(token) is not None
    await staff.actions.do_disable(staff_id, by="command")
    assert await staff.queries.session(token) is None
    assert (await staff.queries.account(staff_id)).state == "disabled"
    for refused in (staff.actions.do_disable, staff.actions.do_enable):
        if refused == staff.actions.do_enable:
            await staff.actions.do_enable(staff_id, by="command")
        with pytest.raises(ActionNotAllowed):
            await refused(staff_id, by="command")
    assert await staff.queries.session(token) is None
    assert await codes(staff, "wang.fang", [PASSWORD]) == [None]


async def test_an_unknown_account_is_not_found(staff: StaffHouse) -> None:
    for call in (
        staff.actions.do_disable("ST0", by="command"),
        staff.actions.do_set_password("ST0", PASSWORD, by="command"),
        staff.queries.account("ST0"),
        staff.queries.by_username("nobody"),
    ):
        with pytest.raises(NotFound):
            await call


async def test_every_use_of_an_account_is_in_the_audit_with_its_result_and_address(
    staff: StaffHouse, clock: ManualClock
) -> None:
    start = clock.now()
    chief = await create(staff, "chief", Role.ADMINISTRATOR)
    staff_id = await create(staff)
    clock.advance(timedelta(seconds=1))
    await codes(staff, "wang.fang", ["wrong"])
    clock.advance(timedelta(seconds=1))
    token, _ = await staff.actions.do_sign_in("wang.fang", PASSWORD, ADDRESS)
    clock.advance(timedelta(seconds=1))
    await staff.actions.do_sign_out(token, ADDRESS)
    await staff.actions.do_sign_out(token, ADDRESS)
    clock.advance(timedelta(seconds=1))
    await staff.actions.do_disable(staff_id, by=chief, address="10.9.9.9")
    clock.advance(timedelta(seconds=1))
    await codes(staff, "wang.fang", [PASSWORD])
    entries = reversed(await staff.queries.audit_of(staff_id))
    assert [(e.action, e.result, e.by, e.address) for e in entries] == [
        ("create", Result.DONE, "command", ""),
        ("sign_in", Result.WRONG_PASSWORD, staff_id, ADDRESS),
        ("sign_in", Result.DONE, staff_id, ADDRESS),
        ("sign_out", Result.DONE, staff_id, ADDRESS),
        ("disable", Result.DONE, chief, "10.9.9.9"),
        ("sign_in", Result.DISABLED, staff_id, ADDRESS),
    ]
    await codes(staff, "nobody", [PASSWORD])
    everything = await staff.queries.audit_between(start, clock.now() + timedelta(seconds=1))
    assert len(everything) == 8
    assert {(e.staff_id, e.result) for e in everything} >= {(None, Result.UNKNOWN_USER), (chief, Result.DONE)}
    account = await staff.accounts.get(staff_id)
    assert account is not None
    assert [entry.actor for entry in account.history] == [Actor.SYSTEM, Actor.STAFF]


async def test_a_username_that_nobody_has_is_written_nowhere(staff: StaffHouse, database: Database) -> None:
    await codes(staff, "typed-my-password-here", ["x"] * 7)
    for name in await database.list_collection_names():
        assert "typed-my-password-here" not in str([document async for document in database[name].find()])


async def test_a_sign_in_renews_a_hash_made_with_weaker_parameters(
    staff: StaffHouse, database: Database, valkey: Redis, clock: ManualClock, ids: Ids, cipher: FieldCipher
) -> None:
    staff_id = await create(staff)
    before = await staff.accounts.get(staff_id)
    stronger = staff_over(database, valkey, clock, ids, cipher, replace(FAST, argon2_iterations=2))
    token, _ = await stronger.actions.do_sign_in("wang.fang", PASSWORD, ADDRESS)
    stronger.passwords.close()
    after = await staff.accounts.get(staff_id)
    assert before is not None
    assert after is not None
    assert (",t=1," in before.password_hash, ",t=2," in after.password_hash) == (True, True)
    assert await staff.queries.session(token) is not None
    assert await codes(staff, "wang.fang", [PASSWORD]) == [None]


async def test_a_renewed_hash_never_undoes_a_new_password(staff: StaffHouse) -> None:
    staff_id = await create(staff)
    stale = await staff.accounts.get(staff_id)
    assert stale is not None
    await staff.actions.do_set_password(staff_id, "another long password", by="command")
    await staff.accounts.rehash(stale, await staff.passwords.hash(PASSWORD))
    assert await codes(staff, "wang.fang", ["another long password"]) == [None]


async def test_passwords_are_the_same_however_the_keyboard_composes_them(staff: StaffHouse) -> None:
    await staff.actions.do_create_staff("wang.fang", "cafe\u0301 ｐａｓｓｗｏｒｄ", [Role.AGENT], by="command")
    assert await codes(staff, "wang.fang", ["caf\u00e9 password"]) == [None]


@pytest.fixture
async def slow_passwords() -> AsyncIterator[Passwords]:
    passwords = Passwords(StaffRules(argon2_memory=65_536, argon2_iterations=3))
    yield passwords
    passwords.close()


async def test_hashing_leaves_the_event_loop_free_and_is_bounded(
    slow_passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, most, lock = 0, 0, threading.Lock()
    hasher = slow_passwords._hasher

    class Watched:
        def hash(self, password: str) -> str:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            try:
                return hasher.hash(password)
            finally:
                with lock:
                    running -= 1

    monkeypatch.setattr(slow_passwords, "_hasher", Watched())
    work: Any = asyncio.gather(*(slow_passwords.hash(PASSWORD) for _ in range(6)))
    ticks, started = 0, time.monotonic()
    while not work.done():
        await asyncio.sleep(0.001)
        ticks += 1
    elapsed = time.monotonic() - started
    assert most == 2
    # A blocked loop would have ticked once or twice a hash; a hundredth of what is possible shows that it was free.
    assert ticks > max(12, elapsed / 0.1)
