"""A conversation's entries on their way to a screen: what each side may see of them, and in which order they come."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from handlers.routing import Raw
from handlers.uploads import file_answer
from kernel.clock import SHANGHAI
from kernel.errors import Code, NotFound
from kernel.masking import scrub
from services.city import City
from services.consultations.announcing import badge
from services.consultations.checks import label_text
from services.consultations.model import Check, Entry, Kind, Side
from services.consultations.queries import PAGE
from services.consultations.talk import Talk

log = logging.getLogger("banshi.live")


ClientId = Annotated[str, Meta(min_length=1, max_length=64)]
Text = Annotated[str, Meta(max_length=2000)]
Seq = Annotated[int, Meta(ge=0, le=10**9)]
FileId = Annotated[str, Meta(max_length=40)]


class EntryView(Struct, kw_only=True, omit_defaults=True):
    """An entry as one side sees it. ``sender``: a member of staff's number; ``client_msg_id`` for who sent it.

    To staff, personal numbers in a resident's words are masked, and words that the content check found risky are left
    out with the reason in ``masked``; ``check`` says how far the check has come.
    """

    seq: int
    at: datetime
    side: str
    kind: str
    text: str = ""
    data: dict[str, Any] = {}
    sender: str = ""
    client_msg_id: str = ""
    mine: bool = False
    recalled: bool = False
    check: str = ""
    masked: str = ""


def for_resident(entry: Entry) -> EntryView:
    view = _common(entry)
    view.mine = entry.side is Side.RESIDENT
    if view.mine:
        view.client_msg_id = entry.client_msg_id
    return view


def for_officer(entry: Entry, staff_id: str, *, clear: bool = False) -> EntryView:
    """``clear``: unmasked, which is a logged act."""
    view = _common(entry)
    view.mine = entry.sender == staff_id
    if view.mine:
        view.client_msg_id = entry.client_msg_id
    if entry.side is Side.RESIDENT and entry.kind is Kind.TEXT:
        view.check = str(entry.check or "")
        if entry.check is Check.RISKY:
            view.text, view.masked = "", f"内容安全检测：{label_text(entry.check_label)}"
        elif not clear:
            view.text = scrub(entry.text)
    return view


def _common(entry: Entry) -> EntryView:
    return EntryView(
        seq=entry.seq,
        at=entry.at.astimezone(SHANGHAI),
        side=entry.side,
        kind=entry.kind,
        text=entry.text,
        data=entry.data,
        sender=badge(entry.sender) if entry.side is Side.STAFF else "",
        recalled=entry.recalled_at is not None,
    )


def read_event(event: dict[str, Any]) -> Entry:
    """The entry that a live event carries: as it was made where it comes from this process."""
    entry = event["entry"]
    return entry if isinstance(entry, Entry) else msgspec.convert(entry, Entry)


def hear(talk: Talk, topic: str, event: dict[str, Any]) -> None:
    """What another process tells of a conversation that is followed here; the entry is read once for all sockets."""
    if event.get("type") == "entry":
        event["entry"] = entry = read_event(event)
        talk.heard(entry)


async def entry_image(city: City, conversation_id: str, seq: str) -> Raw:
    """The image of an entry, for who may see the conversation. Raises NotFound, also when it was recalled."""
    is_number = seq.isascii() and seq.isdigit() and len(seq) <= 9
    entry = await city.consultation_queries.entry(conversation_id, int(seq)) if is_number else None
    if entry is None or entry.kind is not Kind.IMAGE or entry.recalled_at is not None:
        raise NotFound(Code.MESSAGE_NOT_FOUND, seq=seq)
    return file_answer(*await city.file_queries.read(str(entry.data["file"])))


Read = Callable[[str, int], Awaitable[list[Entry]]]
Send = Callable[[str, list[Entry]], None]
Guard = Callable[[], Awaitable[bool]]


class Stream:
    """One conversation to one socket: entries leave in the order of their numbers, each once, none left out.

    A live entry that is the next one goes out at once; one behind a gap only says that there is something to read.
    ``guard``, asked after every change of state, says whether the reader may still see the conversation.
    """

    def __init__(self, conversation: str, after: int, read: Read, send: Send, guard: Guard | None = None) -> None:
        self.conversation = conversation
        self.last = after
        self._read = read
        self._send = send
        self._guard = guard
        self._filling: asyncio.Task[None] | None = None
        self._again = False
        self._stopped = False

    def offer(self, entry: Entry) -> None:
        if entry.seq <= self.last or self._stopped:
            return
        plain = self._guard is None or entry.kind is not Kind.SYSTEM
        if entry.seq == self.last + 1 and self._filling is None and plain:
            self.last = entry.seq
            self._send(self.conversation, [entry])
        else:
            self.fill_soon()

    def fill_soon(self) -> None:
        """Reads from the database what is missing; asked while it does, once more after."""
        self._again = True
        if self._filling is None and not self._stopped:
            self._filling = asyncio.create_task(self._fill())

    async def fill(self) -> None:
        """Waits until all that is missing now has been sent. Raises what reading raises."""
        self.fill_soon()
        if self._filling is not None:
            await asyncio.shield(self._filling)

    def stop(self) -> None:
        self._stopped = True

    async def _fill(self) -> None:
        try:
            while self._again and not self._stopped:
                self._again = False
                if self._guard is not None and not await self._guard():
                    return
                page = await self._read(self.conversation, self.last)
                # Stopped while it was reading: another stream of the same conversation has taken over.
                if page and not self._stopped:
                    self.last = page[-1].seq
                    self._send(self.conversation, page)
                self._again = self._again or len(page) >= PAGE
        except Exception:
            # The next entry, or the hub's call to read again, tries anew from the same number.
            log.warning("entries could not be read", exc_info=True)
        finally:
            self._filling = None
