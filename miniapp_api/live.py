"""The mini-program's WebSocket: questions and answers, conversations, and what happens to the resident's things.

Frames are JSON objects with a ``type``. The client sends ``hello`` first (with its token, or none to stay anonymous);
each frame may carry an ``id`` that the answer repeats. docs/consultation.md lists the frames of both directions.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from handlers.chat import Stream, for_resident, read_event
from handlers.routing import Limit
from handlers.sockets import EntriesFrame, LiveHandler, OutgoingFrame
from kernel.errors import InvalidInput, NotAuthenticated
from miniapp_api.ask import MAX_TEXT, AskAnswer, answer
from miniapp_api.conversations import ConversationView, conversation_view
from services.consultations.model import Conversation, Entry, Satisfaction, Side
from services.identity.model import Session


class Incoming(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    type: str
    id: str = ""
    token: str = ""
    text: str = ""
    conversation: str = ""
    client_msg_id: str = ""
    file: str = ""
    after: int = 0
    seq: int = 0
    language: str = ""
    question: str = ""
    contact: str = ""
    level: str = ""
    tags: list[str] = []
    words: str = ""


class Outgoing(OutgoingFrame, kw_only=True, omit_defaults=True):
    level: int | None = None
    answer: AskAnswer | None = None
    event: dict[str, Any] | None = None


class ConversationFrame(Struct, kw_only=True, omit_defaults=True):
    """``conversation``: the conversation as it stands, after the entries; ``last``: the number reached."""

    type: str
    id: str = ""
    conversation: ConversationView
    last: int = 0


class SentFrame(Struct, kw_only=True):
    """A message is in the conversation under ``seq``; its entry comes with the others."""

    type: str = "sent"
    id: str = ""
    conversation: str
    client_msg_id: str
    seq: int


class ResidentTalk:
    """The frames of conversations. Each names one of ``TYPES`` and needs a signed-in resident."""

    TYPES = (
        "start", "resume", "leave", "say", "read", "recall", "typing", "hand_over", "return_to_bot", "form", "close",
        "reopen", "rate",
    )  # fmt: skip

    def __init__(self, socket: LiveSocket, person: str) -> None:
        self.socket = socket
        self.city = socket.frame.city
        self.person = person

    async def take(self, incoming: Incoming, id_: str) -> None:
        if incoming.type == "typing":
            if self.socket.may_type() and incoming.conversation in self.socket.streams:
                await self.city.talk.tell_typing(incoming.conversation, Side.RESIDENT, "")
            return
        await self.socket.frame.limits.check(Limit.CHAT, self.person)
        await getattr(self, incoming.type)(incoming, id_)

    async def start(self, incoming: Incoming, id_: str) -> None:
        started = await self.city.consultations.do_start(self.person, incoming.language)
        await self._show(started, id_)

    async def resume(self, incoming: Incoming, id_: str) -> None:
        conversation = await self.city.talk.do_catch_up(self.person, incoming.conversation)
        stream = Stream(conversation.id, _number(incoming.after, "after"), self._read, self._send)
        await self.socket.follow(stream)
        view = await conversation_view(self.city, conversation)
        self.socket.tell(ConversationFrame(type="resumed", id=id_, conversation=view, last=stream.last))

    async def leave(self, incoming: Incoming, id_: str) -> None:
        self.socket.unfollow(incoming.conversation)
        self.socket.tell(OutgoingFrame(type="left", id=id_))

    async def say(self, incoming: Incoming, id_: str) -> None:
        if not 1 <= len(incoming.client_msg_id) <= 64:
            raise InvalidInput(field="$.client_msg_id", reason="1 to 64 characters")
        entry = await self.city.talk.do_say(
            self.person, incoming.conversation, incoming.client_msg_id, incoming.text, incoming.file
        )
        self._sent(incoming, id_, entry)

    async def read(self, incoming: Incoming, id_: str) -> None:
        conversation = await self._mine(incoming)
        await self.city.talk.do_read(conversation, Side.RESIDENT, _number(incoming.seq, "seq"))
        self.socket.tell(OutgoingFrame(type="done", id=id_))

    async def recall(self, incoming: Incoming, id_: str) -> None:
        conversation = await self._mine(incoming)
        entry = await self.city.talk.do_recall(conversation, self.person, _number(incoming.seq, "seq"))
        self._sent(incoming, id_, entry)

    async def hand_over(self, incoming: Incoming, id_: str) -> None:
        await self._show(await self.city.consultations.do_hand_over(self.person, incoming.conversation), id_)

    async def return_to_bot(self, incoming: Incoming, id_: str) -> None:
        await self._show(await self.city.consultations.do_return_to_bot(self.person, incoming.conversation), id_)

    async def form(self, incoming: Incoming, id_: str) -> None:
        for name, value, most in (("question", incoming.question, MAX_TEXT), ("contact", incoming.contact, 100)):
            if len(value) > most:
                raise InvalidInput(field=f"$.{name}", reason=f"at most {most} characters")
        args = (self.person, incoming.conversation, incoming.question, incoming.contact)
        await self._show(await self.city.consultations.do_leave_form(*args), id_)

    async def close(self, incoming: Incoming, id_: str) -> None:
        await self._show(await self.city.consultations.do_close(self.person, incoming.conversation), id_)

    async def reopen(self, incoming: Incoming, id_: str) -> None:
        await self._show(await self.city.consultations.do_reopen(self.person, incoming.conversation), id_)

    async def rate(self, incoming: Incoming, id_: str) -> None:
        try:
            level = Satisfaction(incoming.level)
        except ValueError:
            raise InvalidInput(field="$.level", reason=f"one of {', '.join(Satisfaction)}") from None
        if len(incoming.words) > 500:
            raise InvalidInput(field="$.words", reason="at most 500 characters")
        args = (self.person, incoming.conversation, level, incoming.tags, incoming.words)
        await self.city.consultation_ratings.do_rate(*args)
        self.socket.tell(OutgoingFrame(type="done", id=id_))

    async def _mine(self, incoming: Incoming) -> Conversation:
        return await self.city.consultation_queries.of_person(self.person, incoming.conversation)

    async def _show(self, conversation: Conversation, id_: str) -> None:
        view = await conversation_view(self.city, conversation)
        self.socket.tell(ConversationFrame(type="conversation", id=id_, conversation=view))

    def _sent(self, incoming: Incoming, id_: str, entry: Entry) -> None:
        frame = SentFrame(id=id_, conversation=entry.conversation, client_msg_id=incoming.client_msg_id, seq=entry.seq)
        self.socket.tell(frame)

    async def _read(self, conversation: str, after: int) -> list[Entry]:
        return await self.city.consultation_queries.entries_after(conversation, after)

    def _send(self, conversation: str, entries: list[Entry]) -> None:
        self.socket.tell(EntriesFrame(conversation=conversation, entries=[for_resident(one) for one in entries]))


class LiveSocket(LiveHandler):
    """One resident's connection."""

    incoming = Incoming
    session: Session | None = None
    talk: ResidentTalk | None = None

    async def take(self, incoming: Incoming, id_: str) -> None:
        if incoming.type == "hello":
            await self._hello(incoming.token)
        elif incoming.type == "ask":
            if len(incoming.text) > MAX_TEXT:
                raise InvalidInput(field="$.text", reason=f"at most {MAX_TEXT} characters")
            await self.frame.limits.check(Limit.ASK, self.caller)
            self.tell(Outgoing(type="answer", id=id_, answer=await answer(self.frame, incoming.text, self.caller)))
        elif incoming.type == "ping":
            self.tell(Outgoing(type="pong", id=id_))
        elif incoming.type in ResidentTalk.TYPES:
            if self.talk is None:
                raise NotAuthenticated
            await self.talk.take(incoming, id_)
        else:
            known = ", ".join(("hello", "ask", "ping", *ResidentTalk.TYPES))
            raise InvalidInput(field="$.type", reason=f"one of {known}")

    async def _hello(self, token: str) -> None:
        if self.greeted:
            raise InvalidInput(field="$.type", reason="hello comes once")
        session = await self.frame.city.identity_queries.session(token) if token else None
        if token and session is None:
            raise NotAuthenticated
        if session is None:
            self.greeted = True
            self.timeout.cancel()
        elif self.greet(session.person_id):
            self.session = session
            self.talk = ResidentTalk(self, session.person_id)
        self.tell(Outgoing(type="welcome", level=None if session is None else int(session.level)))

    @property
    def caller(self) -> str:
        return self.session.person_id if self.session else self.request.remote_ip or ""

    def tell_event(self, topic: str, event: dict[str, Any]) -> None:
        kind = event.get("type")
        if kind == "entry":
            if (stream := self.streams.get(topic)) is not None:
                stream.offer(read_event(event))
        elif kind == "typing" or kind == "read":
            # One's own reach one's own screen too: they say nothing new here.
            if event["side"] != Side.RESIDENT:
                self.tell(PassingFrame(type=kind, conversation=topic, side=event["side"], seq=event.get("seq", 0)))
        elif kind == "queue":
            self.tell(PassingFrame(type="queue", conversation=topic, place=event["place"]))
        else:
            self.tell(Outgoing(type="event", event=event))


class PassingFrame(Struct, kw_only=True, omit_defaults=True):
    """``typing``: the other side writes; ``read``: it has read up to ``seq``; ``queue``: one's place."""

    type: str
    conversation: str
    side: str = ""
    seq: int = 0
    place: int = 0


def _number(value: int, name: str) -> int:
    if not 0 <= value <= 10**9:
        raise InvalidInput(field=f"$.{name}", reason="0 to 1000000000")
    return value
