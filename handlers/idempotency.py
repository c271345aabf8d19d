"""Idempotency-Key: the same key with the same body gets the same answer; with another body it is refused (422).

Answers are kept in Valkey for a day. That is a convenience, not the guarantee: what creates something also stores the
key in the thing it creates (unique in MongoDB), and every other change is guarded by a version, so a Valkey that has
forgotten everything still leads to nothing done twice.
"""

from __future__ import annotations

import hashlib
import logging

import msgspec
from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

from kernel.errors import Code, Conflict, KeyReused

log = logging.getLogger("banshi.idempotency")

# How long a process that died in the middle blocks the repeat: longer than any request takes (database: 5 s).
RUNNING_SECONDS = 15
KEPT_SECONDS = 24 * 3600


class Stored(Struct):
    status: int
    body: bytes


class _Entry(Struct):
    fingerprint: str
    stored: Stored | None = None


class Idempotencies:
    """``key`` names caller and Idempotency-Key; ``name`` the route and path it was used on."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def begin(self, key: str, name: str, body: bytes) -> Stored | None:
        """None: go on. Stored: this was answered before. Raises KeyReused, Conflict REQUEST_IN_PROGRESS."""
        fresh = msgspec.json.encode(_Entry(_fingerprint(name, body)))
        try:
            if await self._redis.set(_name(key), fresh, nx=True, ex=RUNNING_SECONDS):
                return None
            found = await self._redis.get(_name(key))
        except (RedisError, TimeoutError, ConnectionError):
            log.warning("idempotency keys are not remembered: Valkey does not answer")
            return None
        if found is None:
            return None
        entry = msgspec.json.decode(found, type=_Entry)
        if entry.fingerprint != _fingerprint(name, body):
            raise KeyReused(field="Idempotency-Key")
        if entry.stored is None:
            raise Conflict(Code.REQUEST_IN_PROGRESS)
        return entry.stored

    async def finish(self, key: str, name: str, body: bytes, stored: Stored) -> None:
        entry = msgspec.json.encode(_Entry(_fingerprint(name, body), stored))
        try:
            await self._redis.set(_name(key), entry, ex=KEPT_SECONDS)
        except (RedisError, TimeoutError, ConnectionError):
            log.warning("an answer was not kept for repeats: Valkey does not answer")

    async def forget(self, key: str) -> None:
        try:
            await self._redis.delete(_name(key))
        except (RedisError, TimeoutError, ConnectionError):
            log.warning("an idempotency key was not freed; it frees itself within %s s", RUNNING_SECONDS)


def _name(key: str) -> str:
    return f"idempotency:{key}"


def _fingerprint(name: str, body: bytes) -> str:
    return hashlib.sha256(name.encode() + b"\n" + body).hexdigest()
