from __future__ import annotations

import asyncio
import inspect

import pytest
from pymongo.errors import PyMongoError

from gateways.wechat import WeChatClient
from kernel.errors import Code, Conflict, InvalidInput, NotFound
from kernel.ids import Kind, normalise
from kernel.machine import Actor
from services.identity.actions import LoginGateway
from services.identity.machine import PERSON
from services.identity.model import Contact, Level, Person
from services.store import Database, Step
from tests.services.identity.conftest import LoginAnswer, PhoneAnswer, Residents, id_number


async def test_the_first_login_makes_the_account_and_the_next_finds_it(residents: Residents) -> None:
    token, person = await residents.login("oA")
    again, same = await residents.login("oA")
    assert person == same == normalise(person, Kind.PERSON)
    assert token != again
    assert await residents.queries.person_by_openid("oA") == person
    assert await residents.queries.person_by_openid("oB") is None
    assert (await residents.login("oB"))[1] != person


async def test_first_logins_at_the_same_moment_make_one_account(
    residents: Residents, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    everybody, by_openid = asyncio.Barrier(20), residents.persons.by_openid
    lookups = 0

    async def all_find_nobody(openid: str) -> Person | None:
        nonlocal lookups
        lookups += 1
        first = lookups <= everybody.parties
        person = await by_openid(openid)
        if first:
            await everybody.wait()
        return person

    monkeypatch.setattr(residents.persons, "by_openid", all_find_nobody)
    answers = await asyncio.gather(*(residents.login("oA") for _ in range(20)))
    assert lookups == 20 + 19
    assert len({person for _, person in answers}) == 1
    assert len({token for token, _ in answers}) == 20
    assert await database["persons"].count_documents({}) == 1
    for token, person in answers:
        session = await residents.queries.session(token)
        assert session is not None
        assert session.person_id == person


async def test_what_nobody_looks_up_does_not_show_who_has_the_same(residents: Residents) -> None:
    stored = []
    for openid, number in (("oA", 1), ("oB", 2)):
        residents.wechat.logins[openid] = LoginAnswer(openid, unionid="u")
        _, session = await residents.actions.do_login(openid)
        residents.wechat.phones["p"] = PhoneAnswer("13812341234")
        await residents.actions.do_bind_phone(session.person_id, "p")
        await residents.actions.do_verify(session.person_id, "张三", id_number(number))
        stored.append(await residents.persons.get(session.person_id))
    for field in ("name", "phone", "unionid"):
        assert len({getattr(person, field) for person in stored}) == 2


async def test_a_login_code_that_wechat_refuses_makes_no_account(residents: Residents, database: Database) -> None:
    with pytest.raises(InvalidInput) as refused:
        await residents.actions.do_login("used")
    assert refused.value.code is Code.INVALID_LOGIN_CODE
    assert await database["persons"].count_documents({}) == 0


async def test_a_bound_phone_raises_the_level_and_is_shown_masked(residents: Residents) -> None:
    _, person = await residents.login("oA")
    residents.wechat.phones["p"] = PhoneAnswer("13812341234")
    profile = await residents.actions.do_bind_phone(person, "p")
    assert (profile.level, profile.phone) == (Level.PHONE, "138****1234")
    assert residents.wechat.asked_for == ["oA"]
    assert await residents.queries.contact(person) == Contact(openid="oA", phone="13812341234")


async def test_another_phone_replaces_the_first_and_the_same_one_changes_nothing(residents: Residents) -> None:
    _, person = await residents.login()
    for code, number in (("a", "13812341234"), ("b", "13912345678"), ("c", "13912345678")):
        residents.wechat.phones[code] = PhoneAnswer(number)
        await residents.actions.do_bind_phone(person, code)
    assert (await residents.queries.contact(person)).phone == "13912345678"
    stored = await residents.persons.get(person)
    assert stored is not None
    assert [entry.action for entry in stored.history] == ["register", "bind_phone", "bind_phone"]


@pytest.mark.parametrize("answer", [PhoneAnswer("91234567", "852"), PhoneAnswer("05315123456")])
async def test_a_number_that_gets_no_messages_from_the_city_is_refused(
    residents: Residents, answer: PhoneAnswer
) -> None:
    _, person = await residents.login()
    residents.wechat.phones["p"] = answer
    with pytest.raises(InvalidInput) as refused:
        await residents.actions.do_bind_phone(person, "p")
    assert refused.value.code is Code.INVALID_PHONE
    assert answer.local_number not in str(refused.value)


async def test_name_and_id_number_are_given_once_and_shown_masked(residents: Residents) -> None:
    _, person = await residents.login()
    profile = await residents.actions.do_verify(person, "张小明", id_number())
    assert profile.level is Level.REAL_NAME
    assert (profile.name, profile.id_number) == ("张**", "371***********" + id_number()[-4:])
    assert await residents.queries.profile(person) == profile


async def test_the_same_data_again_are_a_quiet_success_however_they_are_typed(residents: Residents) -> None:
    _, person = await residents.login()
    number = next(n for n in map(id_number, range(100, 200)) if n.endswith("X"))
    first = await residents.actions.do_verify(person, "买买提·艾力", number)
    again = await residents.actions.do_verify(person, "买买提•艾力", number.lower())
    assert again == first
    stored = await residents.persons.get(person)
    assert stored is not None
    assert stored.version == 2


@pytest.mark.parametrize(("name", "number"), [("李四", id_number()), ("张三", id_number(124))])
async def test_other_data_later_are_refused_and_change_nothing(residents: Residents, name: str, number: str) -> None:
    _, person = await residents.login()
    before = await residents.actions.do_verify(person, "张三", id_number())
    with pytest.raises(Conflict) as refused:
        await residents.actions.do_verify(person, name, number)
    assert refused.value.code is Code.IDENTITY_ALREADY_SET
    assert refused.value.fields == {}
    assert await residents.queries.profile(person) == before


async def test_a_number_that_another_account_has_given_is_refused(residents: Residents) -> None:
    _, first = await residents.login("oA")
    _, second = await residents.login("oB")
    await residents.actions.do_verify(first, "张三", id_number())
    with pytest.raises(Conflict) as refused:
        await residents.actions.do_verify(second, "张三", id_number())
    assert refused.value.code is Code.IDENTITY_TAKEN
    assert refused.value.fields == {}
    assert (await residents.queries.profile(second)).level is Level.WECHAT


async def test_of_accounts_that_give_one_number_at_the_same_moment_one_gets_it(residents: Residents) -> None:
    people = [(await residents.login(f"o{n}"))[1] for n in range(10)]
    answers = await asyncio.gather(
        *(residents.actions.do_verify(person, "张三", id_number()) for person in people), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, Conflict)]
    assert [error.code for error in refused] == [Code.IDENTITY_TAKEN] * 9
    levels = [(await residents.queries.profile(person)).level for person in people]
    assert sorted(levels) == [Level.WECHAT] * 9 + [Level.REAL_NAME]


