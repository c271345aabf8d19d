"""Online consultation over HTTP: the same as over the WebSocket, for where no socket can be kept open (网上咨询)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from handlers.base import Call, Done
from handlers.chat import ClientId, EntryView, FileId, Seq, Text, entry_image, for_resident
from handlers.routing import RESIDENT, Idempotency, Limit, Raw, Route
from kernel.clock import SHANGHAI
from kernel.errors import Code
from services.city import City
from services.consultations.announcing import badge
from services.consultations.model import Conversation, Satisfaction, Side, State
from services.consultations.queries import PAGE


class StartRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``language``: zh, en, ko or sign (for who needs an officer who signs). "" leaves that of the open conversation;
    another one holds for it as long as the bot has it."""

    language: Annotated[str, Meta(max_length=40)] = ""


class SayRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text, or ``file``: the id of an image sent to POST /api/files. ``client_msg_id``: the client's own name of the
    message; sent again under the same name it is the same message."""

    client_msg_id: ClientId
    text: Text = ""
    file: FileId = ""


class SeqRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    seq: Seq


class FormRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The off-hours form. The answer comes as a notification; ``contact`` is for where that is not enough."""

    question: Annotated[str, Meta(min_length=1, max_length=2000)]
    contact: Annotated[str, Meta(max_length=100)] = ""


class RatingRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``tags``: keys of the list that GET /api/conversations/current shows."""

    level: Satisfaction
    tags: Annotated[list[Annotated[str, Meta(max_length=20)]], Meta(max_length=10)] = []
    words: Annotated[str, Meta(max_length=500)] = ""


class EventsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``after``: the number of the last entry that the client has."""

    after: Seq = 0


class HistoryQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``before``: the number of the first entry that the client has."""

    before: Annotated[int, Meta(ge=1, le=10**9)]
    limit: Annotated[int, Meta(ge=1, le=PAGE)] = 50


class ConversationView(Struct, kw_only=True):
    """``about``: the item found last, "" where none. ``place``: in the queue, 1 is next. ``officer``: the number of who
    serves. ``read_staff``: what the other side has read up to. ``question``: what was left for when the office opens,
    "" where nothing was. ``actions``: what can be done now, ``reopen`` only within a day of the end."""

    id: str
    state: str
    language: str
    about: str
    created_at: datetime
    closed_at: datetime | None
    officer: str
    place: int | None
    read_resident: int
    read_staff: int
    rated: bool
    can_rate: bool
    actions: list[str]
    hours: str
    question: str


class CurrentView(Struct, kw_only=True):
    """``conversation``: the open one, if any. ``open_now``: whether people answer now.

    ``tags``: what a rating may say."""

    conversation: ConversationView | None
    open_now: bool
    hours: str
    tags: dict[str, str]
    languages: dict[str, str]


class EntriesView(Struct, kw_only=True):
    """Entries in order; ``last``: the number to go on from; ``more``: ask again at once."""

    conversation: ConversationView
    entries: list[EntryView]
    last: int
    more: bool


class HistoryView(Struct, kw_only=True):
    entries: list[EntryView]


class ConversationList(Struct, kw_only=True):
    conversations: list[ConversationView]


class SentView(Struct, kw_only=True):
    """The message has this number."""

    seq: int
    client_msg_id: str


async def conversation_view(city: City, conversation: Conversation, *, place: bool = True) -> ConversationView:
    """How the resident sees it; one database command while it waits, none otherwise."""
    is_closed = conversation.state == State.CLOSED
    return ConversationView(
        id=conversation.id,
        state=conversation.state,
        language=conversation.needs.language,
        about=str(conversation.matched[-1].get("name", "")) if conversation.matched else "",
        created_at=conversation.created_at.astimezone(SHANGHAI),
        closed_at=conversation.closed_at.astimezone(SHANGHAI) if conversation.closed_at else None,
        officer=badge(conversation.owner),
        place=await city.consultation_queries.place(conversation) if place else None,
        read_resident=conversation.read_resident,
        read_staff=conversation.read_staff,
        rated=conversation.rated,
        can_rate=is_closed and not conversation.rated,
        actions=city.consultations.actions(conversation),
        hours=city.consultation_queries.data.hours_text,
        question=conversation.left_form.question if conversation.left_form is not None else "",
    )


async def start(call: Call, body: StartRequest) -> ConversationView:
    """The open conversation, or a new one: a person has one at a time."""
    return await conversation_view(call.city, await call.city.consultations.do_start(call.person, body.language))


async def current(call: Call) -> CurrentView:
    queries = call.city.consultation_queries
    found = await queries.current(call.person)
    return CurrentView(
        conversation=await conversation_view(call.city, found) if found is not None else None,
        open_now=call.city.consultations.is_open(),
        hours=queries.data.hours_text,
        tags=queries.data.tags,
        languages=queries.data.languages,
    )


async def mine(call: Call) -> ConversationList:
    """One's own conversations of the last year, the newest first."""
    found = await call.city.consultation_queries.earlier(call.person)
    return ConversationList(conversations=[await conversation_view(call.city, one, place=False) for one in found])


async def one(call: Call, conversation_id: str) -> ConversationView:
    found = await call.city.consultation_queries.of_person(call.person, conversation_id)
    return await conversation_view(call.city, found)


async def events(call: Call, conversation_id: str, query: EventsQuery) -> EntriesView:
    """What has happened after a number: nothing is missed and nothing comes twice."""
    queries = call.city.consultation_queries
    found = await queries.of_person(call.person, conversation_id)
    entries = await queries.entries_after(conversation_id, query.after)
    return EntriesView(
        conversation=await conversation_view(call.city, found, place=False),
        entries=[for_resident(entry) for entry in entries],
        last=entries[-1].seq if entries else query.after,
        more=len(entries) >= PAGE,
    )


