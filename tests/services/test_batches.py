"""Callers that come while a command is under way share the next one, and each gets its own answer."""

from __future__ import annotations

import asyncio

import pytest

from services.batches import Batches


class Server:
    """Doubles numbers, one command at a time; odd ones above a hundred are refused."""

    def __init__(self) -> None:
        self.commands: list[list[int]] = []
        self.free = asyncio.Event()

    async def run(self, numbers: list[int]) -> list[int | Exception]:
        self.commands.append(numbers)
        await self.free.wait()
        if 13 in numbers:
            raise ConnectionError
        return [ValueError(n) if n > 100 and n % 2 else 2 * n for n in numbers]


async def test_who_comes_alone_goes_at_once_and_those_after_go_together() -> None:
    server = Server()
    batches: Batches[int, int] = Batches(server.run, 3)
    asked = [asyncio.create_task(batches.ask(1))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asked += [asyncio.create_task(batches.ask(n)) for n in range(2, 7)]
    await asyncio.sleep(0)
    server.free.set()
    assert await asyncio.gather(*asked) == [2, 4, 6, 8, 10, 12]
    assert server.commands == [[1], [2, 3, 4], [5, 6]]


async def test_one_that_is_refused_is_refused_alone() -> None:
    server = Server()
    server.free.set()
    batches: Batches[int, int] = Batches(server.run)
    answers = await asyncio.gather(*(batches.ask(n) for n in (100, 101, 102)), return_exceptions=True)
    assert (answers[0], answers[2]) == (200, 204)
    assert isinstance(answers[1], ValueError)


async def test_a_command_that_fails_fails_for_all_of_it_and_for_nobody_else() -> None:
    server = Server()
    batches: Batches[int, int] = Batches(server.run, 2)
    asked = [asyncio.create_task(batches.ask(n)) for n in (1, 13, 2, 3)]
    await asyncio.sleep(0)
    server.free.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == [ConnectionError, ConnectionError, int, int]


async def test_who_gives_up_takes_nobody_along() -> None:
    server = Server()
    batches: Batches[int, int] = Batches(server.run)
    first, second = asyncio.create_task(batches.ask(1)), asyncio.create_task(batches.ask(2))
    await asyncio.sleep(0)
    first.cancel()
    server.free.set()
    assert await second == 4
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await batches.ask(3) == 6


async def test_nobody_waits_forever_for_a_process_that_ends() -> None:
    server = Server()
    batches: Batches[int, int] = Batches(server.run, 1)
    asked = [asyncio.create_task(batches.ask(n)) for n in (1, 2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running = batches._running
    assert running is not None
    running.cancel()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(answer, asyncio.CancelledError) for answer in answers)
