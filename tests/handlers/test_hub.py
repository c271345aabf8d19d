"""Live events of one process: what Valkey did not carry is read again, whenever the line to it was cut."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from handlers.hub import Hub, publish
from server import embedded
from server.storage import connect_redis, connect_redis_listener
from server.wiring.consultations import ValkeyLive
from tests.city import test_settings, until


class Ear:
    """A listener that keeps what it was told."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.told_to_read = 0

    def tell_event(self, topic: str, event: dict[str, Any]) -> None:
        self.events.append(event)

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        raise AssertionError("nobody closes here")

    def resync(self) -> None:
        self.told_to_read += 1


class Line:
    """A hub with one listener on ``topic``, a Valkey of its own, and a client to tell events with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.valkey = embedded.start_valkey(folder, embedded.free_port())
        settings = test_settings(0, self.valkey.port, "none")
        self.redis, self.listener = connect_redis(settings), connect_redis_listener(settings)
        self.hub, self.ear = Hub(self.listener), Ear()
        self.hub.join("topic", self.ear)

    def start(self) -> None:
        self.valkey = embedded.start_valkey(self.folder, self.valkey.port)

    async def hears(self) -> bool:
        """Whether the hub is subscribed."""
        return (await self.redis.pubsub_numsub("banshi:live"))[0][1] == 1

    async def read_again(self, times: int) -> None:
        await until(lambda: _true(self.ear.told_to_read >= times))


async def _true(value: bool) -> bool:
    return value


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    line = Line(tmp_path)
    task = asyncio.create_task(line.hub.run())
    await until(line.hears)
    yield line
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await line.listener.aclose()
    await line.redis.aclose()
    line.valkey.stop()


async def test_a_host_that_vanishes_is_asked_for_by_the_kernel(line: Line) -> None:
    async with line.listener.pubsub() as pubsub:
        await pubsub.subscribe("anything")
        plug = pubsub.connection._writer.get_extra_info("socket")
        assert plug.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        idle, between, count = (
            plug.getsockopt(socket.IPPROTO_TCP, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        )
        assert idle + between * count <= 30


async def test_what_is_told_reaches_who_listens(line: Line) -> None:
    await publish(line.redis, "other", {"n": 0})
    await publish(line.redis, "topic", {"n": 1})
    await until(lambda: _true(bool(line.ear.events)))
    assert line.ear.events == [{"n": 1}]


async def test_ones_own_events_are_shown_at_once_and_are_no_news_from_valkey(line: Line) -> None:
    teller = ValkeyLive(line.redis)
    own, ear = Hub(line.listener, teller.origin), Ear()
    own.join("topic", ear)
    teller.local = own.deliver
    task = asyncio.create_task(own.run())
    try:
        await until(lambda: _true(ear.told_to_read > 0))
        await asyncio.gather(*(teller.tell("topic", {"n": n}) for n in range(5)))
        assert ear.events == [{"n": n} for n in range(5)]
        await publish(line.redis, "topic", {"n": 5})
        await until(lambda: _true(len(line.ear.events) == 6 and len(ear.events) == 6))
        assert ear.events == line.ear.events == [{"n": n} for n in range(6)]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_screen_in_trouble_is_neither_the_tellers_nor_the_next_screens(line: Line) -> None:
    class Broken(Ear):
        def tell_event(self, topic: str, event: dict[str, Any]) -> None:
            raise ValueError

    for _ in range(3):
        line.hub.join("topic", Broken())
    line.hub.deliver("topic", {"n": 1})
    assert line.ear.events == [{"n": 1}]


async def test_a_line_cut_and_mended_at_once_is_read_again(line: Line) -> None:
    """Valkey closes the connection and lives on: the shortest gap there is, and events may fall into it."""
    await line.read_again(1)
    await line.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    await line.read_again(2)
    await until(line.hears)


async def test_who_listens_reads_from_the_database_while_valkey_is_away_and_after(line: Line) -> None:
    await line.read_again(1)
    line.valkey.stop()
    await line.read_again(3)
    line.start()
    seen = line.ear.told_to_read
    await until(line.hears)
    await line.read_again(seen + 1)


async def test_an_event_that_valkey_did_not_take_is_read_by_other_processes_as_soon_as_it_answers(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub's own line stands all the time: only whoever told the event knows that it was not taken."""
    await line.read_again(1)
    teller, here = ValkeyLive(line.redis), Ear()
    teller.local = here.tell_event

    async def refuses(self: Redis, channel: str, message: bytes) -> int:
        raise TimeoutError

    with monkeypatch.context() as patched:
        patched.setattr(Redis, "publish", refuses)
        await teller.tell("topic", {"n": 1})
        assert here.events == [{"n": 1}]
        assert line.ear.events == []
    await line.read_again(2)
    await teller.tell("topic", {"n": 2})
    await until(lambda: _true(bool(line.ear.events)))
    assert (line.ear.events, here.events) == ([{"n": 2}], [{"n": 1}, {"n": 2}])
    await teller.close()
