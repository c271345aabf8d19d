"""A screen that follows a conversation over a real WebSocket and keeps what it was told."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any, Protocol

from tornado.websocket import WebSocketClientConnection, websocket_connect

from kernel.worktime import WorkTime
from tests.city import Resident, TestCity

# How long a test waits for what should come at once, on a machine that is busy with other things.
PATIENCE = 30.0

_names = itertools.count(1)
_lines: list[WebSocketClientConnection] = []
_readers: list[asyncio.Task[None]] = []


async def dial(url: str) -> WebSocketClientConnection:
    """A connection that ``hang_up`` closes if the test has not, so that a test that fails fails alone."""
    connection = await websocket_connect(url)
    _lines.append(connection)
    return connection


async def hang_up() -> None:
    """Closes what ``dial`` has opened since."""
    while _lines:
        connection = _lines.pop()
        if connection.protocol is not None:
            connection.protocol.stream.close()
        connection.close()
    readers = [*_readers]
    _readers.clear()
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*readers, return_exceptions=True)


class Screen:
    """``entries``: what it has, by number; a number that comes twice or out of turn fails the test at once."""

    def __init__(self, url: str, who: Resident, path: str) -> None:
        self.url = url.replace("http", "ws") + path
        self.who = who
        self.entries: dict[int, dict[str, Any]] = {}
        self.frames: list[dict[str, Any]] = []
        self.connection: WebSocketClientConnection | None = None
        self.reader: asyncio.Task[None] | None = None
        self.closed = asyncio.Event()
        self.changed = asyncio.Condition()

    @property
    def last(self) -> int:
        return max(self.entries, default=0)

    async def connect(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.closed.clear()
        self.connection = await dial(self.url)
        self.reader = asyncio.create_task(self._read(self.connection))
        _readers.append(self.reader)
        await self.send(type="hello", token=self.who.token)
        await self.frame("welcome")

    async def drop(self) -> None:
        """The line goes away."""
        assert self.connection is not None
        assert self.reader is not None
        if self.connection.protocol is not None:
            self.connection.protocol.stream.close()
        async with asyncio.timeout(PATIENCE):
            await self.reader
        self.connection.close()

    async def send(self, **frame: Any) -> None:
        assert self.connection is not None
        await self.connection.write_message(json.dumps(frame, ensure_ascii=False))

    async def ask(self, **frame: Any) -> dict[str, Any]:
        """Sends a frame and returns its answer, an error too."""
        id_ = f"f{next(_names)}"
        await self.send(id=id_, **frame)
        return await self.frame(id_=id_)

    async def resume(self, conversation: str) -> dict[str, Any]:
        answer = await self.ask(type="resume", conversation=conversation, after=self.last)
        assert answer["type"] == "resumed", answer
        assert self.last >= answer["last"]
        return answer

    async def say(self, conversation: str, text: str, client_msg_id: str = "") -> dict[str, Any]:
        name = client_msg_id or f"m{next(_names)}"
        return await self.ask(type="say", conversation=conversation, client_msg_id=name, text=text)

    async def frame(self, kind: str = "", id_: str = "", seconds: float = PATIENCE) -> dict[str, Any]:
        """The next frame of a type or with an id; frames of before count."""

        def found() -> dict[str, Any] | None:
            for frame in self.frames:
                if (not kind or frame["type"] == kind) and (not id_ or frame.get("id") == id_):
                    self.frames.remove(frame)
                    return frame
            return None

        return await self._wait(found, seconds, f"{kind} {id_}")

    async def entry(self, text: str = "", event: str = "", seconds: float = PATIENCE) -> dict[str, Any]:
        """An entry whose text holds this, or of this event."""

        def found() -> dict[str, Any] | None:
            for one in self.entries.values():
                if (text and text in one.get("text", "")) or (event and one.get("data", {}).get("event") == event):
                    return one
            return None

        return await self._wait(found, seconds, text or event)

    async def reached(self, seq: int, seconds: float = PATIENCE) -> None:
        await self._wait(lambda: self.last >= seq or None, seconds, f"number {seq}")

    async def _wait(self, found: Any, seconds: float, what: str) -> Any:
        async with self.changed:
            try:
                async with asyncio.timeout(seconds):
                    while (value := found()) is None:
                        await self.changed.wait()
                    return value
            except TimeoutError:
                raise AssertionError(f"no {what}; frames {self.frames[-5:]}; entries {self.entries}") from None

    async def _read(self, connection: WebSocketClientConnection) -> None:
        while (text := await connection.read_message()) is not None:
            frame = json.loads(text)
            async with self.changed:
                if frame["type"] == "entries":
                    for entry in frame["entries"]:
                        self._take(entry)
                else:
                    self.frames.append(frame)
                self.changed.notify_all()
        self.closed.set()

    def _take(self, entry: dict[str, Any]) -> None:
        assert entry["seq"] == self.last + 1, (entry, self.last)
        self.entries[entry["seq"]] = entry
        if entry["kind"] == "recall":
            gone = self.entries[entry["data"]["seq"]]
            gone |= {"text": "", "data": {}, "recalled": True}


def resident_screen(city: TestCity, who: Resident) -> Screen:
    return Screen(city.api.url, who, "/api/live")


def staff_screen(city: TestCity, who: Resident) -> Screen:
    return Screen(city.api.url, who, "/staff/live")


async def online(who: Resident, **skills: Any) -> str:
    """An officer who is there; returns their id."""
    view = await who.ok("PUT", "/staff/presence", {"status": "online"})
    return str(view["staff_id"])


async def leave(*officers: Resident) -> None:
    """So that the next test's conversations do not come to them."""
    for officer in officers:
        for one in (await officer.ok("GET", "/staff/conversations"))["conversations"]:
            await officer.ok("POST", f"/staff/conversations/{one['id']}/close")
        await officer.ok("PUT", "/staff/presence", {"status": "offline"})


