"""Two API processes of one city, and who talks across them."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server import embedded
from server.app import Api
from tests.city import Resident, TestCity
from tests.talk import Screen, online


@dataclass
class Town:
    """A city with two API processes and a Valkey of its own that can be stopped and started again."""

    city: TestCity
    second: Api
    valkey_folder: Path
    valkey_port: int
    valkey: embedded.Embedded

    def stop_valkey(self) -> None:
        self.valkey.stop()

    def start_valkey(self) -> None:
        self.valkey = embedded.start_valkey(self.valkey_folder, self.valkey_port)


@dataclass
class Pair:
    """A resident and the officer who has them."""

    who: Resident
    officer: Resident
    conversation: str

    async def end(self) -> None:
        await self.officer.call("POST", f"/staff/conversations/{self.conversation}/close")
        await self.officer.call("PUT", "/staff/presence", {"status": "offline"})


async def talking(city: TestCity) -> Pair:
    officer = await city.staff("agent")
    await online(officer)
    who = await city.resident()
    conversation = (await who.ok("POST", "/api/conversations", {}))["id"]
    await who.ok("POST", f"/api/conversations/{conversation}/hand-over")
    await officer.ok("POST", f"/staff/conversations/{conversation}/take")
    await city.work()
    return Pair(who, officer, conversation)


async def held(pair: Pair) -> list[dict[str, Any]]:
    """What the database holds, as the resident sees it."""
    found: list[dict[str, Any]] = []
    while True:
        after = found[-1]["seq"] if found else 0
        page = await pair.who.ok("GET", f"/api/conversations/{pair.conversation}/events?after={after}")
        found += page["entries"]
        if not page["more"]:
            return found


class Wanderer:
    """A client that loses its line at random, comes back to either process, and sends again what was not answered."""

    def __init__(self, screens: list[Screen], conversation: str, rng: random.Random, name: str) -> None:
        self.screens = screens
        self.conversation = conversation
        self.rng = rng
        self.name = name
        self.sent: list[str] = []
        self.outbox: list[str] = []
        self.screen: Screen | None = None

    async def come(self) -> Screen:
        """Connects anywhere, goes on from what it has, and sends again what was not answered."""
        if self.screen is None:
            self.screen = self.rng.choice(self.screens)
            await self.screen.connect()
            await self.screen.resume(self.conversation)
            for text in list(self.outbox):
                await self.send(self.screen, text, wait=True)
        return self.screen

    async def lose(self) -> None:
        if self.screen is not None:
            await self.screen.drop()
            self.screen = None

    async def send(self, screen: Screen, text: str, *, wait: bool) -> None:
        frame = {"type": "say", "conversation": self.conversation, "client_msg_id": text, "text": text}
        if not wait:
            await screen.send(**frame)
            return
        answer = await screen.ask(**frame)
        assert answer["type"] == "sent", answer
        # Frames are taken in order: with this one, all before it on the same line have been.
        del self.outbox[: self.outbox.index(text) + 1]

    async def live(self, steps: int) -> None:
        for number in range(steps):
            text = f"{self.name}-{number}"
            screen = await self.come()
            self.sent.append(text)
            self.outbox.append(text)
            dice = self.rng.random()
            await self.send(screen, text, wait=dice < 0.3)
            if dice > 0.75:
                await self.lose()  # perhaps before it arrived, perhaps before the answer did
            elif dice > 0.6:
                await self.send(screen, text, wait=False)
            await asyncio.sleep(self.rng.random() / 100)
        await self.come()
        for text in list(self.outbox):
            await self.send(await self.come(), text, wait=True)
