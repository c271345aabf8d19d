"""Conversations when lines break, clients misbehave, sessions end, Valkey goes and processes come and go."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from contextlib import suppress
from typing import Any

from tornado.websocket import WebSocketClosedError

from handlers.sockets import NO_HELLO
from tests.city import Resident
from tests.story.two_processes import Town, held, talking
from tests.talk import PATIENCE, dial, resident_screen, staff_screen

MEGABYTE = 1024 * 1024


async def test_a_frame_of_a_megabyte_closes_the_connection_and_nothing_else(town: Town) -> None:
    pair = await talking(town.city)
    screen = resident_screen(town.city, pair.who)
    await screen.connect()
    await screen.send(type="say", conversation=pair.conversation, client_msg_id="big", text="a" * MEGABYTE)
    await asyncio.wait_for(screen.closed.wait(), PATIENCE)
    assert screen.connection is not None
    assert screen.connection.close_code == 1009
    await screen.connect()
    await screen.resume(pair.conversation)
    long = await screen.say(pair.conversation, "字" * 4000)
    assert (long["error"]["code"], long["error"]["fields"]["field"]) == ("INVALID_INPUT", "$.text")
    huge = await pair.who.call(
        "POST", f"/api/conversations/{pair.conversation}/messages", {"client_msg_id": "x", "text": "字" * 10_000}
    )
    assert (huge.status_code, huge.json()["error"]["fields"]["field"]) == (400, "$.text")
    await screen.send(type="say", conversation=pair.conversation, client_msg_id="y", text="字" * 10_000)
    too_big = await screen.frame("error")
    assert (too_big["error"]["code"], too_big["error"]["fields"]["field"]) == ("INVALID_INPUT", "$")
    assert [e for e in await held(pair) if e["side"] == "resident"] == []
    await screen.drop()
    await pair.end()


async def test_a_flood_is_refused_by_a_typed_error_and_goes_on_at_its_cost(town: Town) -> None:
    who = await town.city.resident()
    screen = resident_screen(town.city, who)
    await screen.connect()
    for _ in range(150):
        await screen.send(type="ping")
    refused = await screen.frame("error")
    assert refused["error"]["code"] == "TOO_MANY_REQUESTS"
    assert refused["error"]["fields"]["retry_after"] >= 1
    # Closed at some moment of what follows, maybe in the middle of a frame.
    with suppress(WebSocketClosedError):
        for _ in range(400):
            await screen.send(type="ping")
    await asyncio.wait_for(screen.closed.wait(), PATIENCE)
    assert screen.connection is not None
    assert screen.connection.close_code in (1008, 1013)
    screen.connection.close()
    who = await town.city.resident()
    screens = [resident_screen(town.city, who) for _ in range(10)]
    for one in screens:
        await one.connect()
    one_too_many = resident_screen(town.city, who)
    one_too_many.connection = await dial(one_too_many.url)
    await one_too_many.send(type="hello", token=who.token)
    assert await one_too_many.connection.read_message() is None
    assert one_too_many.connection.close_code == 4008
    one_too_many.connection.close()
    for one in screens:
        await one.drop()


async def test_a_socket_that_answers_no_ping_is_closed(town: Town) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", town.second.port)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = (
        "GET /api/live HTTP/1.1", "Host: 127.0.0.1", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", "",
    )  # fmt: skip
    writer.write("\r\n".join(lines).encode())
    assert b"101" in await reader.readline()
    # Deaf: it reads, and says nothing.
    async with asyncio.timeout(PATIENCE):
        heard = await reader.read()
    # Not closed for saying no hello, which would take ten seconds: the close frame would say so.
    assert NO_HELLO.to_bytes(2) not in heard
    writer.close()


async def test_staff_whose_session_ends_lose_their_socket_within_seconds(town: Town) -> None:
    pair = await talking(town.city)
    screen = staff_screen(town.city, pair.officer)
    await screen.connect()
    await screen.resume(pair.conversation)
    await screen.send(type="typing", conversation=pair.conversation)
    await pair.officer.ok("PUT", "/staff/presence", {"status": "offline"})
    await pair.officer.ok("DELETE", "/staff/session")
    await asyncio.wait_for(screen.closed.wait(), PATIENCE)
    assert screen.connection is not None
    assert screen.connection.close_code == 4003
    screen.connection.close()
    late = staff_screen(town.city, pair.officer)
    late.connection = await dial(late.url)
    await late.send(type="hello", token=pair.officer.token)
    answer = json.loads(str(await late.connection.read_message()))
    assert answer["error"]["code"] == "NOT_AUTHENTICATED"
    late.connection.close()
    await pair.who.ok("POST", f"/api/conversations/{pair.conversation}/close")


async def test_nobody_sees_or_touches_a_conversation_that_is_not_theirs(town: Town) -> None:
    city = town.city
    pair = await talking(city)
    await pair.who.ok(
        "POST", f"/api/conversations/{pair.conversation}/messages", {"client_msg_id": "a", "text": "只给您看"}
    )
    other, officer, clerk = await city.resident(), await city.staff("agent"), await city.staff("window_officer")
    one = f"/api/conversations/{pair.conversation}"
    tried: list[tuple[str, str, Any]] = [
        ("GET", one, None), ("GET", f"{one}/events", None), ("GET", f"{one}/history?before=9", None),
        ("GET", f"{one}/images/1", None), ("POST", f"{one}/messages", {"client_msg_id": "a", "text": "x"}),
        ("POST", f"{one}/read", {"seq": 1}), ("POST", f"{one}/recall", {"seq": 3}), ("POST", f"{one}/hand-over", None),
        ("POST", f"{one}/return-to-bot", None), ("POST", f"{one}/form", {"question": "x"}),
        ("POST", f"{one}/close", None), ("POST", f"{one}/reopen", None),
        ("POST", f"{one}/rating", {"level": "satisfied"}),
    ]  # fmt: skip
    for method, path, body in tried:
        answer = await other.call(method, path, body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "CONVERSATION_NOT_FOUND"), path
    desk = f"/staff/conversations/{pair.conversation}"
    staff_tried: list[tuple[str, str, Any]] = [
        ("GET", desk, None), ("GET", f"{desk}/events", None), ("GET", f"{desk}/history?before=9", None),
        ("GET", f"{desk}/images/1", None), ("POST", f"{desk}/messages", {"client_msg_id": "a", "text": "x"}),
        ("POST", f"{desk}/read", {"seq": 1}), ("POST", f"{desk}/recall", {"seq": 3}),
        ("POST", f"{desk}/transfer", {"note": "x", "department": "x"}), ("POST", f"{desk}/close", None),
        ("POST", f"{desk}/unmask", {"seq": 1, "reason": "核对身份"}),
        ("POST", f"{desk}/personal-data", {"reason": "核对身份"}),
    ]  # fmt: skip
    for method, path, body in staff_tried:
        answer = await officer.call(method, path, body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "CONVERSATION_NOT_FOUND"), path
    taken = await officer.call("POST", f"{desk}/take")
    assert taken.json()["error"]["code"] == "CONVERSATION_TAKEN"
    for path in (f"{desk}/join", f"{desk}/take-over"):
        assert (await officer.call("POST", path)).status_code == 403
    assert (await clerk.call("GET", desk)).status_code == 403
    screens = [resident_screen(city, other), staff_screen(city, officer)]
    for screen in screens:
        await screen.connect()
        for frame in ("resume", "say", "read", "recall"):
            answer = await screen.ask(type=frame, conversation=pair.conversation, client_msg_id="z", text="x", seq=1)
            assert answer["error"]["code"] == "CONVERSATION_NOT_FOUND", frame
        await screen.send(type="typing", conversation=pair.conversation)
        wrong = await screen.ask(type="resume", conversation=pair.conversation, after=-1)
        assert wrong["type"] == "error"
        assert screen.entries == {}
        await screen.drop()
    clerk_screen = staff_screen(city, clerk)
    clerk_screen.connection = await dial(clerk_screen.url)
    await clerk_screen.send(type="hello", token=clerk.token)
    refused = json.loads(str(await clerk_screen.connection.read_message()))
    assert refused["error"]["code"] == "NOT_ALLOWED"
    clerk_screen.connection.close()
    await pair.end()


async def test_an_image_is_one_of_ones_own_and_seen_by_both_sides_until_it_is_recalled(town: Town) -> None:
    city = town.city
    pair, other = await talking(city), await city.resident()
    picture = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )

    async def upload(who: Resident) -> str:
        answer = await city.http.post(
            f"{city.api.url}/api/files", files={"file": ("照片.png", picture, "image/png")},
            headers={"Authorization": f"Bearer {who.token}"},
        )  # fmt: skip
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    mine, foreign = await upload(pair.who), await upload(other)
    path = f"/api/conversations/{pair.conversation}"
    refused = await pair.who.call("POST", f"{path}/messages", {"client_msg_id": "f", "file": foreign})
    assert refused.json()["error"]["code"] == "FILE_NOT_FOUND"
    sent = await pair.who.ok("POST", f"{path}/messages", {"client_msg_id": "i", "file": mine})
    for who, url in ((pair.who, path), (pair.officer, f"/staff/conversations/{pair.conversation}")):
        assert (await who.call("GET", f"{url}/images/{sent['seq']}")).headers["Content-Type"] == "image/png"
    await pair.who.ok("POST", f"{path}/recall", {"seq": sent["seq"]})
    gone = await pair.officer.call("GET", f"/staff/conversations/{pair.conversation}/images/{sent['seq']}")
    assert gone.status_code == 404
    await pair.end()


async def test_what_comes_first_is_hello(town: Town) -> None:
    for path in ("/api/live", "/staff/live"):
        connection = await dial(town.city.api.url.replace("http", "ws") + path)
        await connection.write_message(json.dumps({"type": "resume", "conversation": "CV", "id": "1"}))
        answer = json.loads(str(await connection.read_message()))
        assert (answer["id"], answer["error"]["code"]) == ("1", "NOT_AUTHENTICATED")
        connection.close()
