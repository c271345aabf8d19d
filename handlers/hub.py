"""Live events: from worker and API through Valkey to every API process, and there to the sockets that listen.

A topic is an id: a person's, a member of staff's, a conversation's. What goes through here may be lost: an event is
only a reason to read again, or carries a number by which a gap is seen; while Valkey is away, and once when it is back,
whoever follows a conversation is told to read it from the database.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = logging.getLogger("banshi.hub")

CHANNEL = "banshi:live"
RETRY_SECONDS = 1.0
GOING_AWAY = 1001
# Between two sockets told to read again: thousands at once would all ask the database in one instant.
RESYNC_PAUSE_SECONDS = 0.001


class Listener(Protocol):
    def tell_event(self, topic: str, event: dict[str, Any]) -> None: ...

    def close(self, code: int | None = None, reason: str | None = None) -> None: ...

    def resync(self) -> None:
        """Live events may have been lost: read again what is followed."""
        ...


class Hub:
    """One per API process: one subscription, many sockets."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._listeners: defaultdict[str, set[Listener]] = defaultdict(set)

    def join(self, topic: str, listener: Listener) -> None:
        self._listeners[topic].add(listener)

    def leave(self, topic: str, listener: Listener) -> None:
        if (listeners := self._listeners.get(topic)) is not None:
            listeners.discard(listener)
            if not listeners:
                del self._listeners[topic]

    def listening(self, topic: str) -> int:
        """How many sockets of this process listen to a topic."""
        return len(self._listeners.get(topic, ()))

    async def run(self) -> None:
        """Listens until cancelled; connects again when Valkey was away."""
        lost = False
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await pubsub.subscribe(CHANNEL)
                    if lost:
                        await self._resync()
                        lost = False
                    async for message in pubsub.listen():
                        if message["type"] == "message":
                            self._take(message["data"])
            except (RedisError, TimeoutError, ConnectionError) as error:
                log.warning("live events wait for Valkey", extra={"error": repr(error)})
                lost = True
                await asyncio.sleep(RETRY_SECONDS)
                await self._resync()

    def deliver(self, topic: str, event: Mapping[str, Any]) -> None:
        """To this process alone: for events that Valkey does not take now."""
        self._take(_encode(topic, event))

    def close(self) -> None:
        """The process stops: clients are told to come back, to another one."""
        for listener in {one for listeners in self._listeners.values() for one in listeners}:
            listener.close(GOING_AWAY, "restart")

    async def _resync(self) -> None:
        for listener in {one for listeners in list(self._listeners.values()) for one in listeners}:
            listener.resync()
            await asyncio.sleep(RESYNC_PAUSE_SECONDS)

    def _take(self, data: bytes | str) -> None:
        told = msgspec.json.decode(data)
        for listener in list(self._listeners.get(told["topic"], ())):
            listener.tell_event(told["topic"], told["event"])


async def publish(redis: Redis, topic: str, event: Mapping[str, Any]) -> None:
    """Tells every process. Raises RedisError."""
    await redis.publish(CHANNEL, _encode(topic, event))


def _encode(topic: str, event: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode({"topic": topic, "event": dict(event)})