async def test_different_data_for_one_account_at_the_same_moment_leave_one_of_them_whole(residents: Residents) -> None:
    _, person = await residents.login()
    given = [("张三", id_number(1)), ("李四", id_number(2)), ("王五", id_number(3))]
    answers = await asyncio.gather(
        *(residents.actions.do_verify(person, *pair) for pair in given), return_exceptions=True
    )
    assert [type(answer) for answer in answers].count(Conflict) == 2
    stored = await residents.persons.get(person)
    assert stored is not None
    personal = await residents.persons.open(stored)
    assert (personal.name, personal.id_number) in given


async def test_phone_and_name_given_at_the_same_moment_are_both_kept(residents: Residents) -> None:
    token, person = await residents.login()
    residents.wechat.phones["p"] = PhoneAnswer("13812341234")
    await asyncio.gather(
        residents.actions.do_bind_phone(person, "p"), residents.actions.do_verify(person, "张三", id_number())
    )
    profile = await residents.queries.profile(person)
    assert (profile.level, profile.name, profile.phone) == (Level.REAL_NAME, "张*", "138****1234")
    session = await residents.queries.session(token)
    assert session is not None
    assert session.level is Level.REAL_NAME


@pytest.mark.parametrize(
    ("name", "number", "field", "reason"),
    [
        ("张", id_number(), "$.name", "length"),
        ("Zhang", id_number(), "$.name", "characters"),
        ("张三", id_number()[:-1] + ("0" if id_number()[-1] != "0" else "1"), "$.id_number", "check_character"),
        ("张三", "371002209913011233", "$.id_number", "birth_date"),
        ("张三", "", "$.id_number", "length"),
    ],
)
async def test_wrong_data_are_refused_by_field_and_never_repeated(
    residents: Residents, name: str, number: str, field: str, reason: str
) -> None:
    _, person = await residents.login()
    with pytest.raises(InvalidInput) as refused:
        await residents.actions.do_verify(person, name, number)
    assert refused.value.fields == {"field": field, "reason": reason}
    assert not number or number not in str(refused.value)


