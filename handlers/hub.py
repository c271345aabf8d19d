"""Live events: from worker and API through Valkey to every API process, and there to the sockets that listen.

A topic is an id: a person's, a member of staff's, a conversation's. What goes through here may be lost: an event is
only a reason to read again, or carries a number by which a gap is seen; while Valkey is away, and once when it is back,
whoever follows a conversation is told to read it from the database. Two know that something was lost: the hub whose
line was cut, and the process whose event was not taken (``publish_gap``).
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = logging.getLogger("banshi.hub")

CHANNEL = "banshi:live"
# Whose events are nobody's own: the worker's.
NOBODY = "-"
# The topic of no id: events were lost, whoever listens to anything reads again.
GAP = ""
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
    """One per API process: one subscription, many sockets. ``own``: whose events are delivered here at once, and are
    not news when they come back from Valkey. ``hear``: is shown what others tell of what is listened to here, first."""

    def __init__(self, redis: Redis, own: str = "", hear: Callable[[str, dict[str, Any]], None] | None = None) -> None:
        self._redis = redis
        self._own = own.encode()
        self._hear = hear
        self._listeners: defaultdict[str, set[Listener]] = defaultdict(set)
        self._resyncing: asyncio.Task[None] | None = None
        self._again = False

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
        try:
            while True:
                try:
                    await self._listen()
                except (RedisError, TimeoutError, ConnectionError) as error:
                    log.warning("live events wait for Valkey", extra={"error": repr(error)})
                    await asyncio.sleep(RETRY_SECONDS)
                    self._resync_soon()
        finally:
            if self._resyncing is not None:
                self._resyncing.cancel()

    async def _listen(self) -> None:
        async with self._redis.pubsub() as pubsub:
            await pubsub.subscribe(CHANNEL)
            async for message in pubsub.listen():
                if message["type"] == "subscribe":
                    # Only Valkey's answer says that events come from now on; having asked is not enough.
                    self._resync_soon()
                elif message["type"] == "message":
                    self._take(message["data"])

    def deliver(self, topic: str, event: Mapping[str, Any]) -> None:
        """To this process alone, at once: Valkey tells the others, or they read."""
        self._tell(topic, dict(event))

    def close(self) -> None:
        """The process stops: clients are told to come back, to another one."""
        for listener in {one for listeners in self._listeners.values() for one in listeners}:
            listener.close(GOING_AWAY, "restart")

    def _resync_soon(self) -> None:
        """Tells every socket to read again; asked while it does, once more after."""
        self._again = True
        if self._resyncing is None or self._resyncing.done():
            self._resyncing = asyncio.create_task(self._resync())

    async def _resync(self) -> None:
        while self._again:
            self._again = False
            for listener in {one for listeners in self._listeners.values() for one in listeners}:
                listener.resync()
                await asyncio.sleep(RESYNC_PAUSE_SECONDS)

    def _take(self, data: bytes) -> None:
        head, _, event = data.partition(b"\n")
        teller, _, name = head.partition(b" ")
        topic = name.decode()
        if topic == GAP:
            self._resync_soon()
        # Most of what other processes tell concerns nobody here: it is not even read.
        elif topic in self._listeners and teller != self._own:
            told = msgspec.json.decode(event)
            if self._hear is not None:
                _show(self._hear, topic, told)
            self._tell(topic, told)

    def _tell(self, topic: str, event: dict[str, Any]) -> None:
        for listener in list(self._listeners.get(topic, ())):
            _show(listener.tell_event, topic, event)


def _show(tell: Callable[[str, dict[str, Any]], None], topic: str, event: dict[str, Any]) -> None:
    try:
        tell(topic, event)
    except Exception:
        # One screen's trouble is neither the teller's nor the next screen's.
        log.warning("a live event could not be shown", exc_info=True)


async def publish(redis: Redis, topic: str, event: Mapping[str, Any]) -> None:
    """Tells every process. Raises RedisError."""
    await redis.publish(CHANNEL, message(topic, event))


async def publish_all(redis: Redis, messages: Sequence[bytes]) -> None:
    """Tells every process several ``message``s in one go. Raises RedisError."""
    if len(messages) == 1:
        await redis.publish(CHANNEL, messages[0])
        return
    async with redis.pipeline(transaction=False) as pipeline:
        for one in messages:
            pipeline.publish(CHANNEL, one)
        await pipeline.execute()


async def publish_gap(redis: Redis) -> None:
    """Tells every process that events were lost: their sockets read again. Raises RedisError."""
    await redis.publish(CHANNEL, message(GAP, {}))


def message(topic: str, event: Mapping[str, Any], teller: str = NOBODY) -> bytes:
    """An event on its way. Teller (a process, or nobody) and topic stand before it, so that it is only decoded where
    somebody listens."""
    return b"%s %s\n%s" % (teller.encode(), topic.encode(), msgspec.json.encode(dict(event)))