async def queued(city: TestCity) -> tuple[Resident, str]:
    """Somebody who waits."""
    who = await city.resident()
    conversation = (await who.ok("POST", "/api/conversations", {}))["id"]
    await who.ok("POST", f"/api/conversations/{conversation}/hand-over")
    return who, conversation


class Meter(Protocol):
    city: TestCity

    async def call(self, who: Resident, route: str, path: str = "", body: Any = None, status: int = 200) -> Any: ...


# A hand-over looks up who served the person before, and counts who waits. Who takes a conversation looks up their
# capacity and their other conversations, and is noted as busy. Words that hand over are the message, the bot's turn,
# and the step with its entry. An officer opens with conversation, person, entries and cases; three statistics are three
# questions; the answer to a form is a step and two entries. An officer who ends a conversation also looks at what was
# left unread.
COSTS = {
    "POST /api/conversations/{conversation_id}/hand-over": 5,
    "POST /api/conversations/{conversation_id}/messages": 6,
    "GET /staff/conversations/{conversation_id}": 4,
    "GET /staff/statistics/consultation": 3,
    "POST /staff/conversations/{conversation_id}/take": 6,
    "POST /staff/conversations/{conversation_id}/take-over": 5,
    "POST /staff/conversations/{conversation_id}/transfer": 6,
    "POST /staff/conversations/{conversation_id}/answer": 5,
    "POST /staff/conversations/{conversation_id}/close": 5,
}


