"""Conversations over real sockets, as ratios within one run: memory, delay, throughput, and lines that break.

Residents' sockets are ``/api/live``, officers' ``/staff/live``. Every message goes to a real API process, into the
database (synced), and out to the other side. What the clients were told is compared with what the database holds, read
over HTTP: a difference raises ``screens.Lost``.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from subprocess import Popen

import numpy as np

from bench import talking_load, talking_storm
from bench.screens import Post, Screen
from bench.serving import running, start
from bench.table import Row
from bench.talking_town import RESIDENTS, STAFF, Listener, Pair, at_once, listeners, pairs
from bench.wire import Line, connect
from server.embedded import free_port, stop_process
from server.settings import Settings

IDLE = 5000
IDLE_ROUNDS = 2
# Sockets that come and go first: what the first ones make a process load is not theirs.
WARM = 200
SETTLE_SECONDS = 2.0
CONVERSATIONS = 200
ECHOES = 60
ECHO_ROUNDS = 6
# A connection may send 20 frames a second; two take turns here.
ECHO_PAUSE_SECONDS = 0.03


async def talking(settings: Settings, servers: dict[str, int]) -> AsyncIterator[list[Row]]:
    """The rows of each part when it is done. ``servers``: the pids of database and Valkey. Raises Lost."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    ours = replace(settings, staff_second_factor="optional", limit_chat_per_minute=10**9)
    crowd = await listeners(ours, IDLE)
    talkers = await pairs(ours, CONVERSATIONS)
    yield await idle(ours, crowd)
    yield await echoes(ours, talkers[0])
    yield await talking_load.loads(ours, talkers, servers)
    yield await talking_storm.storms(ours, crowd)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def bare(settings: Settings) -> Iterator[tuple[int, Popen[bytes]]]:
    """(port, process) of the bare server."""
    port = free_port()
    process = start(["bench.echoing", str(port), settings.redis_uri, settings.mongo_uri], port, {})
    try:
        yield port, process
    finally:
        stop_process(process)


# -- idle sockets --------------------------------------------------------------------------------------------------


async def idle(settings: Settings, crowd: list[Listener]) -> list[Row]:
    """KiB of a process for each socket that is open, said hello, follows a conversation and is silent."""
    ours, plain = [], []
    for _ in range(IDLE_ROUNDS):
        api = replace(settings, port=free_port())
        with running(["server", "api"], api) as process:
            ours.append(await _grown(process.pid, partial(_follow, api.port), crowd))
        with bare(settings) as (port, process):
            plain.append(await _grown(process.pid, partial(_listen, port), crowd))
    (our_rss, our_pss), (bare_rss, bare_pss) = zip(*ours, strict=True), zip(*plain, strict=True)
    more = [[a - b for a, b in zip(*pair, strict=True)] for pair in ((our_rss, bare_rss), (our_pss, bare_pss))]
    return [
        Row(f"an idle socket of {IDLE:,}, memory above a bare Tornado one: RSS", more[0], "KiB", at_most=32),
        Row(f"an idle socket of {IDLE:,}, memory above a bare Tornado one: PSS", more[1], "KiB", at_most=32),
        Row("-- API, RSS of a socket", our_rss, "KiB"),
        Row("-- bare server, RSS of a socket", bare_rss, "KiB"),
    ]


async def _grown(pid: int, opened: talking_storm.Open, crowd: list[Listener]) -> tuple[float, float]:
    """KiB of RSS and PSS that each of the sockets has cost."""
    for line in await at_once(opened(one) for one in crowd[:WARM]):
        line.drop()
    await asyncio.sleep(SETTLE_SECONDS)
    before = _memory(pid)
    lines = await at_once(opened(one) for one in crowd)
    await asyncio.sleep(SETTLE_SECONDS)
    after = _memory(pid)
    for line in lines:
        line.drop()
    return (after[0] - before[0]) / len(crowd), (after[1] - before[1]) / len(crowd)


