"""An API process that dies by SIGKILL in the middle of a chat: nothing is lost and nothing comes twice.

The process that dies is one of its own, as in ``make demo``; what is checked is read from the database.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from tornado.httpclient import HTTPClientError
from tornado.websocket import WebSocketError

from server import demo, embedded
from server.settings import environment_of
from tests.city import TestCity, running_city
from tests.talk import Screen, hang_up, online

KILLS = 4
SEED = 20261124
T = TypeVar("T")


class LineLost(Exception):
    """The process at the other end has died."""


@dataclass
class Talker:
    """Says one thing after another, comes back when the line is cut, and sends again what was not answered."""

    screen: Screen
    conversation: str
    name: str
    text: str
    rng: random.Random
    sent: list[str] = field(default_factory=list)
    outbox: list[str] = field(default_factory=list)
    cut: int = 0

    async def live(self, stop: asyncio.Event) -> None:
        # Whoever had nothing to say when the line was cut comes back too: the others' last words are theirs to hear.
        while self.outbox or self.screen.closed.is_set() or not stop.is_set():
            try:
                await self._come()
                if not self.outbox and not stop.is_set():
                    self.sent.append(f"{self.name}-{len(self.sent)}")
                    self.outbox.append(self.sent[-1])
                for name in list(self.outbox):
                    said = await self._or_lost(self.screen.say(self.conversation, f"{self.text}{name}", name))
                    assert said["type"] == "sent", said
                    self.outbox.remove(name)
            except (LineLost, OSError, WebSocketError, HTTPClientError):
                self.cut += 1
                await asyncio.sleep(0.1)
            await asyncio.sleep(self.rng.random() / 50)

    async def _come(self) -> None:
        if self.screen.connection is None or self.screen.closed.is_set():
            # Not yet there: ``closed`` is of the line before.
            self.screen.closed.clear()
            await self._or_lost(self.screen.connect())
            await self._or_lost(self.screen.resume(self.conversation))

    async def _or_lost(self, work: Awaitable[T]) -> T:
        doing, closed = asyncio.ensure_future(work), asyncio.create_task(self.screen.closed.wait())
        try:
            await asyncio.wait({doing, closed}, return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                self.screen.closed.set()
                raise LineLost
            return doing.result()
        except BaseException:
            self.screen.closed.set()
            raise
        finally:
            closed.cancel()
            doing.cancel()


@dataclass
class Mortal:
    """The API process that is killed, and put into its place again."""

    city: TestCity
    folder: Path
    stack: ExitStack
    port: int = field(default_factory=embedded.free_port)
    process: Any = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        settings = replace(self.city.api.house.settings, port=self.port)
        environment = os.environ | environment_of(settings)
        self.process = demo._start(self.stack, self.folder, environment, "server", "api", log="api")
        async with asyncio.timeout(300):
            while not await self._ready():
                assert self.process.poll() is None, (self.folder / "api.log").read_text()[-2000:]
                await asyncio.sleep(0.05)

    async def _ready(self) -> bool:
        try:
            return (await self.city.http.get(f"{self.url}/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
async def mortal(
    database_server: embedded.Embedded, valkey_server: embedded.Embedded, tmp_path: Path
) -> AsyncIterator[Mortal]:
    async with running_city(database_server.port, valkey_server.port, "mortal_city") as city:
        with ExitStack() as stack:
            mortal = Mortal(city, tmp_path, stack)
            await mortal.start()
            yield mortal
            await hang_up()


async def test_a_chat_survives_the_death_of_its_process_again_and_again(mortal: Mortal) -> None:
    city, rng = mortal.city, random.Random(SEED)
    officer, served, alone = await city.staff("agent"), await city.resident(), await city.resident()
    await online(officer)
    chat, bot = [(await who.ok("POST", "/api/conversations", {}))["id"] for who in (served, alone)]
    await served.ok("POST", f"/api/conversations/{chat}/hand-over")
    await officer.ok("POST", f"/staff/conversations/{chat}/take")
    talkers = [
        Talker(Screen(mortal.url, served, "/api/live"), chat, "r", "问题", rng),
        Talker(Screen(mortal.url, officer, "/staff/live"), chat, "s", "回答", rng),
        Talker(Screen(mortal.url, alone, "/api/live"), bot, "b", "你好", rng),
    ]
    stop = asyncio.Event()
    talking = [asyncio.create_task(talker.live(stop)) for talker in talkers]
    try:
        for kill in range(KILLS):
            await asyncio.sleep(rng.uniform(0.3, 0.9))
            # On a busy machine, too, everybody has been answered since they came back, and says the next thing.
            while any(len(talker.sent) < kill + 2 for talker in talkers):
                await asyncio.sleep(0.05)
            mortal.kill()
            await mortal.start()
    finally:
        stop.set()
        async with asyncio.timeout(300):
            await asyncio.gather(*talking)
    entries = city.api.house.database["conversation_entries"]
    for talker in talkers:
        held = sorted(await entries.find({"conversation": talker.conversation}).to_list(), key=lambda e: e["seq"])
        assert [entry["seq"] for entry in held] == list(range(1, len(held) + 1))
        mine = [entry["client_msg_id"] for entry in held if entry["client_msg_id"] in set(talker.sent)]
        assert mine == talker.sent
        assert len(mine) > KILLS
        assert talker.cut >= KILLS
        await talker.screen.reached(len(held))
        told = [(entry["seq"], entry.get("text", "")) for entry in talker.screen.entries.values()]
        assert told == [(entry["seq"], entry.get("text", "")) for entry in held]
    await _answered_once(entries, bot)


async def _answered_once(entries: Any, conversation: str) -> None:
    """Whatever the resident said to the bot, it has answered, and not again after its process died over it."""
    held = await entries.find({"conversation": conversation}).to_list()
    said = [entry["seq"] for entry in held if entry["side"] == "resident"]
    answers = Counter(e["client_msg_id"].split("/")[1] for e in held if e["client_msg_id"].startswith("bot/"))
    firsts = Counter(e["client_msg_id"] for e in held if e["client_msg_id"].startswith("bot/"))
    assert sorted(int(seq) for seq in answers) == sorted(said)
    assert max(firsts.values()) == 1
