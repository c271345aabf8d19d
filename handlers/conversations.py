"""Staff in conversations over HTTP: queue, take, answer, transfer, join, take over, close, forms, numbers."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from msgspec import Meta, Struct

from handlers.base import Call, Done
from handlers.chat import ClientId, EntryView, FileId, Seq, Text, entry_image, for_officer
from handlers.reading_clear import ClearReason, ClearRequest
from handlers.routing import Idempotency, Limit, Raw, Route, staff
from handlers.staff_views import (
    ConversationPage,
    DeskConversation,
    desk_view,
    is_open,
    open_case,
    page_view,
    staff_caller,
)
from kernel.clock import local_day
from kernel.errors import Code, InvalidInput, NotAllowed, NotFound
from services.consultations.access import StaffCaller
from services.consultations.model import Side
from services.consultations.queries import PAGE, Statistics

Note = Annotated[str, Meta(max_length=200)]
Short = Annotated[str, Meta(max_length=40)]


class ConversationsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``view``: mine, queue, forms, ended (closed ones that began between two days: own, for supervisors all); for
    supervisors also all (with officers now) and begun (between two days)."""

    view: str = "mine"
    first: date | None = None
    last: date | None = None


class DeskSayRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``card``: an item or an answer of the knowledge base, with its version: what is cited can be looked up."""

    client_msg_id: ClientId
    text: Text = ""
    file: FileId = ""
    card: dict[str, str | int | bool] | None = None


class DeskSeqRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    seq: Seq


class TransferRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """To one ``officer``, or back to the queue for a ``department``, ``topic`` or ``language``.

    ``note``: for who goes on."""

    note: Annotated[str, Meta(min_length=1, max_length=200)]
    officer: Short = ""
    department: Short = ""
    topic: Short = ""
    language: Short = ""


class AnswerFormRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: Annotated[str, Meta(min_length=1, max_length=2000)]


class UnmaskRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``seq``: of the entry whose words are needed in clear; ``reason``, at least four characters, is in the audit."""

    seq: Seq
    reason: ClearReason


class StaffEventsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    after: Seq = 0


class StaffHistoryQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    before: Annotated[int, Meta(ge=1, le=10**9)]
    limit: Annotated[int, Meta(ge=1, le=PAGE)] = 50


class NumbersQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days, both included; the last week when none are named."""

    first: date | None = None
    last: date | None = None


class DeskConversations(Struct, kw_only=True):
    conversations: list[DeskConversation]


class DeskEntries(Struct, kw_only=True):
    conversation: DeskConversation
    entries: list[EntryView]
    last: int
    more: bool


class DeskHistory(Struct, kw_only=True):
    entries: list[EntryView]


class DeskSent(Struct, kw_only=True):
    seq: int
    client_msg_id: str


class ResidentPersonal(Struct, kw_only=True):
    """Who asks, in clear; what the resident has not given is None. Reading it is written into the audit.

    ``question``, ``contact``: of the off-hours form, "" without one."""

    name: str | None
    id_number: str | None
    phone: str | None
    question: str
    contact: str


def _caller(call: Call) -> StaffCaller:
    return staff_caller(call.officer, call.address)


async def listed(call: Call, query: ConversationsQuery) -> DeskConversations:
    """The conversations of one view. Who waits in the queue is seen by all, without a word of the talk."""
    queries, caller = call.city.consultation_queries, _caller(call)
    if query.view in ("all", "begun") and not caller.supervisor:
        raise NotAllowed(roles=["supervisor"])
    today = local_day(call.city.clock.now())
    if query.view == "mine":
        found = await queries.mine(caller.staff_id)
    elif query.view == "queue":
        found = await queries.queue()
    elif query.view == "forms":
        found = await queries.forms()
    elif query.view == "all":
        found = await queries.with_staff()
    elif query.view == "begun":
        found = await queries.begun(query.first or today, query.last or today)
    elif query.view == "ended":
        last = query.last or today
        found = await queries.ended(caller, query.first or _week_before(last), last)
    else:
        raise InvalidInput(field="view", reason="one of mine, queue, forms, ended, all, begun")
    return DeskConversations(conversations=[desk_view(call.city, one) for one in found])


async def opened(call: Call, conversation_id: str) -> ConversationPage:
    """Everything to answer with: the transcript (its first page; go on with events), matched
    items, open cases, the resident masked."""
    caller, queries = _caller(call), call.city.consultation_queries
    found = await queries.for_staff(caller, conversation_id)
    try:
        resident = await call.city.identity_queries.profile(found.person)
    except NotFound:
        resident = None
    entries = await queries.entries_after(conversation_id, 0)
    views = [for_officer(entry, caller.staff_id) for entry in entries]
    cases = [open_case(case) for case in await call.city.case_queries.mine(found.person) if is_open(case)]
    return page_view(call.city, found, resident, views, cases)


async def staff_events(call: Call, conversation_id: str, query: StaffEventsQuery) -> DeskEntries:
    caller, queries = _caller(call), call.city.consultation_queries
    found = await queries.for_staff(caller, conversation_id)
    entries = await queries.entries_after(conversation_id, query.after)
    return DeskEntries(
        conversation=desk_view(call.city, found),
        entries=[for_officer(entry, caller.staff_id) for entry in entries],
        last=entries[-1].seq if entries else query.after,
        more=len(entries) >= PAGE,
    )


async def staff_history(call: Call, conversation_id: str, query: StaffHistoryQuery) -> DeskHistory:
    caller, queries = _caller(call), call.city.consultation_queries
    await queries.for_staff(caller, conversation_id)
    found = await queries.entries_before(conversation_id, query.before, query.limit)
    return DeskHistory(entries=[for_officer(entry, caller.staff_id) for entry in found])


async def earlier(call: Call, conversation_id: str) -> DeskConversations:
    """What the same resident asked before, within a year; its words only to who may open it."""
    queries = call.city.consultation_queries
    found = await queries.for_staff(_caller(call), conversation_id)
    others = [one for one in await queries.earlier(found.person) if one.id != conversation_id]
    return DeskConversations(conversations=[desk_view(call.city, one) for one in others])


async def staff_image(call: Call, conversation_id: str, seq: str) -> Raw:
    await call.city.consultation_queries.for_staff(_caller(call), conversation_id)
    return await entry_image(call.city, conversation_id, seq)


async def take(call: Call, conversation_id: str) -> DeskConversation:
    return desk_view(call.city, await call.city.consultation_desk.do_take(_caller(call), conversation_id))


async def staff_say(call: Call, conversation_id: str, body: DeskSayRequest) -> DeskSent:
    card: dict[str, Any] | None = body.card
    args = (_caller(call), conversation_id, body.client_msg_id, body.text, body.file, card)
    entry = await call.city.talk.do_say_as(*args)
    return DeskSent(seq=entry.seq, client_msg_id=body.client_msg_id)


async def staff_read(call: Call, conversation_id: str, body: DeskSeqRequest) -> Done:
    found = await call.city.consultation_queries.for_answer(_caller(call), conversation_id)
    await call.city.talk.do_read(found, Side.STAFF, body.seq)
    return Done()


async def staff_recall(call: Call, conversation_id: str, body: DeskSeqRequest) -> Done:
    found = await call.city.consultation_queries.for_staff(_caller(call), conversation_id)
    await call.city.talk.do_recall(found, call.officer.staff_id, body.seq)
    return Done()


async def transfer(call: Call, conversation_id: str, body: TransferRequest) -> DeskConversation:
    desk, caller = call.city.consultation_desk, _caller(call)
    if body.officer:
        return desk_view(call.city, await desk.do_hand_to(caller, conversation_id, body.officer, body.note))
    needs = {"department": body.department, "topic": body.topic, "language": body.language}
    if not any(needs.values()):
        raise InvalidInput(field="$.department", reason="name an officer, a department, a topic or a language")
    # What nobody can be said to know is asked of nobody.
    for name, known in (("topic", call.city.officers.topics), ("language", call.city.officers.languages)):
        if needs[name] and needs[name] not in known:
            raise InvalidInput(field=f"$.{name}", reason=f"one of {', '.join(known)}")
    return desk_view(call.city, await desk.do_transfer(caller, conversation_id, body.note, needs))


async def join(call: Call, conversation_id: str) -> DeskConversation:
    return desk_view(call.city, await call.city.consultation_desk.do_join(_caller(call), conversation_id))


async def take_over(call: Call, conversation_id: str) -> DeskConversation:
    return desk_view(call.city, await call.city.consultation_desk.do_take_over(_caller(call), conversation_id))


async def staff_close(call: Call, conversation_id: str) -> DeskConversation:
    return desk_view(call.city, await call.city.consultation_desk.do_close(_caller(call), conversation_id))


async def answer_form(call: Call, conversation_id: str, body: AnswerFormRequest) -> DeskConversation:
    args = (_caller(call), conversation_id, body.text)
    return desk_view(call.city, await call.city.consultation_desk.do_answer_form(*args))


async def unmask(call: Call, conversation_id: str, body: UnmaskRequest) -> EntryView:
    """One entry's words in clear; the audit says who asked for which, when and why."""
    caller, queries = _caller(call), call.city.consultation_queries
    await queries.for_answer(caller, conversation_id)
    entry = await queries.entry(conversation_id, body.seq)
    if entry is None:
        raise NotFound(Code.MESSAGE_NOT_FOUND, seq=body.seq)
    # Before the words are shown: what is not in the audit is not shown.
    what = f"unmask {conversation_id}/{body.seq}"
    await call.city.staff.do_read_clear(what, body.reason, caller.staff_id, caller.address)
    return for_officer(entry, caller.staff_id, clear=True)


