"""One database command for what many callers ask for at once.

A synced write costs the disk's time once for a command, however many documents it carries, and every command costs the
driver's. So while one is under way the callers that come are gathered, and go together with the next. Who comes alone
goes at once: nobody ever waits for others to come.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

A = TypeVar("A")
B = TypeVar("B")

# A command for so many still keeps its time limit easily.
MOST = 100

# The answer to each of what was asked, in order; an exception is raised to who asked for that one.
Run = Callable[[list[A]], Awaitable[Sequence[B | Exception]]]


class Batches(Generic[A, B]):
    """``run`` is called with at most ``most`` at a time. What it raises is raised to all of that call."""

    def __init__(self, run: Run[A, B], most: int = MOST) -> None:
        self._run = run
        self._most = most
        self._waiting: deque[tuple[A, asyncio.Future[B]]] = deque()
        self._running: asyncio.Task[None] | None = None

    async def ask(self, one: A) -> B:
        answer: asyncio.Future[B] = asyncio.get_running_loop().create_future()
        self._waiting.append((one, answer))
        if self._running is None:
            self._running = asyncio.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        try:
            while self._waiting:
                some = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
                await self._answer(some)
        finally:
            self._running = None
            # Only where this task is cancelled, as the process ends: nobody must wait for it forever.
            for _, answer in self._waiting:
                answer.cancel()
            self._waiting.clear()

    async def _answer(self, some: list[tuple[A, asyncio.Future[B]]]) -> None:
        given: Sequence[B | Exception]
        try:
            given = await self._run([one for one, _ in some])
        except Exception as error:
            given = [error] * len(some)
        except BaseException:
            for _, answer in some:
                answer.cancel()
            raise
        for (_, answer), value in zip(some, given, strict=True):
            # Who has been cancelled meanwhile waits no longer.
            if answer.done():
                continue
            if isinstance(value, Exception):
                answer.set_exception(value)
            else:
                answer.set_result(value)
