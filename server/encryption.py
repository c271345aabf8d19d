"""Field encryption: MongoDB's explicit client-side field level encryption with a local master key.

Each value is encrypted here before it is sent (AEAD_AES_256_CBC_HMAC_SHA_512, deterministic or random), under the data
key of its purpose. Data keys live in the collection ``encryption_keys`` of the same database, encrypted by the master
key, which is a setting and never reaches the database: whoever takes the database, a backup or a disk reads nothing.

The encrypted bytes are stored as ordinary binary (subtype 0), not as subtype 6: records are typed as ``bytes``. They
name their algorithm and data key themselves, so nothing is lost; wrapped in subtype 6 MongoDB's tools read them.

Needs ``pymongocrypt`` alone; the packages that pymongo's ``encryption`` extra adds are for keys kept at AWS.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from bson.binary import Binary
from bson.codec_options import CodecOptions
from pymongo import ASCENDING
from pymongo.asynchronous.encryption import AsyncClientEncryption
from pymongo.encryption_shared import Algorithm
from pymongo.errors import DuplicateKeyError, EncryptionError, PyMongoError

from services.identity.encryption import DataKey
from services.store import Database, Document

VAULT: Final = "encryption_keys"
# libmongocrypt's local key service takes exactly this many.
MASTER_KEY_BYTES: Final = 96
_ENCRYPTED: Final = 6
_DETERMINISTIC: Final = Algorithm.AEAD_AES_256_CBC_HMAC_SHA_512_Deterministic
_RANDOM: Final = Algorithm.AEAD_AES_256_CBC_HMAC_SHA_512_Random

_PROBE: Final = "办事"


class EncryptionKeyError(RuntimeError):
    """A data key is missing, or the master key is not the one that protects it: nothing can be read or written."""


class FieldCipher:
    """The Cipher of services.identity over one database. ``master_key``: 96 random bytes. ``close()`` at the end."""

    def __init__(self, database: Database, master_key: bytes) -> None:
        if len(master_key) != MASTER_KEY_BYTES:
            raise ValueError(f"the master key has {MASTER_KEY_BYTES} bytes, not {len(master_key)}")
        self._vault = database[VAULT]
        self._encryption: AsyncClientEncryption[Document] = AsyncClientEncryption(
            {"local": {"key": master_key}},
            f"{database.name}.{VAULT}",
            database.client,
            CodecOptions(),
            # A data key never changes under its id: once read it is kept for the life of the process, so that
            # encryption costs no database command.
            key_expiration_ms=0,
        )

    async def create_keys(self, keys: Iterable[DataKey]) -> None:
        """Makes the data keys that are missing, each once however many processes do this at once; then checks all.

        Raises EncryptionKeyError when a key exists under another master key.
        """
        keys = tuple(keys)
        # The index that MongoDB's manual prescribes for a key vault; it decides the race.
        await self._vault.create_index(
            [("keyAltNames", ASCENDING)],
            name="key_name",
            unique=True,
            partialFilterExpression={"keyAltNames": {"$exists": True}},
        )
        for key in keys:
            if await self._vault.find_one({"keyAltNames": key.name}) is None:
                await self._create(key)
        await self.check(keys)

    async def check(self, keys: Iterable[DataKey]) -> None:
        """Encrypts and decrypts once with every key: for the start of a process, before it takes requests.

        Raises EncryptionKeyError that names the key.
        """
        for key in keys:
            try:
                if await self.decrypt(await self.encrypt(_PROBE, key)) == _PROBE:
                    continue
            except EncryptionError as error:
                raise EncryptionKeyError(f"data key {key.name}: {error}") from error
            raise EncryptionKeyError(f"data key {key.name}: what was encrypted does not come back")

    async def encrypt(self, value: str, key: DataKey) -> bytes:
        algorithm = _DETERMINISTIC if key.lookup else _RANDOM
        try:
            return bytes(await self._encryption.encrypt(value, algorithm, key_alt_name=key.name))
        except EncryptionError as error:
            raise _cause(error) from error

    async def decrypt(self, value: bytes) -> str:
        try:
            plain = await self._encryption.decrypt(Binary(value, _ENCRYPTED))
        except EncryptionError as error:
            raise _cause(error) from error
        return str(plain)

    async def close(self) -> None:
        await self._encryption.close()

    async def _create(self, key: DataKey) -> None:
        try:
            await self._encryption.create_data_key("local", key_alt_names=[key.name])
        except EncryptionError as error:
            if not isinstance(error.cause, DuplicateKeyError):  # somebody was faster: the key is there
                raise _cause(error) from error


def _cause(error: EncryptionError) -> Exception:
    """A database that does not answer is told from a key that does not fit: the first is tried again."""
    return error.cause if isinstance(error.cause, PyMongoError) else error
