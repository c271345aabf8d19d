"""Residents who ask, and wait for a person or are with one."""

from __future__ import annotations

from typing import Any

from tests.city import Resident, TestCity
from tests.console.conftest import Officer
from tests.talk import Screen, resident_screen

QUESTION = "身份证丢了怎么补办"

screens: list[Screen] = []


def http(officer: Officer) -> Resident:
    return Resident(officer.city, "", officer.token)


async def asking(city: TestCity, question: str = QUESTION) -> tuple[Screen, str]:
    """A resident on the line who has asked the bot and now waits for a person."""
    screen = resident_screen(city, await city.resident(phone=True))
    screens.append(screen)
    await screen.connect()
    conversation = str((await screen.ask(type="start"))["conversation"]["id"])
    await screen.resume(conversation)
    await screen.say(conversation, question)
    await screen.ask(type="hand_over", conversation=conversation)
    await screen.entry(event="conversation.queued")
    return screen, conversation


async def taken(city: TestCity, officer: Officer, question: str = QUESTION) -> tuple[Screen, str]:
    screen, conversation = await asking(city, question)
    await http(officer).ok("POST", f"/staff/conversations/{conversation}/take")
    return screen, conversation


async def call_plainly(who: Resident, route: str, path: str = "", body: Any = None, status: int = 200) -> Any:
    return await who.ok(route.split(" ")[0], path or route.split(" ")[1], body)
