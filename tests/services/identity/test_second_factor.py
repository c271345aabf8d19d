"""The second factor of staff: codes of RFC 6238, each once; recovery codes; enrolment, reset; guessing locks."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis

from kernel.clock import ManualClock
from kernel.errors import BanshiError, Code, Conflict, NotAllowed, NotAuthenticated
from kernel.ids import Ids
from server.encryption import FieldCipher
from services.identity.staff import second_factor
from services.identity.staff.model import Result, Role
from services.store import Database
from tests.services.identity.conftest import FAST, PASSWORD, StaffHouse, staff_over

ADDRESS = "10.1.2.3"
USERNAME = "wang.fang"
# RFC 6238, appendix B, SHA-1: seconds since 1970 and the code, of which the last six digits count here.
SECRET = b"12345678901234567890"
VECTORS = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]


async def account(staff: StaffHouse) -> str:
    return (await staff.actions.do_create_staff(USERNAME, PASSWORD, [Role.AGENT], by="command")).staff_id


async def enrol(staff: StaffHouse, clock: ManualClock, staff_id: str) -> tuple[bytes, list[str], str]:
    """(secret, recovery codes, token of the session that enrolled)"""
    token, _ = await staff.actions.do_sign_in(USERNAME, PASSWORD, ADDRESS)
    made = await staff.actions.do_begin_enrolment(staff_id, PASSWORD, None, ADDRESS)
    secret = second_factor.from_text(made.secret)
    codes = await staff.actions.do_confirm_enrolment(staff_id, code(secret, clock), token, ADDRESS)
    return secret, codes, token


def code(secret: bytes, clock: ManualClock, steps: int = 0) -> str:
    return second_factor.code_at(secret, second_factor.step_at(clock.now()) + steps)


async def refusal(staff: StaffHouse, given: str | None, password: str = PASSWORD) -> Code | None:
    try:
        await staff.actions.do_sign_in(USERNAME, password, ADDRESS, given)
    except BanshiError as error:
        return error.code
    return None


@pytest.mark.parametrize(("seconds", "expected"), VECTORS)
def test_codes_are_those_of_the_standard(seconds: int, expected: str) -> None:
    now = datetime.fromtimestamp(seconds, UTC)
    assert second_factor.code_at(SECRET, second_factor.step_at(now)) == expected[-6:]
    assert second_factor.step_of(SECRET, f" {expected[-6:-3]} {expected[-3:]} ", now) == seconds // 30


@pytest.mark.parametrize(("steps", "right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
async def test_a_clock_may_be_one_step_off_and_no_more(
    staff: StaffHouse, clock: ManualClock, steps: int, right: bool
) -> None:
    secret, _, _ = await enrol(staff, clock, await account(staff))
    clock.advance(timedelta(minutes=5))
    assert (await refusal(staff, code(secret, clock, steps)) is None) == right


async def test_the_password_alone_is_not_enough_and_a_wrong_password_says_nothing_of_the_code(
    staff: StaffHouse, clock: ManualClock
) -> None:
    secret, _, _ = await enrol(staff, clock, await account(staff))
    clock.advance(timedelta(minutes=1))
    assert await refusal(staff, None) is Code.SECOND_FACTOR_REQUIRED
    assert await refusal(staff, "") is Code.SECOND_FACTOR_REQUIRED
    assert await refusal(staff, code(secret, clock), "a wrong password") is Code.WRONG_CREDENTIALS
    assert await refusal(staff, code(secret, clock)) is None


async def test_a_code_opens_once_also_for_many_at_the_same_moment(staff: StaffHouse, clock: ManualClock) -> None:
    secret, _, _ = await enrol(staff, clock, await account(staff))
    assert await refusal(staff, code(secret, clock)) is Code.WRONG_SECOND_FACTOR  # it confirmed the enrolment
    clock.advance(timedelta(seconds=30))
    answers = await asyncio.gather(*(refusal(staff, code(secret, clock)) for _ in range(4)))
    assert sorted(answers, key=str) == [Code.WRONG_SECOND_FACTOR] * 3 + [None]
    # Nor does a code of an earlier step, still within the drift, open after a later one was used.
    assert await refusal(staff, code(secret, clock, -1)) is Code.WRONG_SECOND_FACTOR


async def test_guessed_codes_lock_the_account_and_the_password_alone_does_not_clear_them(
    staff: StaffHouse, clock: ManualClock
) -> None:
    secret, _, _ = await enrol(staff, clock, await account(staff))
    clock.advance(timedelta(minutes=1))
    for _ in range(FAST.wrong_passwords):
        assert await refusal(staff, "000000") is Code.WRONG_SECOND_FACTOR
        if _ < FAST.wrong_passwords - 1:
            assert await refusal(staff, None) is Code.SECOND_FACTOR_REQUIRED
    assert await refusal(staff, code(secret, clock)) is Code.ACCOUNT_LOCKED
    assert await refusal(staff, None) is Code.ACCOUNT_LOCKED
    clock.advance(FAST.locked_for + timedelta(seconds=1))
    assert await refusal(staff, code(secret, clock)) is None


async def test_the_password_alone_may_be_given_any_number_of_times(staff: StaffHouse, clock: ManualClock) -> None:
    await enrol(staff, clock, await account(staff))
    for _ in range(3 * FAST.wrong_passwords):
        assert await refusal(staff, None) is Code.SECOND_FACTOR_REQUIRED


async def test_recovery_codes_open_once_each_however_they_are_typed(staff: StaffHouse, clock: ManualClock) -> None:
    staff_id = await account(staff)
    _, codes, _ = await enrol(staff, clock, staff_id)
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}", one) for one in codes)
    typed = codes[0].lower().replace("-", " ").replace("0", "o").replace("1", "l")
    answers = await asyncio.gather(*(refusal(staff, typed) for _ in range(3)))
    assert sorted(answers, key=str) == [Code.WRONG_SECOND_FACTOR] * 2 + [None]
    assert await refusal(staff, codes[1]) is None
    assert (await staff.queries.account(staff_id)).recovery_codes_left == 8
    assert await refusal(staff, "0000-0000-0000-0000") is Code.WRONG_SECOND_FACTOR


async def test_new_recovery_codes_take_the_place_of_the_old(staff: StaffHouse, clock: ManualClock) -> None:
    staff_id = await account(staff)
    secret, old, token = await enrol(staff, clock, staff_id)
    clock.advance(timedelta(seconds=30))
    new = await staff.actions.do_renew_recovery_codes(staff_id, PASSWORD, code(secret, clock), ADDRESS)
    assert await staff.queries.session(token) is not None
    assert await refusal(staff, old[0]) is Code.WRONG_SECOND_FACTOR
    assert await refusal(staff, new[0]) is None


async def test_enrolling_ends_the_sessions_opened_by_password_alone_but_the_one_that_enrolled(
    staff: StaffHouse, clock: ManualClock
) -> None:
    staff_id = await account(staff)
    other, _ = await staff.actions.do_sign_in(USERNAME, PASSWORD, ADDRESS)
    assert await staff.queries.session(other) is not None
    _, _, token = await enrol(staff, clock, staff_id)
    assert await staff.queries.session(other) is None
    assert await staff.queries.session(token) is not None


async def test_where_it_is_required_nobody_counts_as_let_in_before_they_have_enrolled(
    database: Database, valkey: Redis, clock: ManualClock, ids: Ids, cipher: FieldCipher, staff: StaffHouse
) -> None:
    strict = staff_over(database, valkey, clock, ids, cipher, replace(FAST, second_factor_required=True))
    staff_id = await account(strict)
    token, session = await strict.actions.do_sign_in(USERNAME, PASSWORD, ADDRESS)
    assert session.enrolment_due
    before = await strict.queries.session(token)
    assert before is not None
    assert before.enrolment_due
    _, _, enrolled = await enrol(strict, clock, staff_id)
    after = await strict.queries.session(enrolled)
    assert after is not None
    assert not after.enrolment_due
    strict.passwords.close()


async def test_an_enrolment_is_in_force_only_once_a_code_has_confirmed_it(
    staff: StaffHouse, clock: ManualClock
) -> None:
    staff_id = await account(staff)
    token, _ = await staff.actions.do_sign_in(USERNAME, PASSWORD, ADDRESS)
    with pytest.raises(Conflict) as none_begun:
        await staff.actions.do_confirm_enrolment(staff_id, "123456", token, ADDRESS)
    assert none_begun.value.code is Code.ACTION_NOT_ALLOWED
    await staff.actions.do_begin_enrolment(staff_id, PASSWORD, None, ADDRESS)
    with pytest.raises(NotAuthenticated) as wrong:
        await staff.actions.do_confirm_enrolment(staff_id, "000000", token, ADDRESS)
    assert wrong.value.code is Code.WRONG_SECOND_FACTOR
    assert await refusal(staff, None) is None
    with pytest.raises(NotAuthenticated):
        await staff.actions.do_begin_enrolment(staff_id, "not the password", None, ADDRESS)


async def test_another_telephone_is_enrolled_with_a_code_of_the_old_one(staff: StaffHouse, clock: ManualClock) -> None:
    staff_id = await account(staff)
    old, _, token = await enrol(staff, clock, staff_id)
    with pytest.raises(NotAuthenticated) as missing:
        await staff.actions.do_begin_enrolment(staff_id, PASSWORD, None, ADDRESS)
    assert missing.value.code is Code.SECOND_FACTOR_REQUIRED
    clock.advance(timedelta(seconds=30))
    made = await staff.actions.do_begin_enrolment(staff_id, PASSWORD, code(old, clock), ADDRESS)
    new = second_factor.from_text(made.secret)
    await staff.actions.do_confirm_enrolment(staff_id, code(new, clock), token, ADDRESS)
    clock.advance(timedelta(seconds=30))
    assert await refusal(staff, code(old, clock)) is Code.WRONG_SECOND_FACTOR
    assert await refusal(staff, code(new, clock)) is None


async def test_an_administrator_resets_a_second_factor_but_not_their_own(staff: StaffHouse, clock: ManualClock) -> None:
    staff_id = await account(staff)
    _, codes, token = await enrol(staff, clock, staff_id)
    boss = (await staff.actions.do_create_staff("boss", PASSWORD, [Role.ADMINISTRATOR], by="command")).staff_id
    await staff.actions.do_reset_second_factor(staff_id, by=boss, address=ADDRESS)
    assert await staff.queries.session(token) is None
    assert await refusal(staff, None) is None
    assert not (await staff.queries.account(staff_id)).second_factor
    assert await refusal(staff, codes[0]) is None  # not looked at any more
    for refused in (staff.actions.do_reset_second_factor, staff.actions.do_disable):
        with pytest.raises(NotAllowed) as own:
            await refused(boss, by=boss, address=ADDRESS)
        assert own.value.fields["reason"] == "oneself"
    with pytest.raises(NotAllowed):
        await staff.actions.do_set_profile(boss, [Role.AGENT], by=boss)


async def test_every_use_stands_in_the_audit_and_neither_secret_nor_code_stands_anywhere(
    staff: StaffHouse, clock: ManualClock, database: Database
) -> None:
    staff_id = await account(staff)
    secret, codes, _ = await enrol(staff, clock, staff_id)
    await refusal(staff, None)
    await refusal(staff, "000000")
    found = [(e.action, e.result) for e in await staff.queries.audit_of(staff_id)]
    for expected in (
        ("create", Result.DONE),
        ("begin_enrolment", Result.DONE),
        ("enrol", Result.DONE),
        ("sign_in", Result.SECOND_FACTOR_ASKED),
        ("sign_in", Result.WRONG_SECOND_FACTOR),
    ):
        assert expected in found
    kept = ""
    for name in await database.list_collection_names():
        kept += str([document async for document in database[name].find()])
    for told in (second_factor.to_text(secret), repr(secret), codes[0], codes[0].replace("-", "")):
        assert told not in kept


async def test_one_changes_ones_password_with_the_old_one_and_a_code(staff: StaffHouse, clock: ManualClock) -> None:
    staff_id = await account(staff)
    secret, _, token = await enrol(staff, clock, staff_id)
    clock.advance(timedelta(seconds=30))
    with pytest.raises(NotAuthenticated):
        await staff.actions.do_change_password(staff_id, "not the old one", "another long one", None, ADDRESS)
    with pytest.raises(NotAuthenticated):
        await staff.actions.do_change_password(staff_id, PASSWORD, "another long one", None, ADDRESS)
    await staff.actions.do_change_password(staff_id, PASSWORD, "another long one", code(secret, clock), ADDRESS)
    assert await staff.queries.session(token) is None
    clock.advance(timedelta(seconds=30))
    assert await refusal(staff, code(secret, clock), "another long one") is None


async def test_the_audit_is_read_page_by_page_without_loss_or_repeat(staff: StaffHouse, clock: ManualClock) -> None:
    staff_id = await account(staff)
    for index in range(11):
        if index % 3 == 0:
            clock.advance(timedelta(milliseconds=1))
        await refusal(staff, None)
    start, end = clock.now() - timedelta(hours=1), clock.now() + timedelta(hours=1)
    seen: list[str] = []
    before = None
    while page := await staff.queries.audit_page(start, end, staff_id, before, 5):
        assert page == sorted(page, key=lambda e: (e.at, e.id), reverse=True)
        seen += [entry.id for entry in page]
        before = page[-1].id
    assert len(seen) == len(set(seen)) == 12
    with pytest.raises(BanshiError) as unknown:
        await staff.queries.audit_page(start, end, None, "EV-NOBODY", 5)
    assert unknown.value.fields["field"] == "before"


async def test_a_profile_names_roles_place_and_department_and_ends_sessions(staff: StaffHouse) -> None:
    staff_id = await account(staff)
    token, session = await staff.actions.do_sign_in(USERNAME, PASSWORD, ADDRESS)
    assert (session.name, session.department) == (USERNAME, None)
    await staff.actions.do_set_profile(
        staff_id, [Role.APPROVER], by="command", name=" 王芳 ", centre="WH-CITY", department="市公安局"
    )
    assert await staff.queries.session(token) is None
    _, session = await staff.actions.do_sign_in(USERNAME, PASSWORD, ADDRESS)
    assert (session.name, session.roles, session.department) == ("王芳", [Role.APPROVER], "市公安局")
    await staff.actions.do_set_profile(staff_id, [Role.APPROVER], by="command")
    assert (await staff.queries.account(staff_id)).department is None
    assert [one.username for one in await staff.queries.accounts()] == [USERNAME]
    assert await staff.queries.accounts(after=USERNAME) == []
