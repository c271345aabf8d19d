"""Two thousand lines that break at once: until everybody is back and has what was said meanwhile."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import httpx

from bench.screens import Lost, Screen
from bench.serving import running
from bench.table import Row
from bench.talking_town import RESIDENTS, Listener, at_once
from bench.transcripts import READERS, compare
from bench.wire import Line
from server.embedded import free_port
from server.settings import Settings

STORM = 2000
STORMS = 3
# Messages while everybody is away, and as many while they come back. Each is answered by the bot.
SAID = 100
QUIET_SECONDS = 3.0
Open = Callable[[Listener], Awaitable[Line]]


async def storms(settings: Settings, crowd: list[Listener]) -> list[Row]:
    """Raises Lost."""
    settings = replace(settings, port=free_port())
    screens = {one.conversation: Screen(settings.port, RESIDENTS, one.token) for one in crowd[:STORM]}
    rng = random.Random(7)
    seconds, tries = [], 0
    with running(["server", "api"], settings):
        await at_once(_come(screen, conversation, rng) for conversation, screen in screens.items())
        async with _phones(settings.port) as http:
            for _ in range(STORMS):
                for screen in screens.values():
                    screen.drop()
                await _say(http, rng.sample(crowd[:STORM], SAID))
                saying = asyncio.create_task(_say(http, rng.sample(crowd[:STORM], SAID)))
                began = time.perf_counter()
                tried = await asyncio.gather(*(_come(screen, id_, rng) for id_, screen in screens.items()))
                seconds.append(time.perf_counter() - began)
                tries += sum(tried)
                await saying
        await asyncio.sleep(QUIET_SECONDS)
        entries = await compare(settings.port, [(screen, id_) for id_, screen in screens.items()])
        for screen in screens.values():
            screen.drop()
    if faults := [screen.fault for screen in screens.values() if screen.fault]:
        raise Lost(f"{len(faults)} faults: {faults[:3]}")
    return [
        Row(f"{STORM:,} clients dropped at once: until the last has resumed", seconds, "s", at_most=10),
        Row(f"-- differences between {entries:,} entries told and held", [0], at_most=0),
        Row("-- connections that were refused and tried again", [tries]),
    ]


async def _come(screen: Screen, conversation: str, rng: random.Random) -> int:
    """Connects and goes on from what it has; returns how often it was refused."""
    refused = 0
    while True:
        try:
            await screen.connect()
            await screen.resume(conversation)
        except OSError:
            refused += 1
            await asyncio.sleep(rng.uniform(0.1, 0.5))
        else:
            return refused


def _phones(port: int) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=READERS)
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, limits=limits)


async def _say(http: httpx.AsyncClient, who: list[Listener]) -> None:
    """From another phone of each."""

    async def one(resident: Listener) -> None:
        body = {"client_msg_id": str(time.monotonic_ns()), "text": "你好"}
        path, headers = (
            f"/api/conversations/{resident.conversation}/messages",
            {"Authorization": f"Bearer {resident.token}"},
        )
        (await http.post(path, json=body, headers=headers)).raise_for_status()

    await at_once((one(resident) for resident in who), READERS)
