"""Field encryption as this capability sees it: data keys by purpose, and a cipher that is given to the stores.

The cipher itself is ``server.encryption.FieldCipher``: one module holds the algorithm, so that it can be exchanged for
the national ones (GB/T 39786-2021 asks for SM4 in storage) without touching a store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol


@dataclass(frozen=True, slots=True)
class DataKey:
    """One data key, named after what it protects.

    ``lookup``: equal values encrypt to equal bytes, so that a unique index and an equality query work. It also tells
    whoever holds the database which records are equal, hence only for values that are unique anyway.
    """

    name: str
    lookup: bool = False


class Cipher(Protocol):
    async def encrypt(self, value: str, key: DataKey) -> bytes:
        """The encrypted value, to be stored as it is: the same each time if ``key.lookup``, else never the same."""
        ...

    async def decrypt(self, value: bytes) -> str:
        """The value again; which key it takes is written in the bytes."""
        ...


OPENID: Final = DataKey("identity.openid", lookup=True)
ID_NUMBER: Final = DataKey("identity.id_number", lookup=True)
UNIONID: Final = DataKey("identity.unionid")
PHONE: Final = DataKey("identity.phone")
NAME: Final = DataKey("identity.name")
STAFF_TOTP: Final = DataKey("staff.totp")

# Every key of this capability: ``server init`` creates them.
DATA_KEYS: Final = (OPENID, ID_NUMBER, UNIONID, PHONE, NAME, STAFF_TOTP)
