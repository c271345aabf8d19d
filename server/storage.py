"""The connections to MongoDB and Valkey: time-outs on everything, slow commands logged, commands counted."""

from __future__ import annotations

import logging
import socket
import sys
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from kernel.cost import COST
from server.settings import Settings
from services.store import Document

log = logging.getLogger("banshi.storage")

SLOW_MICROSECONDS = 1_000_000
# What drivers send on their own account.
_HOUSEKEEPING = frozenset({"hello", "ping", "endSessions", "saslStart", "saslContinue", "killCursors"})
# Asked for after 15 s of silence, three times, 5 s apart. Other kernels name these otherwise; theirs ask after hours.
_KEEPALIVE = (
    {socket.TCP_KEEPIDLE: 15, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 3} if sys.platform == "linux" else {}
)


class CommandLog(CommandListener):
    """Counts the database commands of each request (a test holds every endpoint to its number) and logs slow ones,
    without values."""

    def started(self, event: CommandStartedEvent) -> None:
        if (cost := COST.get()) is not None and event.command_name not in _HOUSEKEEPING:
            cost.commands += 1

    def succeeded(self, event: CommandSucceededEvent) -> None:
        if event.duration_micros > SLOW_MICROSECONDS:
            log.warning("slow database command", extra={"command": event.command_name, "us": event.duration_micros})

    def failed(self, event: CommandFailedEvent) -> None:
        log.warning("database command failed", extra={"command": event.command_name, "us": event.duration_micros})


def connect_mongo(settings: Settings) -> AsyncMongoClient[Document]:
    """A client that gives up after ``mongo_timeout_ms`` whatever happens; writes wait for the majority."""
    options: dict[str, Any] = {
        "tz_aware": True,
        "maxPoolSize": settings.mongo_pool,
        "timeoutMS": settings.mongo_timeout_ms,
        "serverSelectionTimeoutMS": settings.mongo_timeout_ms,
        "connectTimeoutMS": settings.mongo_timeout_ms,
        "event_listeners": [CommandLog()],
        "appname": "banshi",
    }
    return AsyncMongoClient(settings.mongo_uri, w="majority", **options)


def connect_redis(settings: Settings) -> Redis:
    """A client that fails fast: everything kept there can be done without, so waiting would be the greater harm."""
    seconds = settings.redis_timeout_ms / 1000
    return Redis.from_url(
        settings.redis_uri,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 1),
        health_check_interval=30,
    )


def connect_redis_listener(settings: Settings) -> Redis:
    """For subscriptions: reading waits for as long as nothing happens. A cut line is an error at once, never mended
    silently: events were lost, and whoever listens has to know. A host that vanishes without a word is one within
    half a minute: the kernel asks for it while the line is idle."""
    return Redis.from_url(
        settings.redis_uri,
        socket_connect_timeout=settings.redis_timeout_ms / 1000,
        socket_keepalive=True,
        socket_keepalive_options=_KEEPALIVE,
        retry=Retry(NoBackoff(), 0),
    )
