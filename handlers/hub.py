"""Live events: from the worker through Valkey to every API process, and there to the sockets of the person concerned.

What goes through here may be lost: an event is only a reason to read again, and clients read everything on return.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from typing import Any, Protocol

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = logging.getLogger("banshi.hub")

CHANNEL = "banshi:live"
RETRY_SECONDS = 1.0


class Listener(Protocol):
    def tell_event(self, event: dict[str, Any]) -> None: ...


class Hub:
    """One per API process: one subscription, many sockets."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._listeners: defaultdict[str, set[Listener]] = defaultdict(set)

    def join(self, person: str, listener: Listener) -> None:
        self._listeners[person].add(listener)

    def leave(self, person: str, listener: Listener) -> None:
        self._listeners[person].discard(listener)
        if not self._listeners[person]:
            del self._listeners[person]

    async def run(self) -> None:
        """Listens until cancelled; connects again when Valkey was away."""
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await pubsub.subscribe(CHANNEL)
                    async for message in pubsub.listen():
                        if message["type"] == "message":
                            self._take(message["data"])
            except (RedisError, TimeoutError, ConnectionError) as error:
                log.warning("live events wait for Valkey", extra={"error": repr(error)})
                await asyncio.sleep(RETRY_SECONDS)

    def _take(self, data: bytes | str) -> None:
        told = msgspec.json.decode(data)
        for listener in list(self._listeners.get(told["person"], ())):
            listener.tell_event(told["event"])


async def publish(redis: Redis, person: str, event: dict[str, Any]) -> None:
    """For the worker: tells every process. Raises RedisError."""
    await redis.publish(CHANNEL, msgspec.json.encode({"person": person, "event": event}))
