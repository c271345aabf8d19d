"""A process that is told to stop finishes what runs, tells its sockets to come back, and ends by itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.story.town import running_town
from tests.talk import dial, hang_up

GOING_AWAY = 1001
# Passwords are checked by Argon2id, a few at a time: so many take longer than the signal does.
CALLS = 12


async def test_running_requests_are_answered_and_sockets_told(tmp_path: Path) -> None:
    with running_town(tmp_path, {"BANSHI_DRAIN_SECONDS": "60"}) as town:
        api = town.parts["api"]
        async with httpx.AsyncClient(timeout=120) as http:
            assert (await http.get(f"{town.api}/no-such-thing")).status_code == 404  # a stray call holds nothing up
            code = (await http.post(f"{town.wechat}/control/login", json={})).json()["code"]
            token = (await http.post(f"{town.api}/api/session", json={"code": code})).json()["token"]
            socket = await dial(town.api.replace("http", "ws") + "/api/live")
            await socket.write_message(json.dumps({"type": "hello", "token": token}))
            assert "welcome" in str(await socket.read_message())
            body = {"username": "nobody", "password": "correct horse battery"}
            # Lines that are open already: no call can come too late for its connection.
            await asyncio.gather(*(http.get(f"{town.api}/healthz") for _ in range(CALLS)))
            calls = [asyncio.create_task(http.post(f"{town.api}/staff/session", json=body)) for _ in range(CALLS)]
            # The first answer: the others are in the process by now.
            await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
            running = sum(not call.done() for call in calls)
            api.terminate()
            answers = await asyncio.gather(*calls)
            assert await socket.read_message() is None
            assert socket.close_code == GOING_AWAY
            assert running > 0
            assert {answer.status_code for answer in answers} <= {401, 403}  # refused, and after five times locked
            assert await asyncio.to_thread(api.wait, 90) == 0
            with pytest.raises(httpx.ConnectError):
                await http.get(f"{town.api}/healthz")


@pytest.fixture(autouse=True)
async def lines_hung_up() -> AsyncIterator[None]:
    yield
    await hang_up()
