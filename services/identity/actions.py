"""What changes residents' accounts and sessions."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

from kernel.clock import Clock, local_day
from kernel.errors import Code, Conflict, InvalidInput, NotFound
from kernel.identifiers import parse_mobile, parse_resident_id
from kernel.ids import Ids, Kind
from kernel.machine import Actor
from services.identity.cache import SessionCache
from services.identity.machine import PERSON, REGISTER
from services.identity.model import Consent, IdentityRules, Level, Person, PersonalData, Profile, Session, SessionRecord
from services.identity.names import parse_name
from services.identity.queries import IdentityQueries
from services.identity.store import PersonStore, SessionStore
from services.identity.tokens import token_hash
from services.store import Duplicate, Step, to_document

log = logging.getLogger("banshi.identity")

# Each attempt starts from what somebody else has just written; a person taps with one finger.
ATTEMPTS: Final = 5
LONGEST_CONSENT_VERSION: Final = 40
# Steps after which no session is left that could know the new level.
SIGNS_OUT: Final = frozenset({"release_identity", "delete"})

# What a change writes into the account; None when there is nothing left to change.
Changes = Mapping[str, Any] | None


class LoginAnswer(Protocol):
    @property
    def openid(self) -> str: ...
    @property
    def unionid(self) -> str | None: ...


class PhoneAnswer(Protocol):
    @property
    def local_number(self) -> str: ...
    @property
    def country_code(self) -> str: ...


class LoginGateway(Protocol):
    """What this capability asks of WeChat: ``gateways.wechat.WeChatClient`` fits."""

    async def login(self, js_code: str) -> LoginAnswer: ...

    async def phone_number(self, code: str, openid: str | None = None) -> PhoneAnswer: ...


class Identity:
    """Residents: sign in by WeChat, bind a phone, give name and ID number, agree to the privacy text."""

    def __init__(
        self,
        persons: PersonStore,
        sessions: SessionStore,
        queries: IdentityQueries,
        cache: SessionCache[Session],
        gateway: LoginGateway,
        clock: Clock,
        ids: Ids,
        rules: IdentityRules,
    ) -> None:
        self._persons = persons
        self._sessions = sessions
        self._queries = queries
        self._cache = cache
        self._gateway = gateway
        self._clock = clock
        self._ids = ids
        self._rules = rules

    async def do_login(self, code: str) -> tuple[str, Session]:
        """Signs in by the code of ``wx.login``; the first time makes the account. Returns the bearer token, told once.

        WeChat's session_key is not kept: nothing here needs it, and what is not stored cannot be lost.

        Raises what the gateway raises: InvalidInput INVALID_LOGIN_CODE, NotAllowed HIGH_RISK_USER, UpstreamFailed,
        Unavailable.
        """
        answer = await self._gateway.login(code)
        person = await self._persons.by_openid(answer.openid)
        if person is None:
            person = await self._register(answer)
        token = self._ids.token()
        now = self._clock.now()
        session = Session(person_id=person.id, level=person.level, expires_at=now + self._rules.session_for)
        hashed = _hash(token)
        await self._sessions.add(
            SessionRecord(id=hashed, person_id=person.id, created_at=now, expires_at=session.expires_at)
        )
        await self._cache.put(hashed, session, person.version)
        log.info("resident signed in", extra={"person_id": person.id})
        return token, session

    async def do_logout(self, token: str) -> None:
        """Ends one session. An unknown or ended one is a quiet success."""
        hashed = token_hash(token)
        if hashed is not None and await self._sessions.remove(hashed):
            await self._cache.end([hashed])

    async def do_bind_phone(self, person_id: str, code: str) -> Profile:
        """Takes over the number behind the code of a ``getPhoneNumber`` button; another one replaces the earlier.

        Raises InvalidInput (code bad or used; INVALID_PHONE: not a mobile number of mainland China, where the city's
        messages go), NotFound, Conflict, and what the gateway raises.
        """
        before = await self._persons.open(await self._queries.active(person_id), "openid")
        answer = await self._gateway.phone_number(code, before.openid)
        if answer.country_code != "86":
            raise InvalidInput(Code.INVALID_PHONE, "目前只支持中国大陆的手机号码。", field="$.code")
        phone = parse_mobile(answer.local_number, field="$.code")

        async def changes(person: Person) -> Changes:
            if (await self._persons.open(person, "phone")).phone == phone:
                return None
            sealed = await self._persons.seal(PersonalData(phone=phone))
            return sealed | {"level": int(max(person.level, Level.PHONE))}

        return await self._change(person_id, "bind_phone", changes)

    async def do_verify(self, person_id: str, name: str, id_number: str) -> Profile:
        """Takes name and ID number, once; the same data again is a quiet success.

        Raises InvalidInput for a wrong name or number, Conflict IDENTITY_ALREADY_SET (other data were given before),
        Conflict IDENTITY_TAKEN (another account has given this number), NotFound. No error repeats what was given.
        """
        name = parse_name(name, field="$.name")
        number = parse_resident_id(id_number, today=local_day(self._clock.now()), field="$.id_number").number

        async def changes(person: Person) -> Changes:
            known = await self._persons.open(person, "name", "id_number")
            if known.id_number is None:
                sealed = await self._persons.seal(PersonalData(name=name, id_number=number))
                return sealed | {"level": int(Level.REAL_NAME)}
            if (known.name, known.id_number) != (name, number):
                raise Conflict(Code.IDENTITY_ALREADY_SET)
            return None

        try:
            return await self._change(person_id, "verify", changes)
        except Duplicate:
            raise Conflict(Code.IDENTITY_TAKEN) from None

    async def do_release_identity(self, person_id: str, id_number: str, *, by: str) -> Profile:
        """Takes name and ID number off an account, so that their true owner can give them (PIPL, article 46).
        ``by``: the officer who has seen the identity card; whoever calls this has written down why.

        ``id_number`` guards it: only what the officer has found is taken away, not what the resident has put right
        since. Done already is a quiet success. The account's sessions end: whoever holds it may be somebody else.

        What was filed stays with the account that filed it. A case, a bill and a booking hold their own copy of who
        they are for, and their answers go to the phone that asked; to hand them to another account would show one
        person's papers to somebody else on one officer's word. Staff find a case by its number for its true owner.

        Raises InvalidInput, NotFound, Conflict (with ``field``: the account bears another number by now).
        """
        number = parse_resident_id(id_number, today=local_day(self._clock.now()), field="$.id_number").number

        async def changes(person: Person) -> Changes:
            known = await self._persons.open(person, "id_number")
            if known.id_number is None:
                return None
            if known.id_number != number:
                detail = "账号上已是另一个身份证号码，请重新查找后再办理。"
                raise Conflict(detail=detail, field="$.id_number")
            level = Level.WECHAT if person.phone is None else Level.PHONE
            return {"name": None, "id_number": None, "level": int(level)}

        profile = await self._change(person_id, "release_identity", changes, staff=by)
        # Also when all was done: whoever did it may have died before this.
        await self._cache.end(await self._sessions.remove_all(person_id))
        log.info("identity released", extra={"person_id": person_id})
        return profile

    async def do_consent(self, person_id: str, version: str) -> Profile:
        """Records that the person agrees to this version of the privacy text. Agreeing again changes nothing.

        Raises InvalidInput, NotFound, Conflict.
        """
        if not 1 <= len(version) <= LONGEST_CONSENT_VERSION or not version.isprintable():
            raise InvalidInput(field="$.version", reason="length")

        async def changes(person: Person) -> Changes:
            if person.consents and person.consents[-1].version == version:
                return None
            consents = [*person.consents, Consent(version=version, at=self._clock.now())]
            return {"consents": [to_document(consent) for consent in consents]}

        return await self._change(person_id, "consent", changes)

    async def do_withdraw_consent(self, person_id: str) -> Profile:
        """Takes the agreement back (PIPL, article 15); it is asked for anew before the next booking or application.
        What was done until then stays lawful, and the history keeps when it was agreed to and taken back.

        Withdrawing twice changes nothing. Raises NotFound, Conflict.
        """

        async def changes(person: Person) -> Changes:
            return {"consents": None} if person.consents else None

        return await self._change(person_id, "withdraw_consent", changes)

    async def do_close(self, person_id: str) -> None:
        """Ends an account by its holder's wish and erases what it knows of them (PIPL, article 47): name, ID number,
        phone, openid, unionid, consents; then its sessions. The same WeChat's next sign-in begins a new account.

        A session that another process answers from its memory lives ``IdentityRules.cache_for`` at most. Closed already
        is a quiet success. Whoever calls this has seen that nothing is open. Raises Conflict.
        """
        gone = {"openid": None, "unionid": None, "phone": None, "name": None, "id_number": None, "consents": None}

        async def changes(person: Person) -> Changes:
            return gone | {"level": int(Level.WECHAT)}

        with contextlib.suppress(NotFound):
            await self._change(person_id, "delete", changes)
        await self._cache.end(await self._sessions.remove_all(person_id))
        log.info("account closed", extra={"person_id": person_id})

    async def _register(self, answer: LoginAnswer) -> Person:
        """The new account, or the one that a login at the same moment has made."""
        now = self._clock.now()
        sealed = await self._persons.seal(PersonalData(openid=answer.openid, unionid=answer.unionid))
        id_ = self._ids.new(Kind.PERSON)
        person = Person(
            id=id_,
            state=REGISTER.target,
            created_at=now,
            updated_at=now,
            openid=sealed["openid"],
            unionid=sealed.get("unionid"),
        )
        try:
            return await self._persons.create(person, Step(edge=REGISTER, actor=Actor.RESIDENT, by=id_))
        except Duplicate:
            faster = await self._persons.by_openid(answer.openid)
            if faster is None:  # and was deleted since: the next try makes it anew
                raise Conflict from None
            return faster

    async def _change(
        self, person_id: str, action: str, changes: Callable[[Person], Awaitable[Changes]], staff: str = ""
    ) -> Profile:
        """One guarded write, from the account's newest version on. Sessions then know the new level at once.

        By the resident themselves, or by ``staff``; what staff have done the resident is told of.
        """
        actor, told = (Actor.STAFF, {"person": person_id}) if staff else (Actor.RESIDENT, {})
        for _ in range(ATTEMPTS):
            person = await self._queries.active(person_id)
            edge = PERSON.step(person.state, action, actor)
            changed = await changes(person)
            if changed is None:
                return await self._queries.view(person)
            data = told | ({"level": changed["level"]} if "level" in changed else {})
            step = Step(edge=edge, actor=actor, by=staff or person_id, changes=changed, data=data)
            written = await self._persons.step(person, step)
            if written is not None:
                if written.level != person.level and action not in SIGNS_OUT:
                    await self._refresh_sessions(written)
                return await self._queries.view(written)
        raise Conflict

    async def _refresh_sessions(self, person: Person) -> None:
        for record in await self._sessions.of_person(person.id):
            session = Session(person_id=person.id, level=person.level, expires_at=record.expires_at)
            await self._cache.put(record.id, session, person.version)


def _hash(token: str) -> str:
    hashed = token_hash(token)
    assert hashed is not None, "Ids.token makes tokens"
    return hashed
