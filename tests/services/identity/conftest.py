"""Residents and staff wired as the server wires them, on the real servers; WeChat's login is the only stand-in."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date, time

import pytest
from pymongo import AsyncMongoClient
from pymongo.monitoring import CommandListener
from redis.asyncio import Redis

from kernel.clock import ManualClock, local_instant
from kernel.errors import Code, InvalidInput
from kernel.identifiers import resident_id_check_character
from kernel.ids import Ids
from server.embedded import Embedded, database_uri
from server.encryption import FieldCipher
from services.identity.actions import Identity
from services.identity.cache import SessionCache
from services.identity.encryption import DATA_KEYS
from services.identity.model import IdentityRules, Session
from services.identity.queries import IdentityQueries
from services.identity.staff.actions import Staff
from services.identity.staff.model import StaffRules, StaffSession
from services.identity.staff.passwords import Passwords
from services.identity.staff.queries import StaffQueries
from services.identity.staff.store import AttemptStore, AuditStore, StaffSessionStore, StaffStore
from services.identity.store import PersonStore, SessionStore
from services.store import Database
from tests.helpers import create_indexes

MASTER_KEY = secrets.token_bytes(96)
PASSWORD = "correct horse battery"

# The least that Argon2 accepts: what a hash costs is not what most tests are about.
FAST = StaffRules(argon2_memory=8, argon2_iterations=1, second_factor_required=False)


def id_number(serial: int = 123, born: date = date(1990, 3, 7)) -> str:
    body = f"371002{born:%Y%m%d}{serial:03}"
    return body + resident_id_check_character(body)


@dataclass(frozen=True)
class LoginAnswer:
    openid: str
    session_key: str = "wechat-session-key"
    unionid: str | None = None


@dataclass(frozen=True)
class PhoneAnswer:
    local_number: str
    country_code: str = "86"


@dataclass
class WeChat:
    """Answers codes as WeChat does: each once. What a code stands for is told beforehand."""

    logins: dict[str, LoginAnswer] = field(default_factory=dict)
    phones: dict[str, PhoneAnswer] = field(default_factory=dict)
    asked_for: list[str | None] = field(default_factory=list)

    async def login(self, js_code: str) -> LoginAnswer:
        if js_code not in self.logins:
            raise InvalidInput(Code.INVALID_LOGIN_CODE, field="$.code")
        return self.logins.pop(js_code)

    async def phone_number(self, code: str, openid: str | None = None) -> PhoneAnswer:
        self.asked_for.append(openid)
        if code not in self.phones:
            raise InvalidInput(field="$.code")
        return self.phones.pop(code)


@dataclass
class Residents:
    """Everything about residents over one database and one Valkey."""

    persons: PersonStore
    sessions: SessionStore
    cache: SessionCache[Session]
    queries: IdentityQueries
    actions: Identity
    wechat: WeChat

    async def login(self, openid: str = "oA") -> tuple[str, str]:
        """(token, person id) of one more login."""
        code = secrets.token_hex(8)
        self.wechat.logins[code] = LoginAnswer(openid)
        token, session = await self.actions.do_login(code)
        return token, session.person_id


@dataclass
class StaffHouse:
    """Everything about staff over one database and one Valkey."""

    accounts: StaffStore
    sessions: StaffSessionStore
    attempts: AttemptStore
    audit: AuditStore
    cache: SessionCache[StaffSession]
    queries: StaffQueries
    passwords: Passwords
    actions: Staff


def residents_over(
    database: Database, valkey: Redis, clock: ManualClock, ids: Ids, cipher: FieldCipher, wechat: WeChat
) -> Residents:
    rules = IdentityRules()
    persons, sessions = PersonStore(database, clock, ids, cipher), SessionStore(database)
    cache = SessionCache(valkey, "session", Session, clock, rules.cache_for)
    queries = IdentityQueries(persons, sessions, cache, clock)
    actions = Identity(persons, sessions, queries, cache, wechat, clock, ids, rules)
    return Residents(persons, sessions, cache, queries, actions, wechat)


def staff_over(
    database: Database, valkey: Redis, clock: ManualClock, ids: Ids, cipher: FieldCipher, rules: StaffRules = FAST
) -> StaffHouse:
    accounts, sessions = StaffStore(database, clock, ids), StaffSessionStore(database)
    attempts, audit = AttemptStore(database), AuditStore(database)
    cache = SessionCache(valkey, "staff-session", StaffSession, clock, rules.cache_for)
    queries = StaffQueries(accounts, sessions, audit, cache, clock, rules)
    passwords = Passwords(rules)
    actions = Staff(accounts, sessions, attempts, audit, queries, passwords, cache, cipher, clock, ids, rules)
    return StaffHouse(accounts, sessions, attempts, audit, cache, queries, passwords, actions)


@pytest.fixture
def clock() -> ManualClock:
    """Far in the future: the database removes what has expired by its own clock, under a test that runs late."""
    return ManualClock(local_instant(date(2090, 11, 20), time(9)))


@pytest.fixture
async def cipher(database: Database) -> AsyncIterator[FieldCipher]:
    cipher = FieldCipher(database, MASTER_KEY)
    await cipher.create_keys(DATA_KEYS)
    yield cipher
    await cipher.close()


@pytest.fixture
async def residents(database: Database, valkey: Redis, clock: ManualClock, ids: Ids, cipher: FieldCipher) -> Residents:
    await create_indexes(database, PersonStore, SessionStore)
    return residents_over(database, valkey, clock, ids, cipher, WeChat())


@pytest.fixture
async def staff(
    database: Database, valkey: Redis, clock: ManualClock, ids: Ids, cipher: FieldCipher
) -> AsyncIterator[StaffHouse]:
    await create_indexes(database, StaffStore, StaffSessionStore, AttemptStore, AuditStore)
    house = staff_over(database, valkey, clock, ids, cipher)
    yield house
    house.passwords.close()


@pytest.fixture
def commands() -> list[str]:
    """Names of the commands sent through the ``counted`` database; clear it before what is to be counted."""
    return []


class _Listener(CommandListener):
    def __init__(self, names: list[str]) -> None:
        self._names = names

    def started(self, event: object) -> None:
        self._names.append(event.command_name)  # type: ignore[attr-defined]

    def succeeded(self, event: object) -> None:
        pass

    def failed(self, event: object) -> None:
        pass


@pytest.fixture
async def counted(database: Database, database_server: Embedded, commands: list[str]) -> AsyncIterator[Database]:
    """The test's database through a client that notes every command in ``commands``."""
    client = AsyncMongoClient(database_uri(database_server.port), tz_aware=True, event_listeners=[_Listener(commands)])
    yield client[database.name]
    await client.close()


@pytest.fixture
async def dead_valkey() -> AsyncIterator[Redis]:
    """A client whose server is not there: port 1 refuses every connection."""
    client = Redis.from_url("redis://127.0.0.1:1/0")
    yield client
    await client.aclose()
