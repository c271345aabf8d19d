"""The console's WebSocket: the officer's conversations as they happen. docs/consultation.md lists its frames.

The first frame is ``hello`` with the token of a staff session. When that session ends, whoever ended it, the socket is
closed with 4003 within seconds; an open socket alone does not keep a session from its idle limit, nor do the frames
that a screen sends by itself (``BY_ITSELF``).
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from msgspec import Struct
from pymongo.errors import PyMongoError

from handlers.chat import Stream, for_officer, read_event
from handlers.routing import Limit
from handlers.sockets import SESSION_ENDED, EntriesFrame, LiveHandler, OutgoingFrame
from handlers.staff_views import DeskConversation, desk_view, staff_caller
from kernel.errors import BanshiError, Code, InvalidInput, NotAllowed, NotAuthenticated
from services.consultations.access import StaffCaller
from services.consultations.announcing import SUPERVISORS
from services.consultations.model import Conversation, Entry, Presence, Side
from services.identity.staff.model import Role

log = logging.getLogger("banshi.live")

# How often a socket asks whether its session still stands, and every how many times it is a sign of life.
WATCH_SECONDS = 2.0
BEAT_EVERY = 10
ROLES = frozenset({Role.AGENT, Role.SUPERVISOR})


class StaffIncoming(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    type: str
    id: str = ""
    token: str = ""
    conversation: str = ""
    client_msg_id: str = ""
    text: str = ""
    file: str = ""
    card: dict[str, str | int | bool] | None = None
    after: int = 0
    seq: int = 0
    status: str = ""


class StaffWelcome(Struct, kw_only=True):
    type: str = "welcome"
    staff_id: str
    roles: list[str]


class DeskFrame(Struct, kw_only=True, omit_defaults=True):
    type: str
    id: str = ""
    conversation: DeskConversation
    last: int = 0


class DeskSentFrame(Struct, kw_only=True):
    type: str = "sent"
    id: str = ""
    conversation: str
    client_msg_id: str
    seq: int


class DeskPassing(Struct, kw_only=True, omit_defaults=True):
    """``typing``, ``read``; ``left``: the conversation is no longer theirs to see; ``inbox``: a list has changed."""

    type: str
    conversation: str = ""
    side: str = ""
    seq: int = 0
    event: str = ""
    state: str = ""


class StaffSocket(LiveHandler):
    """One screen of one member of staff."""

    incoming = StaffIncoming
    token = ""
    caller: StaffCaller | None = None
    watch: asyncio.Task[None] | None = None
    # Frames of whoever sits there since the session was last looked at: a use of it, which an open screen is not.
    used = False

    # Sent by an open screen with nobody at it: after a lost connection, or when a resident's message comes.
    BY_ITSELF = frozenset({"resume", "leave", "read"})
    TYPES = ("resume", "leave", "say", "read", "recall", "typing", "take", "close_conversation", "presence")

    async def take(self, incoming: StaffIncoming, id_: str) -> None:
        if incoming.type == "hello":
            await self._hello(incoming.token)
        elif incoming.type == "ping":
            self.tell(OutgoingFrame(type="pong", id=id_))
        elif incoming.type in self.TYPES and self.caller is not None:
            self.used = self.used or incoming.type not in self.BY_ITSELF
            if incoming.type != "typing":
                await self.frame.limits.check(Limit.CHAT, self.caller.staff_id)
            await getattr(self, f"_take_{incoming.type}")(self.caller, incoming, id_)
        else:
            raise InvalidInput(field="$.type", reason=f"one of hello, ping, {', '.join(self.TYPES)}")

    def on_close(self) -> None:
        if self.watch is not None:
            self.watch.cancel()
        super().on_close()

    def tell_event(self, topic: str, event: dict[str, Any]) -> None:
        kind = event.get("type")
        if kind == "entry":
            if (stream := self.streams.get(topic)) is not None:
                stream.offer(read_event(event))
        elif kind in ("typing", "read"):
            if topic in self.streams and event["side"] != Side.STAFF:
                self.tell(DeskPassing(type=kind, conversation=topic, side=event["side"], seq=event.get("seq", 0)))
        elif kind == "inbox":
            self.tell(
                DeskPassing(
                    type="inbox", conversation=event["conversation"], event=event["event"], state=event["state"]
                )
            )

    # -- frames ------------------------------------------------------------------------------------------------

    async def _hello(self, token: str) -> None:
        if self.greeted:
            raise InvalidInput(field="$.type", reason="hello comes once")
        # No use of it: a screen comes back by itself after a lost connection.
        session = await self.frame.city.staff_queries.session(token, used=False) if token else None
        if session is None:
            raise NotAuthenticated
        if session.enrolment_due:
            raise NotAllowed(Code.ENROLMENT_REQUIRED)
        if not ROLES.intersection(session.roles):
            raise NotAllowed(roles=sorted(ROLES))
        if not self.greet(session.staff_id):
            return
        self.token, self.caller = token, staff_caller(session, self.request.remote_ip or "")
        if self.caller.supervisor:
            self.join(SUPERVISORS)
        self.watch = asyncio.create_task(self._watch(session.staff_id))
        self.tell(StaffWelcome(staff_id=session.staff_id, roles=sorted(session.roles)))

    async def _take_resume(self, caller: StaffCaller, incoming: StaffIncoming, id_: str) -> None:
        queries = self.frame.city.consultation_queries
        found = await queries.for_staff(caller, incoming.conversation)

        async def may_see() -> bool:
            try:
                await queries.for_staff(caller, found.id)
            except BanshiError:
                self.unfollow(found.id)
                self.tell(DeskPassing(type="left", conversation=found.id))
                return False
            return True

        stream = Stream(found.id, _number(incoming.after, "after"), self._read, self._send, may_see)
        await self.follow(stream)
        self.tell(DeskFrame(type="resumed", id=id_, conversation=desk_view(self.frame.city, found), last=stream.last))

    async def _take_leave(self, caller: StaffCaller, incoming: StaffIncoming, id_: str) -> None:
        self.unfollow(incoming.conversation)
        self.tell(OutgoingFrame(type="done", id=id_))

    async def _take_say(self, caller: StaffCaller, incoming: StaffIncoming, id_: str) -> None:
        if not 1 <= len(incoming.client_msg_id) <= 64:
            raise InvalidInput(field="$.client_msg_id", reason="1 to 64 characters")
        card: dict[str, Any] | None = incoming.card
        args = (caller, incoming.conversation, incoming.client_msg_id, incoming.text, incoming.file, card)
        self._sent(incoming, id_, await self.frame.city.talk.do_say_as(*args))

    async def _take_read(self, caller: StaffCaller, incoming: StaffIncoming, id_: str) -> None:
        found = await self.frame.city.consultation_queries.for_answer(caller, incoming.conversation)
        await self.frame.city.talk.do_read(found, Side.STAFF, _number(incoming.seq, "seq"))
        self.tell(OutgoingFrame(type="done", id=id_))

    async def _take_recall(self, caller: StaffCaller, incoming: StaffIncoming, id_: str) -> None:
        found = await self.frame.city.consultation_queries.for_staff(caller, incoming.conversation)
        entry = await self.frame.city.talk.do_recall(found, caller.staff_id, _number(incoming.seq, "seq"))
        self._sent(incoming, id_, entry)

    async def _take_typing(self, caller: StaffCaller, incoming: StaffIncoming, id_: str) -> None:
        if self.may_type() and incoming.conversation in self.streams:
            await self.frame.city.talk.tell_typing(incoming.conversation, Side.STAFF, caller.staff_id)

    async def _take_take(self, caller: StaffCaller, incoming: StaffIncoming, id_: str) -> None:
        self._show(await self.frame.city.consultation_desk.do_take(caller, incoming.conversation), id_)

    async def _take_close_conversation(self, caller: StaffCaller, incoming: StaffIncoming, id_: str) -> None:
        self._show(await self.frame.city.consultation_desk.do_close(caller, incoming.conversation), id_)

    async def _take_presence(self, caller: StaffCaller, incoming: StaffIncoming, id_: str) -> None:
        try:
            status = Presence(incoming.status)
        except ValueError:
            raise InvalidInput(field="$.status", reason=f"one of {', '.join(Presence)}") from None
        await self.frame.city.officers.do_beat(caller.staff_id, status)
        self.tell(OutgoingFrame(type="done", id=id_))

    # -- inside ------------------------------------------------------------------------------------------------

    def _show(self, conversation: Conversation, id_: str) -> None:
        self.tell(DeskFrame(type="conversation", id=id_, conversation=desk_view(self.frame.city, conversation)))

    def _sent(self, incoming: StaffIncoming, id_: str, entry: Entry) -> None:
        self.tell(
            DeskSentFrame(id=id_, conversation=entry.conversation, client_msg_id=incoming.client_msg_id, seq=entry.seq)
        )

    async def _read(self, conversation: str, after: int) -> list[Entry]:
        return await self.frame.city.consultation_queries.entries_after(conversation, after)

    def _send(self, conversation: str, entries: list[Entry]) -> None:
        staff_id = self.caller.staff_id if self.caller is not None else ""
        views = [for_officer(entry, staff_id) for entry in entries]
        self.tell(EntriesFrame(conversation=conversation, entries=views))

    async def _watch(self, staff_id: str) -> None:
        """Signs of life while the socket is open; the socket's end when the session has ended."""
        rounds = 0
        while True:
            try:
                if rounds % BEAT_EVERY == 0:
                    await self.frame.city.officers.do_beat(staff_id)
                if not await self._session_stands():
                    self.close(SESSION_ENDED, "the session ended")
                    return
            except (BanshiError, PyMongoError, TimeoutError, ConnectionError) as error:
                log.warning("staff session not looked at", extra={"error": repr(error)})
            rounds += 1
            await asyncio.sleep(WATCH_SECONDS)

    async def _session_stands(self) -> bool:
        queries = self.frame.city.staff_queries
        if self.used:
            self.used = False
            return await queries.session(self.token) is not None
        return await queries.stands(self.token)


def _number(value: int, name: str) -> int:
    if not 0 <= value <= 10**9:
        raise InvalidInput(field=f"$.{name}", reason="0 to 1000000000")
    return value