async def _follow(port: int, one: Listener) -> Line:
    screen = Screen(port, RESIDENTS, one.token)
    await screen.connect()
    await screen.resume(one.conversation)
    assert screen.line is not None
    return screen.line


async def _listen(port: int, one: Listener) -> Line:
    return await connect(port, "/echo/idle", lambda payload: None)


def _memory(pid: int) -> tuple[float, float]:
    """KiB: RSS, PSS."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kib = {name: float(value.split()[0]) for name, _, value in (line.partition(":") for line in lines[1:])}
    return kib["Rss"], kib["Pss"]


# -- one message at a time -----------------------------------------------------------------------------------------


async def echoes(settings: Settings, pair: Pair) -> list[Row]:
    """One pair, one message at a time, from either side in turns: until the other side has it."""
    settings = replace(settings, port=free_port())
    with running(["server", "api"], settings), bare(settings) as (port, _):
        post = Post()
        ends = await _ends(settings.port, pair, post)
        plain, stored = await _Room.open(port, "echo"), await _Room.open(port, "stored")
        found: dict[str, list[list[float]]] = {"ours": [], "plain": [], "stored": []}
        for number in range(-1, ECHO_ROUNDS):
            names = ("ours", "plain", "stored") if number % 2 else ("stored", "plain", "ours")
            for name in names:
                if name == "ours":
                    taken = await _dialogue(ends, pair.conversation, post, number)
                else:
                    taken = await (plain if name == "plain" else stored).round(pair.conversation)
                if number >= 0:
                    found[name].append(taken)
        for end in ends:
            end.drop()
    p50, p95 = ({n: [float(np.percentile(r, q)) for r in rounds] for n, rounds in found.items()} for q in (50, 95))
    return [
        Row("message seen by the other side, p95: API / bare echo through Valkey", _by(p95, "plain"), at_most=3),
        Row("message seen by the other side, p50: API / bare echo through Valkey", _by(p50, "plain")),
        Row("message seen, p95: API / bare echo that first stores one document", _by(p95, "stored")),
        Row("message seen, p50: API / bare echo that first stores one document", _by(p50, "stored")),
        Row("-- API, p50", p50["ours"], "ms"),
        Row("-- API, p95", p95["ours"], "ms"),
        Row("-- bare echo, p50", p50["plain"], "ms"),
        Row("-- bare echo, p95", p95["plain"], "ms"),
        Row("-- bare echo that stores, p50", p50["stored"], "ms"),
        Row("-- bare echo that stores, p95", p95["stored"], "ms"),
    ]


def _by(values: dict[str, list[float]], other: str) -> list[float]:
    return [a / b for a, b in zip(values["ours"], values[other], strict=True)]


async def _ends(port: int, pair: Pair, post: Post) -> tuple[Screen, Screen]:
    ends = Screen(port, RESIDENTS, pair.resident.token, post), Screen(port, STAFF, pair.officer.token, post)
    for end in ends:
        await end.connect()
        await end.resume(pair.conversation)
    return ends


async def _dialogue(ends: tuple[Screen, Screen], conversation: str, post: Post, number: int) -> list[float]:
    for count in range(ECHOES):
        await ends[count % 2].say(conversation, f"第{number}轮第{count}句，请问需要带什么材料？")
        await asyncio.sleep(ECHO_PAUSE_SECONDS)
    return post.take()


class _Room:
    """Two lines of the bare server, and the same bytes between them."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.post = Post()

    @classmethod
    async def open(cls, port: int, kind: str) -> _Room:
        room = cls()
        room.lines = [await connect(port, f"/{kind}/pair", lambda payload: room.post.see("")) for _ in range(2)]
        return room

    async def round(self, conversation: str) -> list[float]:
        text = "第1轮第10句，请问需要带什么材料？"
        frame = Screen.frame(conversation, text)
        for count in range(ECHOES):
            seen = self.post.send("")
            self.lines[count % 2].send(frame)
            await seen
            await asyncio.sleep(ECHO_PAUSE_SECONDS)
        return self.post.take()
