"""What a conversation needs from outside: a bot, somebody who tells open screens, images, a content check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal, Protocol

import msgspec
from msgspec import Struct

# In what the bot kept: since its last words the resident waited for a person or was with one, or it had ended.
INTERRUPTED = "interrupted"


class BotTurn(Struct, frozen=True, kw_only=True):
    """What a resident said, and what the bot kept of before. ``conversation``: its id; ``photos``: files of theirs,
    sent instead of words."""

    person: str
    conversation: str
    state: dict[str, Any]
    text: str
    at: datetime
    photos: tuple[str, ...] = ()


class BotMessage(Struct, frozen=True, kw_only=True):
    """One thing the bot says. ``choices``: data.choices [{label, text}]; ``card``: data.item, data.version, …"""

    kind: Literal["text", "choices", "card"]
    text: str
    data: dict[str, Any] = msgspec.field(default_factory=dict)


class BotReply(Struct, frozen=True, kw_only=True):
    """``hand_over``: why a person should go on, None while the bot can. ``state["matched"]``: items found so far, each
    {item, version, name, probability}; ``state["department"]``: whose they are; ``unanswered``: nothing was found."""

    messages: list[BotMessage]
    state: dict[str, Any]
    hand_over: str | None = None
    unanswered: bool = False


class Bot(Protocol):
    async def reply(self, turn: BotTurn) -> BotReply:
        """Answers one text, or hands over a picture that it has no use for (``image``).

        A pure function of the turn and the published knowledge: it may be asked twice.
        """
        ...


class Live(Protocol):
    async def tell(self, topic: str, event: Mapping[str, Any]) -> None:
        """Tells whoever listens to a topic (an id). Never raises: who was not told resumes from the database."""
        ...


class LocalLive(Live, Protocol):
    """``local`` shows an event to this process's sockets; ``origin`` names the process to the others."""

    origin: str
    local: Callable[[str, Mapping[str, Any]], None] | None

    async def close(self) -> None: ...


class Images(Protocol):
    async def use(self, file_id: str, owner: str, use: str) -> None:
        """Keeps an image of this owner for ``use``. Raises InvalidInput for another file, NotFound FILE_NOT_FOUND."""
        ...

    async def release(self, file_id: str, use: str) -> None:
        """``use`` shows it no longer."""
        ...


class Verdict(Struct, frozen=True):
    """``risky`` with WeChat's label, or not."""

    risky: bool
    label: int


class ContentCheck(Protocol):
    async def judge(self, person: str, text: str) -> Verdict | None:
        """None when the platform will never judge this text (no visit within two hours). Raises BanshiError when it
        does not answer now."""
        ...
