"""One conversation over two API processes: lines come and go, Valkey goes and comes back, a process dies."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from server.app import serving
from services.consultations.store import EntryStore
from tests.story.two_processes import Town, Wanderer, held, talking
from tests.talk import PATIENCE, Screen, resident_screen


@pytest.mark.parametrize("seed", range(4))
async def test_what_wandering_clients_have_put_together_is_what_the_database_holds(town: Town, seed: int) -> None:
    pair = await talking(town.city)
    rng = random.Random(seed)
    urls = (town.city.api.url, town.second.url)
    # The screens of one client share what it has.
    resident, desk = (
        [Screen(url, pair.who, "/api/live") for url in urls],
        [Screen(url, pair.officer, "/staff/live") for url in urls],
    )
    for screens in (resident, desk):
        screens[1].entries = screens[0].entries
    clients = [Wanderer(resident, pair.conversation, rng, "r"), Wanderer(desk, pair.conversation, rng, "s")]
    await asyncio.gather(*(client.live(25) for client in clients))
    database = await held(pair)
    assert [entry["seq"] for entry in database] == list(range(1, len(database) + 1))
    for client, side in zip(clients, ("resident", "staff"), strict=True):
        screen = await client.come()
        await screen.reached(len(database))
        assert [one["text"] for one in database if one["side"] == side] == client.sent
        assert [(e["seq"], e.get("text", "")) for e in screen.entries.values()] == [
            (e["seq"], e.get("text", "")) for e in database
        ]
        await client.lose()
    assert list(resident[0].entries.values()) == database
    await pair.end()


async def test_each_message_is_one_write_between_processes_too(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who hears the other process's entries knows the next number: it neither loses a race for it nor looks it up."""
    pair = await talking(town.city)
    near, far = resident_screen(town.city, pair.who), Screen(town.second.url, pair.officer, "/staff/live")
    for screen in (near, far):
        await screen.connect()
        await screen.resume(pair.conversation)
    read: list[str] = []
    for name in ("last_seq", "of_sending"):
        spied = getattr(EntryStore, name)

        async def spy(self: EntryStore, *args: str, _name: str = name, _spied: Any = spied) -> Any:
            read.append(_name)
            return await _spied(self, *args)

        monkeypatch.setattr(EntryStore, name, spy)
    for number in range(5):
        for speaker, other in ((near, far), (far, near)):
            sent = await speaker.say(pair.conversation, f"第 {number} 句")
            await other.reached(sent["seq"])
        if number == 0:
            read.clear()  # each process has looked up where the conversation stood
    assert read == []
    assert list(near.entries.values()) == await held(pair)
    for screen in (near, far):
        await screen.drop()
    await pair.end()


async def test_valkey_away_and_back_costs_neither_a_message_nor_an_answer(town: Town) -> None:
    pair = await talking(town.city)
    near, far = resident_screen(town.city, pair.who), Screen(town.second.url, pair.officer, "/staff/live")
    for screen in (near, far):
        await screen.connect()
        await screen.resume(pair.conversation)
    town.stop_valkey()
    try:
        sent = [await near.say(pair.conversation, f"没有缓存也能说 {n}") for n in range(3)]
        assert all(answer["type"] == "sent" for answer in sent)
        # In the same process at once, in the other by reading the database.
        await near.reached(sent[-1]["seq"])
        await far.reached(sent[-1]["seq"])
        assert (await far.say(pair.conversation, "收到"))["type"] == "sent"
        await near.reached(sent[-1]["seq"] + 1)
    finally:
        town.start_valkey()
    # Live again within the time that the processes take to find Valkey; until then nothing is missed for good.
    after = await near.say(pair.conversation, "回来了")
    for screen in (near, far):
        await screen.reached(after["seq"])
    assert list(near.entries.values()) == await held(pair)
    await near.drop()
    await far.drop()
    await pair.end()


async def test_a_process_that_dies_loses_nothing_and_another_goes_on(town: Town) -> None:
    pair = await talking(town.city)
    async with serving(town.city.api.house.settings, port=0, clock=town.city.clock) as third:
        screen = Screen(third.url, pair.who, "/api/live")
        await screen.connect()
        await screen.resume(pair.conversation)
        first = await screen.say(pair.conversation, "断线之前")
        await screen.send(type="say", conversation=pair.conversation, client_msg_id="cut", text="断线之时")
    await asyncio.wait_for(screen.closed.wait(), PATIENCE)
    screen.url = town.second.url.replace("http", "ws") + "/api/live"
    assert screen.connection is not None
    screen.connection.close()
    await screen.connect()
    await screen.resume(pair.conversation)
    again = await screen.say(pair.conversation, "断线之时", client_msg_id="cut")
    await screen.reached(again["seq"])
    assert first["seq"] < again["seq"]
    assert [e["text"] for e in await held(pair) if e["side"] == "resident"] == ["断线之前", "断线之时"]
    await screen.drop()
    await pair.end()
