"""Where a dialogue is kept between two turns: Valkey, with an end. What is lost costs the resident one question."""

from __future__ import annotations

import logging
from datetime import timedelta

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.dialogue.model import State

log = logging.getLogger("banshi.dialogue")


class DialogueStates:
    """States by owner: a person's id, or a random token for somebody not signed in."""

    def __init__(self, valkey: Redis, keep: timedelta) -> None:
        self._valkey = valkey
        self._keep = keep

    async def get(self, owner: str) -> State:
        """A new state when there is none, it has ended, it is of an older form, or Valkey is away."""
        try:
            kept = await self._valkey.get(_key(owner))
        except (RedisError, TimeoutError, ConnectionError):
            log.warning("dialogue state not read")
            return State()
        if not kept:
            return State()
        try:
            return msgspec.json.decode(kept, type=State)
        except (msgspec.ValidationError, msgspec.DecodeError):
            return State()

    async def put(self, owner: str, state: State) -> None:
        """Keeps it for a while from now on. The last of two turns at once wins."""
        try:
            await self._valkey.set(
                _key(owner), msgspec.json.encode(state), px=int(self._keep / timedelta(milliseconds=1))
            )
        except (RedisError, TimeoutError, ConnectionError):
            log.warning("dialogue state not kept")

    async def forget(self, owner: str) -> None:
        try:
            await self._valkey.delete(_key(owner))
        except (RedisError, TimeoutError, ConnectionError):
            log.warning("dialogue state not kept")


def _key(owner: str) -> str:
    return f"dialogue:{owner}"