async def measured(meter: Meter) -> None:
    """Every route of a conversation, called once or more."""
    city = meter.city
    who, agent, chief = await city.resident(), await city.staff("agent"), await city.staff("supervisor")
    for officer in (agent, chief):
        await officer.ok("GET", "/staff/conversations")
    one, desk = "/api/conversations/{conversation_id}", "/staff/conversations/{conversation_id}"
    agent_id = (await meter.call(agent, "PUT /staff/presence", body={"status": "away"}))["staff_id"]
    skills = {"departments": [], "topics": [], "languages": ["zh"], "capacity": 3}
    await meter.call(chief, "PUT /staff/officers/{staff_id}", f"/staff/officers/{agent_id}", skills)
    id_ = (await meter.call(who, "POST /api/conversations", body={}, status=201))["id"]
    mine, theirs = f"/api/conversations/{id_}", f"/staff/conversations/{id_}"
    words = {"client_msg_id": "a", "text": "身份证丢了怎么补办"}
    await meter.call(who, f"POST {one}/messages", f"{mine}/messages", words, 201)
    await meter.call(who, f"POST {one}/hand-over", f"{mine}/hand-over")
    await meter.call(who, f"POST {one}/return-to-bot", f"{mine}/return-to-bot")
    await meter.call(who, f"POST {one}/messages", f"{mine}/messages", {"client_msg_id": "b", "text": "转人工"}, 201)
    for name in ("", "/events", "/history?before=3"):
        await meter.call(who, f"GET {one}{name.partition('?')[0]}", f"{mine}{name}")
    await meter.call(who, "GET /api/conversations")
    await meter.call(who, "GET /api/conversations/current")
    await meter.call(agent, "GET /staff/conversations", "/staff/conversations?view=queue")
    await meter.call(agent, f"POST {desk}/take", f"{theirs}/take")
    for name in ("", "/events", "/history?before=3", "/earlier"):
        await meter.call(agent, f"GET {desk}{name.partition('?')[0]}", f"{theirs}{name}")
    sent = await meter.call(
        agent, f"POST {desk}/messages", f"{theirs}/messages", {"client_msg_id": "a", "text": "您好"}, 201
    )
    await meter.call(who, f"POST {one}/read", f"{mine}/read", {"seq": sent["seq"]})
    said = await meter.call(
        who, f"POST {one}/messages", f"{mine}/messages", {"client_msg_id": "c", "text": "好的"}, 201
    )
    await meter.call(agent, f"POST {desk}/read", f"{theirs}/read", {"seq": said["seq"]})
    await meter.call(agent, f"POST {desk}/unmask", f"{theirs}/unmask", {"seq": said["seq"], "reason": "核对身份"})
    await meter.call(agent, f"POST {desk}/personal-data", f"{theirs}/personal-data", {"reason": "核对身份"})
    await meter.call(who, f"POST {one}/recall", f"{mine}/recall", {"seq": said["seq"]})
    await meter.call(agent, f"POST {desk}/recall", f"{theirs}/recall", {"seq": sent["seq"]})
    for name in (one, desk):
        path = (mine if name == one else theirs) + "/images/1"
        await meter.call(who if name == one else agent, f"GET {name}/images/{{seq}}", path, status=404)
    await meter.call(chief, f"POST {desk}/join", f"{theirs}/join")
    await chief.ok("PUT", "/staff/presence", {"status": "online"})
    chief_id = (await meter.call(chief, "GET /staff/presence"))["staff_id"]
    await meter.call(agent, "GET /staff/officers")
    await meter.call(agent, f"POST {desk}/transfer", f"{theirs}/transfer", {"note": "请接", "officer": chief_id})
    await chief.ok("PUT", "/staff/presence", {"status": "offline"})
    await meter.call(chief, f"POST {desk}/transfer", f"{theirs}/transfer", {"note": "请接", "department": "市公安局"})
    await meter.call(chief, f"POST {desk}/take-over", f"{theirs}/take-over")
    await meter.call(chief, f"POST {desk}/close", f"{theirs}/close")
    await meter.call(who, f"POST {one}/rating", f"{mine}/rating", {"level": "dissatisfied"}, 201)
    other = await city.staff("supervisor")
    await other.ok("GET", "/staff/conversations")
    for one_of_them in (agent, other):
        await meter.call(one_of_them, "GET /staff/conversations", "/staff/conversations?view=ended")
    await meter.call(other, "GET /staff/follow-ups")
    await meter.call(other, f"POST {desk}/personal-data", f"{theirs}/personal-data", {"reason": "差评回访"})
    follow = "/staff/follow-ups/{conversation_id}"
    await meter.call(other, f"POST {follow}/call-back", f"/staff/follow-ups/{id_}/call-back", {"note": "已回访"})
    await meter.call(other, f"POST {follow}/close", f"/staff/follow-ups/{id_}/close", {"note": "已改进"})
    await meter.call(other, "GET /staff/statistics/consultation")
    await meter.call(who, f"POST {one}/reopen", f"{mine}/reopen")
    await meter.call(who, f"POST {one}/close", f"{mine}/close")
    form = await deferred(meter, who)
    await meter.call(agent, f"POST {desk}/answer", f"/staff/conversations/{form}/answer", {"text": "请带身份证"})


CONTACT = "0631-5230000"


async def deferred(meter: Meter, who: Resident) -> str:
    """A form left while nobody is there: the city's clock stands in the morning, so its office is made shut."""
    id_ = str((await who.ok("POST", "/api/conversations", {}))["id"])
    consultations: Any = meter.city.api.house.city.consultations
    work_time, consultations._work_time = consultations._work_time, WorkTime(meter.city.api.house.city.workdays, [])
    try:
        await who.ok("POST", f"/api/conversations/{id_}/hand-over")
        consultations.timing._work_time = work_time
        path = f"/api/conversations/{id_}/form"
        form = {"question": "要带什么", "contact": CONTACT}
        await meter.call(who, "POST /api/conversations/{conversation_id}/form", path, form)
    finally:
        consultations._work_time = work_time
    return id_