async def history(call: Call, conversation_id: str, query: HistoryQuery) -> HistoryView:
    """Pages backwards."""
    queries = call.city.consultation_queries
    await queries.of_person(call.person, conversation_id)
    found = await queries.entries_before(conversation_id, query.before, query.limit)
    return HistoryView(entries=[for_resident(entry) for entry in found])


async def say(call: Call, conversation_id: str, body: SayRequest) -> SentView:
    """Says something; while the bot has the conversation, its answer is there as well when this returns."""
    entry = await call.city.talk.do_say(call.person, conversation_id, body.client_msg_id, body.text, body.file)
    return SentView(seq=entry.seq, client_msg_id=body.client_msg_id)


async def image(call: Call, conversation_id: str, seq: str) -> Raw:
    """The image of an entry, whoever of the two sides sent it."""
    await call.city.consultation_queries.of_person(call.person, conversation_id)
    return await entry_image(call.city, conversation_id, seq)


async def read(call: Call, conversation_id: str, body: SeqRequest) -> Done:
    found = await call.city.consultation_queries.of_person(call.person, conversation_id)
    await call.city.talk.do_read(found, Side.RESIDENT, body.seq)
    return Done()


async def recall(call: Call, conversation_id: str, body: SeqRequest) -> Done:
    """Within two minutes: the words are gone for both sides."""
    found = await call.city.consultation_queries.of_person(call.person, conversation_id)
    await call.city.talk.do_recall(found, call.person, body.seq)
    return Done()


async def hand_over(call: Call, conversation_id: str) -> ConversationView:
    """Asks for a person: into the queue, or to the form outside of working hours."""
    return await conversation_view(call.city, await call.city.consultations.do_hand_over(call.person, conversation_id))


async def return_to_bot(call: Call, conversation_id: str) -> ConversationView:
    """Gives up waiting."""
    done = await call.city.consultations.do_return_to_bot(call.person, conversation_id)
    return await conversation_view(call.city, done)


async def leave_form(call: Call, conversation_id: str, body: FormRequest) -> ConversationView:
    """Leaves a question outside of working hours."""
    args = (call.person, conversation_id, body.question, body.contact)
    return await conversation_view(call.city, await call.city.consultations.do_leave_form(*args))


async def close(call: Call, conversation_id: str) -> ConversationView:
    return await conversation_view(call.city, await call.city.consultations.do_close(call.person, conversation_id))


async def reopen(call: Call, conversation_id: str) -> ConversationView:
    """Goes on with a conversation that was closed within a day."""
    return await conversation_view(call.city, await call.city.consultations.do_reopen(call.person, conversation_id))


async def rate(call: Call, conversation_id: str, body: RatingRequest) -> Done:
    """Once; nobody of the unit rated sees who rated how."""
    args = (call.person, conversation_id, body.level, body.tags, body.words)
    await call.city.consultation_ratings.do_rate(*args)
    return Done()


_ONE = "/api/conversations/{conversation_id}"
_READ = (RESIDENT, Limit.READ, Idempotency.SAFE)
_CHAT = (RESIDENT, Limit.CHAT, Idempotency.NATURAL)
_FOUND = (Code.CONVERSATION_NOT_FOUND,)
_STEP = (Code.CONVERSATION_NOT_FOUND, Code.ACTION_NOT_ALLOWED, Code.CONFLICT)

ROUTES = [
    Route("POST", "/api/conversations", start, *_CHAT, "Begin or go on with a conversation", (), 201),
    Route("GET", "/api/conversations", mine, *_READ, "One's own conversations"),
    Route("GET", "/api/conversations/current", current, *_READ, "The open conversation, and whether people answer now"),
    Route("GET", _ONE, one, *_READ, "A conversation, with its place in the queue", _FOUND),
    Route("GET", f"{_ONE}/events", events, *_READ, "What has happened after a number", _FOUND),
    Route("GET", f"{_ONE}/history", history, *_READ, "Entries before a number", _FOUND),
    Route(
        "POST", f"{_ONE}/messages", say, *_CHAT, "Say something",
        (*_FOUND, Code.CONVERSATION_CLOSED, Code.FILE_NOT_FOUND), 201,
    ),
    Route(
        "GET", f"{_ONE}/images/{{seq}}", image, *_READ, "The image of an entry", (*_FOUND, Code.MESSAGE_NOT_FOUND),
        content_type="image/*",
    ),
    Route("POST", f"{_ONE}/read", read, *_CHAT, "Read up to a number", _FOUND),
    Route(
        "POST", f"{_ONE}/recall", recall, *_CHAT, "Take a message back",
        (*_FOUND, Code.MESSAGE_NOT_FOUND, Code.RECALL_TOO_LATE),
    ),
    Route("POST", f"{_ONE}/hand-over", hand_over, *_CHAT, "Ask for a person", _STEP),
    Route("POST", f"{_ONE}/return-to-bot", return_to_bot, *_CHAT, "Give up waiting", _STEP),
    Route("POST", f"{_ONE}/form", leave_form, *_CHAT, "Leave a question out of hours", _STEP),
    Route("POST", f"{_ONE}/close", close, *_CHAT, "End the conversation", _STEP),
    Route("POST", f"{_ONE}/reopen", reopen, *_CHAT, "Go on with it", (*_STEP, Code.CONVERSATION_CLOSED)),
    Route("POST", f"{_ONE}/rating", rate, *_CHAT, "Rate it", (*_STEP, Code.ALREADY_RATED), 201),
]  # fmt: skip
