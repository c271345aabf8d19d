from __future__ import annotations

import asyncio
import secrets
import sys
from importlib.util import find_spec
from pathlib import Path

import pymongo
import pytest
from bson.binary import Binary
from pymongo.errors import EncryptionError, PyMongoError

from server.embedded import Embedded, database_uri
from server.encryption import VAULT, EncryptionKeyError, FieldCipher
from services.identity.encryption import DATA_KEYS, ID_NUMBER, NAME, OPENID
from services.store import Database
from tests.services.identity.conftest import MASTER_KEY

ROOT = Path(__file__).resolve().parents[3]

INIT = """
import asyncio, sys
from pymongo import AsyncMongoClient
from server.encryption import FieldCipher
from services.identity.encryption import DATA_KEYS

async def main():
    async with AsyncMongoClient(sys.argv[1]) as client:
        cipher = FieldCipher(client[sys.argv[2]], bytes.fromhex(sys.argv[3]))
        await cipher.create_keys(DATA_KEYS)
        await cipher.close()

asyncio.run(main())
"""


async def test_what_is_looked_up_encrypts_to_the_same_bytes_and_the_rest_never_does(cipher: FieldCipher) -> None:
    assert await cipher.encrypt("oA", OPENID) == await cipher.encrypt("oA", OPENID)
    assert await cipher.encrypt("oA", OPENID) != await cipher.encrypt("oA", ID_NUMBER)
    assert await cipher.encrypt("张三", NAME) != await cipher.encrypt("张三", NAME)


async def test_what_was_encrypted_comes_back_and_is_not_in_the_bytes(cipher: FieldCipher) -> None:
    for key in DATA_KEYS:
        encrypted = await cipher.encrypt("买买提·艾力𠮷", key)
        assert type(encrypted) is bytes
        assert "买买提".encode() not in encrypted
        assert await cipher.decrypt(encrypted) == "买买提·艾力𠮷"


async def test_it_works_without_the_packages_for_keys_kept_at_aws() -> None:
    assert find_spec("pymongo_auth_aws") is None


async def test_encryption_costs_no_database_command_once_the_keys_are_read(
    cipher: FieldCipher, counted: Database, commands: list[str]
) -> None:
    mine = FieldCipher(counted, MASTER_KEY)
    await mine.check(DATA_KEYS)
    commands.clear()
    for key in DATA_KEYS:
        await mine.decrypt(await mine.encrypt("x", key))
    await mine.close()
    assert commands == []


async def test_processes_that_start_at_once_make_each_data_key_once(
    database: Database, database_server: Embedded
) -> None:
    arguments = ("-c", INIT, database_uri(database_server.port), database.name, MASTER_KEY.hex())
    processes = [await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=ROOT) for _ in range(5)]
    assert await asyncio.gather(*(process.wait() for process in processes)) == [0] * 5
    names = [document["keyAltNames"] async for document in database[VAULT].find()]
    assert sorted(names) == sorted([key.name] for key in DATA_KEYS)


async def test_another_master_key_is_noticed_at_the_start_and_names_the_data_key(
    cipher: FieldCipher, database: Database
) -> None:
    other = FieldCipher(database, secrets.token_bytes(96))
    for start in (other.check, other.create_keys):
        with pytest.raises(EncryptionKeyError, match=r"identity\.openid"):
            await start(DATA_KEYS)
    await other.close()


async def test_a_missing_data_key_is_noticed_at_the_start(database: Database) -> None:
    cipher = FieldCipher(database, MASTER_KEY)
    with pytest.raises(EncryptionKeyError, match=r"identity\.name"):
        await cipher.check([NAME])
    await cipher.close()


def test_a_master_key_of_the_wrong_length_is_refused(database: Database) -> None:
    with pytest.raises(ValueError, match="96 bytes, not 32"):
        FieldCipher(database, bytes(32))


async def test_a_database_that_does_not_answer_in_time_is_told_from_a_wrong_key(
    cipher: FieldCipher, database: Database
) -> None:
    fresh = FieldCipher(database, MASTER_KEY)
    for ask in (fresh.encrypt("x", NAME), fresh.check([NAME])):
        with pymongo.timeout(0.000_001), pytest.raises(PyMongoError) as failed:
            await ask
        assert failed.value.timeout
        assert not isinstance(failed.value, EncryptionError)
    await fresh.close()


async def test_the_bytes_in_subtype_6_are_what_mongodbs_own_tools_decrypt(cipher: FieldCipher) -> None:
    encrypted = await cipher.encrypt("张三", NAME)
    assert await cipher._encryption.decrypt(Binary(encrypted, 6)) == "张三"
