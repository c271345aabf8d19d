"""Screens that follow conversations over the product's WebSockets, and keep what they were told."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import defaultdict
from typing import Any

import msgspec
from msgspec import Struct

from bench.wire import Line, connect

ANSWER_SECONDS = 30.0
_names = itertools.count(1)


class Lost(AssertionError):
    """A message was lost, doubled or out of turn, or a frame was refused."""


class Told(Struct):
    """Of a frame, what the bench looks at. ``conversation``: its id, or its view."""

    type: str
    id: str = ""
    conversation: Any = None
    entries: list[Seen] = []
    last: int = 0
    error: Any = None


class Seen(Struct):
    seq: int
    text: str = ""
    mine: bool = False


_decoder = msgspec.json.Decoder(Told)


class Post:
    """When each text was sent, and how long it took until the other side had it. Texts are unique."""

    def __init__(self) -> None:
        self.sent: dict[str, float] = {}
        self.seconds: list[float] = []
        self._awaited: dict[str, asyncio.Future[None]] = {}

    def send(self, text: str) -> asyncio.Future[None]:
        """Marks a text as sent now; done when the other side sees it."""
        self.sent[text] = time.perf_counter()
        seen = self._awaited[text] = asyncio.get_running_loop().create_future()
        return seen

    def see(self, text: str) -> None:
        began = self.sent.pop(text, None)
        if began is not None:
            self.seconds.append(time.perf_counter() - began)
            self._awaited.pop(text).set_result(None)

    def take(self) -> list[float]:
        """Milliseconds since the last time of asking."""
        taken, self.seconds = [1000 * one for one in self.seconds], []
        return taken


class Screen:
    """``entries``: by conversation, what was told in the order it came. A gap or a repetition raises at once."""

    def __init__(self, port: int, path: str, token: str, post: Post | None = None) -> None:
        self.port = port
        self.path = path
        self.token = token
        self.post = post
        self.entries: defaultdict[str, list[Seen]] = defaultdict(list)
        self.line: Line | None = None
        self.fault: str = ""
        self._answers: dict[str, asyncio.Future[Told]] = {}

    def last(self, conversation: str) -> int:
        kept = self.entries.get(conversation)
        return kept[-1].seq if kept else 0

    async def connect(self) -> None:
        self.line = await connect(self.port, self.path, self._took)
        await self._ask("welcome", {"type": "hello", "token": self.token})

    async def resume(self, conversation: str) -> None:
        after = self.last(conversation)
        answer = await self.ask({"type": "resume", "conversation": conversation, "after": after})
        if self.last(conversation) < answer.last:
            raise Lost(f"{conversation}: resumed to {answer.last}, told up to {self.last(conversation)}")

    async def ask(self, frame: dict[str, Any]) -> Told:
        """Sends a frame and waits for its answer. Raises Lost for an error."""
        name = f"f{next(_names)}"
        return await self._ask(name, frame | {"id": name})

    def say(self, conversation: str, text: str) -> asyncio.Future[None]:
        """Sends a message; done when the other side sees it."""
        assert self.line is not None
        assert self.post is not None
        payload = self.frame(conversation, text)
        seen = self.post.send(text)
        self.line.send(payload)
        return seen

    @staticmethod
    def frame(conversation: str, text: str) -> bytes:
        """A message, under its own text as its name."""
        said = {"type": "say", "conversation": conversation, "client_msg_id": text, "text": text}
        payload: bytes = msgspec.json.encode(said)
        return payload

    def drop(self) -> None:
        assert self.line is not None
        self.line.drop()

    async def _ask(self, name: str, frame: dict[str, Any]) -> Told:
        assert self.line is not None
        answer = self._answers[name] = asyncio.get_running_loop().create_future()
        self.line.send(msgspec.json.encode(frame))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                told = await answer
        finally:
            self._answers.pop(name, None)
        if told.type == "error":
            raise Lost(f"{frame['type']} was refused: {told.error}")
        return told

    def _took(self, payload: bytes) -> None:
        told = _decoder.decode(payload)
        if told.type == "entries":
            self._keep(told)
            return
        waiting = self._answers.get(told.id or told.type)
        if waiting is not None and not waiting.done():
            waiting.set_result(told)
        elif told.type == "error":
            self.fault = self.fault or f"refused: {told.error}"

    def _keep(self, told: Told) -> None:
        kept = self.entries[told.conversation]
        for one in told.entries:
            if one.seq != (kept[-1].seq if kept else 0) + 1:
                self.fault = self.fault or f"{told.conversation}: {one.seq} came after {kept[-1].seq if kept else 0}"
            kept.append(one)
            if self.post is not None and not one.mine:
                self.post.see(one.text)
