"""How often one caller may call: token buckets per process for what is cheap, one shared count for what is not.

Reads and questions are counted in the process (a shared counter would cost more than the read). Writes and logins are
counted in Valkey over all processes; when Valkey is away the process counts alone: a limit is no reason to be down.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from redis.asyncio import Redis
from redis.exceptions import RedisError

from handlers.routing import Limit
from kernel.errors import TooManyRequests

log = logging.getLogger("banshi.limits")

SHARED = frozenset({Limit.WRITE, Limit.LOGIN})
# Callers remembered per process; the one not seen for longest is forgotten first, and starts with a full bucket.
REMEMBERED = 50_000


class Limits:
    """``per_minute`` gives each class's number; a bucket holds one minute's worth."""

    def __init__(
        self, per_minute: Mapping[Limit, int], redis: Redis, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_minute = per_minute
        self._redis = redis
        self._monotonic = monotonic
        self._buckets: OrderedDict[tuple[Limit, str], tuple[float, float]] = OrderedDict()

    async def check(self, limit: Limit, caller: str) -> None:
        """Counts one call. Raises TooManyRequests with the seconds to wait."""
        if limit is Limit.NONE:
            return
        if limit in SHARED:
            try:
                await self._check_shared(limit, caller)
            except (RedisError, TimeoutError, ConnectionError):
                log.warning("limits are counted per process: Valkey does not answer")
            else:
                return
        self._check_local(limit, caller)

    async def _check_shared(self, limit: Limit, caller: str) -> None:
        window = int(time.time() // 60)
        key = f"limit:{limit}:{caller}:{window}"
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.incr(key)
            pipeline.expire(key, 120)
            count, _ = await pipeline.execute()
        if count > self._per_minute[limit]:
            raise TooManyRequests(60 - time.time() % 60)

    def _check_local(self, limit: Limit, caller: str) -> None:
        now = self._monotonic()
        size = self._per_minute[limit]
        key = (limit, caller)
        left, seen = self._buckets.pop(key, (float(size), now))
        left = min(size, left + (now - seen) * size / 60)
        if left < 1:
            self._buckets[key] = (left, now)
            raise TooManyRequests((1 - left) * 60 / size)
        self._buckets[key] = (left - 1, now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
