from __future__ import annotations

import base64
import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pymongo import AsyncMongoClient
from redis.asyncio import Redis

from kernel.clock import ManualClock
from kernel.errors import BanshiError
from kernel.ids import Ids
from server import embedded
from server.encryption import FieldCipher
from services.identity.encryption import DATA_KEYS
from services.identity.staff.model import Role
from services.identity.staff.store import AttemptStore, AuditStore, StaffSessionStore, StaffStore
from services.identity.store import PersonStore, SessionStore
from services.store import Database
from tests.helpers import create_indexes
from tests.services.identity.conftest import (
    MASTER_KEY,
    LoginAnswer,
    PhoneAnswer,
    WeChat,
    id_number,
    residents_over,
    staff_over,
)

NAME = "欧阳·瑟尔丹"
ID_NUMBER = id_number(577)
PHONE = "18663121907"
OPENID = "oPlantedOpenid_7f3kQx9Zb2Lw1"
UNIONID = "oPlantedUnionid_2mT8vYc4Rd6Hj"
SESSION_KEY = "cGxhbnRlZFNlc3Npb25LZXk9PQ=="
PASSWORD = "planted password of staff"
# In clear on purpose: proves that the search would find what is there, however the files are laid out.
USERNAME = "planted.username"


@dataclass
class Servers:
    folder: Path
    database: embedded.Embedded
    valkey: embedded.Embedded

    def stop(self) -> None:
        self.database.stop()
        self.valkey.stop()


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    """A database and a Valkey of the test's own, whose files nobody else writes."""
    database = embedded.start_database(tmp_path / "database", embedded.free_port())
    valkey = embedded.start_valkey(tmp_path / "valkey", embedded.free_port())
    servers = Servers(tmp_path, database, valkey)
    yield servers
    servers.stop()


async def live(database: Database, valkey: Redis, clock: ManualClock, ids: Ids) -> list[str]:
    """Uses everything that takes personal data, refusals included; returns the tokens given out."""
    await create_indexes(database, PersonStore, SessionStore, StaffStore, StaffSessionStore, AttemptStore, AuditStore)
    cipher = FieldCipher(database, MASTER_KEY)
    await cipher.create_keys(DATA_KEYS)
    residents = residents_over(database, valkey, clock, ids, cipher, WeChat())
    staff = staff_over(database, valkey, clock, ids, cipher)
    tokens = []
    for code in ("first", "again"):
        residents.wechat.logins[code] = LoginAnswer(OPENID, SESSION_KEY, UNIONID)
        token, session = await residents.actions.do_login(code)
        tokens.append(token)
    residents.wechat.phones["p"] = PhoneAnswer(PHONE)
    await residents.actions.do_bind_phone(session.person_id, "p")
    _, other = await residents.login("oOther")
    for person, name, number in (
        (session.person_id, NAME, ID_NUMBER[:-1]),
        (session.person_id, NAME + "x", ID_NUMBER),
        (session.person_id, NAME, ID_NUMBER),
        (session.person_id, NAME, id_number(579)),
        (other, NAME, ID_NUMBER),
    ):
        with contextlib.suppress(BanshiError):
            await residents.actions.do_verify(person, name, number)
    assert (await residents.queries.profile(session.person_id)).level == 2
    assert (await residents.queries.contact(session.person_id)).phone == PHONE
    await staff.actions.do_create_staff(USERNAME, PASSWORD, [Role.AGENT], by="command")
    with contextlib.suppress(BanshiError):
        await staff.actions.do_sign_in(PASSWORD, PASSWORD, "10.1.2.3")
    token, _ = await staff.actions.do_sign_in(USERNAME, PASSWORD, "10.1.2.3")
    tokens.append(token)
    for token in tokens:
        assert await residents.queries.session(token) or await staff.queries.session(token)
    await residents.actions.do_logout(tokens[0])
    staff.passwords.close()
    await cipher.close()
    return tokens


def forms(text: str) -> list[bytes]:
    """The ways in which a text could have slipped into a file or a log line."""
    plain = text.encode()
    forms = [plain, text.encode("utf-16-le"), text.encode("gb18030"), ascii(text)[1:-1].encode()]
    forms += [plain.hex().encode(), base64.b64encode(plain).rstrip(b"=")]
    with contextlib.suppress(ValueError):
        forms.append(bytes.fromhex(text))
    return forms


def places(folder: Path, log: str, text: str) -> list[str]:
    """The files under the folder, and the log, in which a text is found in any form."""
    contents = {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    contents["log"] = log.encode()
    return [place for place, content in contents.items() if any(form in content for form in forms(text))]


async def test_no_byte_of_the_files_and_no_log_line_tells_what_residents_and_staff_have_entrusted(
    servers: Servers, clock: ManualClock, ids: Ids, caplog: pytest.LogCaptureFixture
) -> None:
    # DEBUG: the database driver then logs every command with its documents.
    caplog.set_level(logging.DEBUG)
    async with AsyncMongoClient(embedded.database_uri(servers.database.port), tz_aware=True) as client:
        valkey = Redis.from_url(embedded.valkey_uri(servers.valkey.port))
        tokens = await live(client["banshi"], valkey, clock, ids)
        await valkey.aclose()
    servers.stop()
    log = "\n".join(str(vars(record)) for record in caplog.records)

    found = places(servers.folder, log, USERNAME)
    assert "log" in found
    assert any(place.startswith(str(servers.folder / "database")) for place in found)
    assert places(servers.folder / "valkey", "", "session:") != []

    master = base64.b64encode(MASTER_KEY).decode()
    for secret in (NAME, ID_NUMBER, PHONE, OPENID, UNIONID, SESSION_KEY, PASSWORD, master, MASTER_KEY.hex(), *tokens):
        assert places(servers.folder, log, secret) == [], secret
