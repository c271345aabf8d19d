"""Two hundred conversations: at one message a second each, and as fast as one process and two can."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.screens import Lost, Post, Screen
from bench.serving import running
from bench.table import Row
from bench.talking_town import RESIDENTS, STAFF, Pair, at_once
from bench.transcripts import compare
from server.embedded import free_port
from server.settings import Settings

PACED_SECONDS = 20
STRAGGLER_SECONDS = 30.0
BUSY_SECONDS = 4.0
BUSY_ROUNDS = 5
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Hall:
    """Everybody who talks, each at a screen. ``ports``: over these processes they are spread."""

    pairs: list[Pair]
    residents: list[Screen]
    officers: dict[str, Screen]
    post: Post

    @classmethod
    def of(cls, pairs: list[Pair]) -> Hall:
        post = Post()
        residents = [Screen(0, RESIDENTS, pair.resident.token, post) for pair in pairs]
        officers = {pair.officer.staff_id: Screen(0, STAFF, pair.officer.token, post) for pair in pairs}
        return cls(pairs, residents, officers, post)

    async def open(self, ports: list[int]) -> None:
        for number, screen in enumerate([*self.residents, *self.officers.values()]):
            screen.port = ports[number % len(ports)]
        await at_once(screen.connect() for screen in (*self.residents, *self.officers.values()))
        await at_once(
            screen.resume(pair.conversation) for number, pair in enumerate(self.pairs) for screen in self.sides(number)
        )

    def sides(self, number: int) -> tuple[Screen, Screen]:
        return self.residents[number], self.officers[self.pairs[number].officer.staff_id]

    def close(self) -> None:
        for screen in (*self.residents, *self.officers.values()):
            screen.drop()

    def check(self) -> None:
        """Raises Lost."""
        faults = [one.fault for one in (*self.residents, *self.officers.values()) if one.fault]
        if faults or self.post.sent:
            raise Lost(f"{len(self.post.sent)} messages never came; {len(faults)} faults: {faults[:3]}")


class Clock:
    """Processor time of some processes: how many cores each has taken since the last look."""

    def __init__(self, pids: dict[str, int]) -> None:
        self._pids = pids
        self._spent = {name: _spent(pid) for name, pid in pids.items()}
        self._at = time.perf_counter()

    def cores(self) -> dict[str, float]:
        now, spent = time.perf_counter(), {name: _spent(pid) for name, pid in self._pids.items()}
        taken = {name: (spent[name] - self._spent[name]) / (now - self._at) for name in spent}
        self._at, self._spent = now, spent
        return taken


def _spent(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def loads(settings: Settings, pairs: list[Pair], servers: dict[str, int]) -> list[Row]:
    """``servers``: the pids of database and Valkey. Raises Lost."""
    apis = [replace(settings, port=free_port()) for _ in range(2)]
    hall = Hall.of(pairs)
    with ExitStack() as stack:
        processes = [stack.enter_context(running(["server", "api"], api)) for api in apis]
        pids = servers | {"client": os.getpid()}
        ports = [api.port for api in apis]
        rows = await _paced(hall, ports[:1], pids | {"API": processes[0].pid})
        rows += await _one_and_two(hall, ports, pids | {"API 1": processes[0].pid, "API 2": processes[1].pid})
        # Back once more: the last of one's own messages may have been on their way when the lines were dropped.
        await hall.open(ports)
        sides = enumerate(pairs)
        await compare(ports[1], [(side, p.conversation) for number, p in sides for side in hall.sides(number)])
        hall.close()
        hall.check()
    return rows


# -- paced ---------------------------------------------------------------------------------------------------------


async def _paced(hall: Hall, ports: list[int], pids: dict[str, int]) -> list[Row]:
    await hall.open(ports)
    await _talk(hall, 3, "warm")
    hall.post.take()
    clock = Clock(pids)
    seconds = await _talk(hall, PACED_SECONDS, "paced")
    cores = clock.cores()
    taken = hall.post.take()
    hall.close()
    hall.check()
    count, wanted = len(taken), len(hall.pairs) * PACED_SECONDS
    return [
        Row(
            f"{len(hall.pairs)} conversations, a message a second each: lost of {wanted:,}", [wanted - count], at_most=0
        ),
        Row("-- seen by the other side, p95", [float(np.percentile(taken, 95))], "ms", at_most=150),
        Row("-- seen by the other side, p50", [float(np.percentile(taken, 50))], "ms"),
        Row("-- messages a second", [count / seconds]),
        *_cores(cores),
    ]


async def _talk(hall: Hall, seconds: int, name: str) -> float:
    """A message a second in every conversation, from either side in turns; returns how long it took to arrive."""
    began = time.perf_counter()

    async def one(number: int) -> None:
        pair, sides, waiting = hall.pairs[number], hall.sides(number), []
        for count in range(seconds):
            due = began + count + number / len(hall.pairs)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            waiting.append(sides[count % 2].say(pair.conversation, f"{name} {number} {count} 请问需要带什么材料？"))
        async with asyncio.timeout(STRAGGLER_SECONDS):
            await asyncio.gather(*waiting)

    try:
        await asyncio.gather(*(one(number) for number in range(len(hall.pairs))))
    except TimeoutError:
        hall.check()
    return time.perf_counter() - began


# -- one process, two processes ------------------------------------------------------------------------------------


async def _one_and_two(hall: Hall, ports: list[int], pids: dict[str, int]) -> list[Row]:
    rates: dict[int, list[float]] = {1: [], 2: []}
    cores: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    for number in range(-1, BUSY_ROUNDS):
        for count in (1, 2) if number % 2 else (2, 1):
            await hall.open(ports[:count])
            clock = Clock(pids)
            rate = await _rush(hall, f"rush {number} {count}")
            if number >= 0:
                rates[count].append(rate)
                cores[count].append(clock.cores())
            hall.close()
            hall.check()
    ratio = [two / one for one, two in zip(rates[1], rates[2], strict=True)]
    free = (os.cpu_count() or 1) - _mean(one["database"] + one["valkey"] + one["client"] for one in cores[2])
    return [
        Row(f"messages a second, two processes / one ({free:.1f} cores left for them)", ratio, at_least=1.6),
        Row("-- one process, messages a second", rates[1]),
        Row("-- two processes, messages a second", rates[2]),
        Row("-- API's processor time a message, one process", _each(cores[1], rates[1]), "ms"),
        Row("-- API's processor time a message, two processes", _each(cores[2], rates[2]), "ms"),
        *_cores({name: _mean(one[name] for one in cores[1]) for name in cores[1][0]}, ", one process"),
        *_cores({name: _mean(one[name] for one in cores[2]) for name in cores[2][0]}, ", two processes"),
    ]


async def _rush(hall: Hall, name: str) -> float:
    """Messages a second, the next of a conversation being said as soon as the last has been seen."""
    began = time.perf_counter()
    end = began + BUSY_SECONDS

    async def one(number: int) -> int:
        pair, sides, count = hall.pairs[number], hall.sides(number), 0
        while time.perf_counter() < end:
            async with asyncio.timeout(STRAGGLER_SECONDS):
                await sides[count % 2].say(pair.conversation, f"{name} {number} {count} 请问需要带什么材料？")
            count += 1
        return count

    try:
        done = sum(await asyncio.gather(*(one(number) for number in range(len(hall.pairs)))))
    except TimeoutError:
        hall.check()
        raise
    hall.post.take()
    return done / (time.perf_counter() - began)


def _each(cores: list[dict[str, float]], rates: list[float]) -> list[float]:
    """What two processes would reach on cores of their own, were there enough, lies in how this grows."""
    taken = [one["API 1"] + one["API 2"] for one in cores]
    return [1000 * one / rate for one, rate in zip(taken, rates, strict=True)]


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _cores(cores: dict[str, float], words: str = "") -> list[Row]:
    return [Row(f"-- cores taken by {name}{words}", [taken]) for name, taken in cores.items()]
