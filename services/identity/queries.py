"""Who calls, what a screen may show of them, and where a message reaches them."""

from __future__ import annotations

from kernel.clock import Clock
from kernel.errors import NotFound
from kernel.masking import mask_id_number, mask_name, mask_phone
from services.identity.cache import SessionCache
from services.identity.machine import State
from services.identity.model import Bearer, Contact, Level, Person, PersonalData, Profile, Session
from services.identity.store import PersonStore, SessionStore
from services.identity.tokens import token_hash


class IdentityQueries:
    """Read views of residents. Nothing here changes a state."""

    def __init__(
        self, persons: PersonStore, sessions: SessionStore, cache: SessionCache[Session], clock: Clock
    ) -> None:
        self._persons = persons
        self._sessions = sessions
        self._cache = cache
        self._clock = clock

    async def session(self, token: str) -> Session | None:
        """Who the bearer of a token is; None when it is unknown, ended or signed out.

        No database command when the cache knows it, two when it does not.
        """
        hashed = token_hash(token)
        if hashed is None:
            return None
        session = await self._cache.get(hashed)
        if session is not None:
            return session if session.expires_at > self._clock.now() else None
        record = await self._sessions.get(hashed)
        if record is None or record.expires_at <= self._clock.now():
            return None
        person = await self._persons.get(record.person_id)
        if person is None or person.state != State.ACTIVE:
            return None
        session = Session(person_id=person.id, level=person.level, expires_at=record.expires_at)
        await self._cache.put(hashed, session, person.version)
        return session

    async def profile(self, person_id: str) -> Profile:
        """What screens show, the person's own and those of staff alike: masked. Raises NotFound."""
        return await self.view(await self.active(person_id))

    async def shown(self, person_id: str) -> Profile:
        """For screens of staff about what somebody left behind: a closed account is a profile with nothing in it."""
        person = await self._persons.get(person_id)
        return Profile(person_id=person_id, level=Level.WECHAT) if person is None else await self.view(person)

    async def view(self, person: Person) -> Profile:
        """The masked view of an account already read."""
        personal = await self._persons.open(person, "name", "id_number", "phone")
        return Profile(
            person_id=person.id,
            level=person.level,
            name=None if personal.name is None else mask_name(personal.name),
            id_number=None if personal.id_number is None else mask_id_number(personal.id_number),
            phone=None if personal.phone is None else mask_phone(personal.phone),
            consent_version=person.consents[-1].version if person.consents else None,
        )

    async def contact(self, person_id: str) -> Contact:
        """Where a message reaches the person, in clear: for the delivery of messages and nothing else.

        Empty when the account is unknown or deleted: a message to it is undeliverable, which is no error of the sender.
        """
        person = await self._persons.get(person_id)
        if person is None or person.state != State.ACTIVE:
            return Contact()
        personal = await self._persons.open(person, "openid", "phone")
        return Contact(openid=personal.openid, phone=personal.phone)

    async def personal(self, person_id: str) -> PersonalData:
        """Name, ID number and phone in clear: for an application that the person makes. Raises NotFound."""
        return await self._persons.open(await self.active(person_id), "name", "id_number", "phone")

    async def bearer(self, id_number: str) -> Bearer | None:
        """The active account that bears exactly this number, for staff who put an identity right. Masked."""
        person = await self._persons.by_id_number(id_number)
        if person is None or person.state != State.ACTIVE:
            return None
        given = [entry.at for entry in person.history if entry.action == "verify"]
        return Bearer(profile=await self.view(person), verified_at=given[-1] if given else None)

    async def person_at_window(self, name: str, id_number: str, phone: str) -> str | None:
        """The active account of somebody who is at a window, when it is theirs: ID number and name are the same, and
        the phone where both have one. All three as parsed.

        The number alone proves nothing: an account's name and number are what its owner typed, and whoever typed
        another's first would be shown what that person does at windows.
        """
        person = await self._persons.by_id_number(id_number)
        if person is None or person.state != State.ACTIVE:
            return None
        personal = await self._persons.open(person, "name", "phone")
        same = personal.name == name and (not personal.phone or not phone or personal.phone == phone)
        return person.id if same else None

    async def person_by_openid(self, openid: str) -> str | None:
        """The person behind an openid, for what WeChat pushes."""
        person = await self._persons.by_openid(openid)
        return None if person is None else person.id

    async def active(self, person_id: str) -> Person:
        """The account as stored. Raises NotFound when it is unknown or deleted."""
        person = await self._persons.get(person_id)
        if person is None or person.state != State.ACTIVE:
            raise NotFound(person_id=person_id)
        return person
