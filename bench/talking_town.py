"""Who talks in the bench of conversations: residents and officers with sessions, and their conversations.

Officers and the conversations that are talked in are made by the product. The thousands who only listen are copies of
one conversation that the product made, each with a person, a session and numbers of its own.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Any, TypeVar

from kernel.clock import ManualClock, local_day, local_instant
from kernel.ids import Kind
from server.settings import Settings
from server.wiring import House, open_house
from services.consultations.access import StaffCaller
from services.consultations.model import Presence
from services.identity.machine import State
from services.identity.model import Level, Person, PersonalData, SessionRecord
from services.identity.staff.model import Role
from services.identity.store import PersonStore
from services.identity.tokens import token_hash
from services.store import Document, to_document

BATCH = 500
# An officer has five conversations at once, as many as the product gives by default.
EACH = 5
# Handshakes under way at once, where it is not handshakes that are measured.
AT_ONCE = 50
RESIDENTS, STAFF = "/api/live", "/staff/live"
T = TypeVar("T")


@dataclass(frozen=True)
class Listener:
    """A resident with a session and a conversation."""

    person: str
    token: str
    conversation: str


@dataclass(frozen=True)
class Officer:
    staff_id: str
    token: str


@dataclass(frozen=True)
class Pair:
    """A conversation that is talked in."""

    resident: Listener
    officer: Officer

    @property
    def conversation(self) -> str:
        return self.resident.conversation


async def at_once(works: Iterable[Awaitable[T]], limit: int = AT_ONCE) -> list[T]:
    """Everything done, in order; never more than ``limit`` under way."""
    free = asyncio.Semaphore(limit)

    async def one(work: Awaitable[T]) -> T:
        async with free:
            return await work

    return await asyncio.gather(*map(one, works))


async def listeners(settings: Settings, count: int) -> list[Listener]:
    """Residents whose conversation is with the bot, its welcome being all that was said."""
    async with open_house(settings) as house:
        people = await _residents(house, count)
        model = await house.city.consultations.do_start(people[0][0])
        database = house.database
        conversation: Any = await database["conversations"].find_one({"_id": model.id})
        entries = await database["conversation_entries"].find({"conversation": model.id}).to_list()
        made = [Listener(people[0][0], people[0][1], model.id)]
        copies: list[Document] = []
        copied_entries: list[Document] = []
        for person, token in people[1:]:
            id_ = house.city.ids.new(Kind.CONVERSATION)
            copies.append(conversation | {"_id": id_, "person": person, "outgoing": []})
            copies[-1].pop("outgoing_at", None)
            copied_entries += [one | {"_id": f"{id_}/{one['seq']}", "conversation": id_} for one in entries]
            made.append(Listener(person, token, id_))
        await _store(house, "conversations", copies)
        await _store(house, "conversation_entries", copied_entries)
        return made


async def pairs(settings: Settings, count: int) -> list[Pair]:
    """Conversations with an officer each, by the product's own steps, at ten in the morning of a working day."""
    async with open_house(settings) as house:
        officers = await asyncio.gather(*(_officer(house) for _ in range(-(-count // EACH))))
        people = await _residents(house, count)
        morning = _working_morning(house)
    async with open_house(settings, ManualClock(morning)) as house:
        for officer in officers:
            await house.city.officers.do_beat(officer.staff_id, Presence.ONLINE)

        async def one(number: int) -> Pair:
            person, token = people[number]
            officer = officers[number // EACH]
            begun = await house.city.consultations.do_start(person)
            await house.city.consultations.do_hand_over(person, begun.id)
            await house.city.consultation_desk.do_take(StaffCaller(officer.staff_id), begun.id)
            return Pair(Listener(person, token, begun.id), officer)

        # An officer's own one after the other: they would race for the same slot.
        lots = [range(first, min(first + EACH, count)) for first in range(0, count, EACH)]

        async def of_officer(numbers: range) -> list[Pair]:
            return [await one(number) for number in numbers]

        return [pair for made in await asyncio.gather(*map(of_officer, lots)) for pair in made]


async def _residents(house: House, count: int) -> list[tuple[str, str]]:
    """(person, token), as signing in leaves them."""
    city, now = house.city, house.city.clock.now()
    store = PersonStore(house.database, city.clock, city.ids, house.cipher)
    persons: list[Document] = []
    sessions: list[Document] = []
    made = []
    for _ in range(count):
        sealed = await store.seal(PersonalData(openid=secrets.token_hex(14)))
        person = Person(
            id=city.ids.new(Kind.PERSON),
            state=State.ACTIVE,
            created_at=now,
            updated_at=now,
            level=Level.WECHAT,
            **sealed,
        )
        token = city.ids.token()
        hashed = token_hash(token)
        assert hashed is not None
        record = SessionRecord(id=hashed, person_id=person.id, created_at=now, expires_at=now + timedelta(days=1))
        persons.append(to_document(person))
        sessions.append(to_document(record))
        made.append((person.id, token))
    await _store(house, "persons", persons)
    await _store(house, "sessions", sessions)
    return made


async def _officer(house: House) -> Officer:
    name, password = f"officer{secrets.token_hex(4)}", secrets.token_urlsafe(12)
    made = await house.city.staff.do_create_staff(name, password, [Role.AGENT], by="bench")
    token, _ = await house.city.staff.do_sign_in(name, password, "127.0.0.1")
    return Officer(made.staff_id, token)


async def _store(house: House, collection: str, documents: list[Document]) -> None:
    for first in range(0, len(documents), BATCH):
        await house.database[collection].insert_many(documents[first : first + BATCH], ordered=False)


def _working_morning(house: House) -> Any:
    day: date = local_day(house.city.clock.now())
    while not house.city.workdays.is_working_day(day):
        day -= timedelta(days=1)
    return local_instant(day, time(10))
