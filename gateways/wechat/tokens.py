"""The access token: fetched once for everybody who waits, renewed before it ends, replaced when WeChat refuses it.

Each process keeps its own copy: stable_token gives every caller the same token with the remaining life, so processes
need no shared store (developers.weixin.qq.com, getStableAccessToken).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateways.transport import TOKEN_FETCH, UpstreamUnavailable
from kernel.clock import Clock
from kernel.errors import BanshiError

# WeChat gives a new token from 5 minutes before the end, old and new being valid together; a minute is left for skew.
RENEW_BEFORE = timedelta(seconds=240)
# force_refresh: at least 30 s apart, 20 a day; it kills the token of every other process, so it comes last.
FORCE_EVERY = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Token:
    """``text`` may have 512 characters or more. ``renew_at`` is before ``ends_at``."""

    text: str
    renew_at: datetime
    ends_at: datetime

    @classmethod
    def lasting(cls, text: str, seconds: int, now: datetime) -> Token:
        life = timedelta(seconds=seconds)
        return cls(text, now + life - min(RENEW_BEFORE, life / 2), now + life)


Fetch = Callable[[bool], Awaitable[Token]]


class TokenKeeper:
    """Hands out a valid token. ``fetch(force)`` asks WeChat once; it is never run twice at the same time."""

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._token: Token | None = None
        self._running: asyncio.Task[Token] | None = None
        self._forced_at: datetime | None = None

    async def current(self) -> str:
        """A token that WeChat has not refused and that has not ended. Raises what the fetch raises."""
        now = self._clock.now()
        if self._token and now < self._token.renew_at:
            return self._token.text
        try:
            return (await self._once(self._renew)).text
        except BanshiError:
            # The old token stays good until its end: a short failure of the token endpoint stops nothing.
            if self._token and self._clock.now() < self._token.ends_at:
                return self._token.text
            raise

    async def replace(self, refused: str) -> str:
        """Another token than the one WeChat has just refused; the same one only when no other can be had now."""
        if self._token and self._token.text != refused and self._clock.now() < self._token.ends_at:
            return self._token.text  # another request has already replaced it

        async def renew() -> Token:
            token = await self._renew()
            return await self._force() if token.text == refused and self._may_force() else token

        token = await self._once(renew)
        if token.text == refused and self._may_force():  # a plain renewal was already running when we came
            token = await self._once(self._force)
        return token.text

    def close(self) -> None:
        if self._running and not self._running.done():
            self._running.cancel()

    async def _once(self, work: Callable[[], Awaitable[Token]]) -> Token:
        if self._running is None or self._running.done():
            self._running = asyncio.ensure_future(self._keep(work))
            self._running.add_done_callback(_look_at)
        # Shielded: a request that gives up must not take the fetch away from the others who wait for it.
        return await asyncio.shield(self._running)

    async def _keep(self, work: Callable[[], Awaitable[Token]]) -> Token:
        self._token = await work()
        return self._token

    async def _renew(self) -> Token:
        for _ in range(TOKEN_FETCH.attempts - 1):
            try:
                return await self._fetch(False)
            except UpstreamUnavailable:
                continue
        return await self._fetch(False)

    def _may_force(self) -> bool:
        return self._forced_at is None or self._clock.now() - self._forced_at >= FORCE_EVERY

    async def _force(self) -> Token:
        self._forced_at = self._clock.now()
        return await self._fetch(True)


def _look_at(task: asyncio.Task[Token]) -> None:
    """A failed fetch whose waiters have all gone is nobody's: look at its error, so that asyncio does not report it."""
    if not task.cancelled():
        task.exception()