async def test_each_version_of_the_privacy_text_is_agreed_to_once(residents: Residents) -> None:
    _, person = await residents.login()
    for version in ("2026-11", "2026-11", "2027-01"):
        profile = await residents.actions.do_consent(person, version)
        assert profile.consent_version == version
    stored = await residents.persons.get(person)
    assert stored is not None
    assert [consent.version for consent in stored.consents] == ["2026-11", "2027-01"]
    for wrong in ("", "x" * 41, "a\nb"):
        with pytest.raises(InvalidInput):
            await residents.actions.do_consent(person, wrong)


async def test_events_name_the_step_and_the_level_and_nothing_personal(residents: Residents) -> None:
    _, person = await residents.login()
    residents.wechat.phones["p"] = PhoneAnswer("13812341234")
    await residents.actions.do_bind_phone(person, "p")
    await residents.actions.do_verify(person, "张三", id_number())
    await residents.actions.do_consent(person, "2026-11")
    stored = await residents.persons.get(person)
    assert stored is not None
    assert [(event.name, event.data) for event in stored.outgoing] == [
        ("person.registered", {}),
        ("person.phone_bound", {"level": 1}),
        ("person.verified", {"level": 2}),
        ("person.consented", {}),
    ]
    assert {entry.by for entry in stored.history} == {person}


async def test_a_deleted_account_has_no_session_no_profile_and_no_contact(residents: Residents) -> None:
    token, person = await residents.login()
    stored = await residents.persons.get(person)
    assert stored is not None
    edge = PERSON.step("active", "delete", Actor.RESIDENT)
    await residents.persons.step(stored, Step(edge, Actor.RESIDENT, changes={"openid": None}))
    await residents.cache.end([record.id for record in await residents.sessions.of_person(person)])
    assert await residents.queries.session(token) is None
    assert await residents.queries.contact(person) == Contact()
    with pytest.raises(NotFound):
        await residents.queries.profile(person)
    with pytest.raises(NotFound):
        await residents.actions.do_verify(person, "张三", id_number())
    assert (await residents.login())[1] != person


async def test_an_unknown_person_is_not_found(residents: Residents) -> None:
    for call in (
        residents.queries.profile("PR0"),
        residents.actions.do_bind_phone("PR0", "p"),
        residents.actions.do_verify("PR0", "张三", id_number()),
        residents.actions.do_consent("PR0", "1"),
    ):
        with pytest.raises(NotFound):
            await call


async def test_the_unique_indexes_hold_even_against_a_write_past_the_actions(
    residents: Residents, database: Database
) -> None:
    await residents.login("oA")
    document = await database["persons"].find_one({})
    assert document is not None
    with pytest.raises(PyMongoError):
        await database["persons"].insert_one(document | {"_id": "PR1"})


async def test_unionid_is_kept_when_wechat_gives_it(residents: Residents) -> None:
    residents.wechat.logins["c"] = LoginAnswer("oA", unionid="uA")
    _, session = await residents.actions.do_login("c")
    stored = await residents.persons.get(session.person_id)
    assert stored is not None
    assert (await residents.persons.open(stored)).unionid == "uA"


def test_reprs_of_clear_data_show_nothing() -> None:
    assert "oA" not in repr(Contact(openid="oA", phone="13812341234"))
    assert "138" not in repr(Contact(openid="oA", phone="13812341234"))


def test_the_client_of_wechat_takes_what_residents_give_it() -> None:
    for name in ("login", "phone_number"):
        asked, given = (inspect.signature(getattr(owner, name)).parameters for owner in (LoginGateway, WeChatClient))
        assert list(asked) == list(given)
        assert [p.default for p in asked.values()] == [p.default for p in given.values()]
