"""Sessions in Valkey, in front of MongoDB: what may be lost, and must never outlive the truth by more than its time.

A reader may be about to cache what it read just before somebody signed out. So each entry carries the version of the
account it was read from, an entry never replaces one of a higher version, and the end of a session is an entry of the
highest version.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable
from datetime import datetime, timedelta
from typing import Final, Generic, Protocol, TypeVar

import msgspec
from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

from kernel.clock import Clock

log = logging.getLogger("banshi.identity")

# A store that does not answer at once is slower than the database it stands in front of.
TIMEOUT_SECONDS: Final = 0.25
# After a failure requests go straight to MongoDB for this long, instead of each waiting for the time-out.
REST: Final = timedelta(seconds=2)

# The largest whole number that a Lua number and a JSON number both hold.
_ENDED: Final = 2**53 - 1
_PUT: Final = """
local kept = redis.call('GET', KEYS[1])
if kept and cjson.decode(kept)['version'] > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""


class Expiring(Protocol):
    @property
    def expires_at(self) -> datetime: ...


S = TypeVar("S", bound=Expiring)


class _Entry(Struct, omit_defaults=True):
    """``until``: the entry's end by our clock; Valkey's own may differ."""

    version: int
    until: datetime
    session: msgspec.Raw = msgspec.Raw(b"null")


class SessionCache(Generic[S]):
    """Sessions of one kind by token hash. No method raises when Valkey is away: the caller asks MongoDB."""

    def __init__(self, valkey: Redis, prefix: str, session: type[S], clock: Clock, keep_for: timedelta) -> None:
        self._valkey = valkey
        self._prefix = prefix
        self._session = session
        self._clock = clock
        self._keep_for = keep_for
        self._rest_until: datetime | None = None

    async def get(self, token_hash: str) -> S | None:
        """The session if it is known here; None says nothing about whether it exists."""
        if self._resting():
            return None
        text = await self._ask("get", self._valkey.get(self._key(token_hash)))
        if not isinstance(text, str | bytes):
            return None
        try:
            entry = msgspec.json.decode(text, type=_Entry)
            if entry.version == _ENDED or entry.until <= self._clock.now():
                return None
            return msgspec.json.decode(entry.session, type=self._session)
        except msgspec.DecodeError:
            # Written by another edition of this program: as good as absent.
            return None

    async def put(self, token_hash: str, session: S, version: int) -> None:
        """Keeps a session as it was when its account had ``version``, unless a newer one is known."""
        if self._resting():
            return
        until = min(self._clock.now() + self._keep_for, session.expires_at)
        entry = _Entry(version, until, msgspec.Raw(msgspec.json.encode(session)))
        await self._put(token_hash, entry)

    async def end(self, token_hashes: Iterable[str]) -> None:
        """The sessions are over in MongoDB: no entry may say otherwise. Tried even while resting."""
        entry = _Entry(_ENDED, self._clock.now() + self._keep_for)
        for token_hash in token_hashes:
            if not await self._put(token_hash, entry):
                return

    async def _put(self, token_hash: str, entry: _Entry) -> bool:
        life = int(self._keep_for.total_seconds() * 1000)
        arguments = (str(entry.version), msgspec.json.encode(entry).decode(), str(life))
        answer = await self._ask("put", self._valkey.eval(_PUT, 1, self._key(token_hash), *arguments))
        return answer is not None

    async def _ask(self, operation: str, answer: Awaitable[object]) -> object | None:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await answer
        except (RedisError, OSError, TimeoutError) as error:
            self._rest_until = self._clock.now() + REST
            log.warning("session cache unavailable", extra={"operation": operation, "error": type(error).__name__})
            return None

    def _resting(self) -> bool:
        return self._rest_until is not None and self._clock.now() < self._rest_until

    def _key(self, token_hash: str) -> str:
        return f"{self._prefix}:{token_hash}"