async def personal(call: Call, conversation_id: str, body: ClearRequest) -> ResidentPersonal:
    """The resident's name, ID number and telephone in clear, and what they left with a form, to whoever answers or has
    to call back about a bad rating; who read it and why is written down first."""
    caller = _caller(call)
    found = await call.city.consultation_queries.for_clear(caller, conversation_id)
    what = f"resident.unmask {conversation_id}"
    await call.city.staff.do_read_clear(what, body.reason, caller.staff_id, caller.address)
    data = await call.city.identity_queries.personal(found.person)
    return ResidentPersonal(
        name=data.name, id_number=data.id_number, phone=data.phone,
        question=found.left_form.question if found.left_form is not None else "",
        contact=await call.city.consultations.contact(found),
    )  # fmt: skip


async def numbers(call: Call, query: NumbersQuery) -> Statistics:
    """Volume, waiting and first answer by day, ratings by level, what the bot could not answer."""
    last = query.last or local_day(call.city.clock.now())
    return await call.city.consultation_queries.statistics(query.first or _week_before(last), last)


def _week_before(last: date) -> date:
    """The first of seven days."""
    return date.fromordinal(max(1, last.toordinal() - 6))


_AGENT, _SUPERVISOR = staff("agent", "supervisor"), staff("supervisor")
_ONE = "/staff/conversations/{conversation_id}"
_READ = (_AGENT, Limit.READ, Idempotency.SAFE)
_CHAT = (_AGENT, Limit.CHAT, Idempotency.NATURAL)
_OVER = (_SUPERVISOR, Limit.CHAT, Idempotency.NATURAL)
_FOUND = (Code.CONVERSATION_NOT_FOUND,)
_STEP = (Code.CONVERSATION_NOT_FOUND, Code.ACTION_NOT_ALLOWED, Code.CONFLICT)

ROUTES = [
    Route("GET", "/staff/conversations", listed, *_READ, "Conversations of a view"),
    Route("GET", _ONE, opened, *_READ, "A conversation with all that an officer needs", _FOUND),
    Route("GET", f"{_ONE}/events", staff_events, *_READ, "What has happened after a number", _FOUND),
    Route("GET", f"{_ONE}/history", staff_history, *_READ, "Entries before a number", _FOUND),
    Route("GET", f"{_ONE}/earlier", earlier, *_READ, "Earlier conversations of the same resident", _FOUND),
    Route(
        "GET", f"{_ONE}/images/{{seq}}", staff_image, *_READ, "The image of an entry",
        (*_FOUND, Code.MESSAGE_NOT_FOUND), content_type="image/*",
    ),
    Route(
        "POST", f"{_ONE}/take", take, *_CHAT, "Take from the queue",
        (*_STEP, Code.CONVERSATION_TAKEN, Code.OFFICER_FULL),
    ),
    Route("POST", f"{_ONE}/messages", staff_say, *_CHAT, "Answer", (*_STEP, Code.FILE_NOT_FOUND), 201),
    Route("POST", f"{_ONE}/read", staff_read, *_CHAT, "Read up to a number", _FOUND),
    Route(
        "POST", f"{_ONE}/recall", staff_recall, *_CHAT, "Take a message back",
        (*_FOUND, Code.MESSAGE_NOT_FOUND, Code.RECALL_TOO_LATE),
    ),
    Route(
        "POST", f"{_ONE}/transfer", transfer, *_CHAT, "Transfer", (*_STEP, Code.OFFICER_AWAY, Code.OFFICER_FULL),
    ),
    Route("POST", f"{_ONE}/join", join, *_OVER, "Write along", _STEP),
    Route("POST", f"{_ONE}/take-over", take_over, *_OVER, "Take over", _STEP),
    Route("POST", f"{_ONE}/close", staff_close, *_CHAT, "End the conversation", _STEP),
    Route("POST", f"{_ONE}/answer", answer_form, *_CHAT, "Answer a form left out of hours", _STEP),
    Route("POST", f"{_ONE}/unmask", unmask, *_CHAT, "Show words in clear; logged", (*_FOUND, Code.MESSAGE_NOT_FOUND)),
    Route(
        "POST", f"{_ONE}/personal-data", personal, *_CHAT, "Who the resident is, in clear; logged",
        (*_FOUND, Code.NOT_FOUND),
    ),
    Route(
        "GET", "/staff/statistics/consultation", numbers, staff("supervisor", "auditor"), Limit.READ, Idempotency.SAFE,
        "Consultation in numbers",
    ),
]  # fmt: skip
