"""The knowledge base and canned answers, for those who answer residents and those who edit."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from handlers.base import Call, Done
from handlers.routing import Idempotency, Limit, Route, staff
from kernel.clock import SHANGHAI
from kernel.errors import Code, NotAllowed
from kernel.machine import Actor
from services.knowledge.machine import MACHINE
from services.knowledge.model import CannedAnswer, Content, KnowledgeEntry, State, Suggestion
from services.knowledge.queries import Knowledge

Text = Annotated[str, Meta(min_length=1, max_length=2000)]
Seen = Annotated[int, Meta(ge=1)]


class WriteRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question and its answer; answer and item may come later, before publication."""

    question: Annotated[str, Meta(min_length=1, max_length=200)]
    phrasings: Annotated[list[Annotated[str, Meta(min_length=1, max_length=200)]], Meta(max_length=20)] = []
    answer: Annotated[str, Meta(max_length=2000)] = ""
    item: Annotated[str, Meta(max_length=12)] = ""

    @property
    def content(self) -> Content:
        return Content(question=self.question, phrasings=self.phrasings, answer=self.answer, item=self.item)


class EditRequest(WriteRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``seen``: the entry's ``version`` as it was opened."""

    seen: Seen


class SeenRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    seen: Seen


class ReasonRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``reason`` is kept in the entry's history."""

    reason: Annotated[str, Meta(min_length=1, max_length=200)]


class ProposeRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``origin``: the message of a conversation that asked, "<conversation>#<seq>"; proposed twice, it is one entry."""

    question: Annotated[str, Meta(min_length=1, max_length=200)]
    origin: Annotated[str, Meta(max_length=40)] | None = None


class SuggestRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: Text


class ListQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    state: State = State.PUBLISHED
    after: Annotated[str, Meta(max_length=20)] = ""
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class EntryView(Struct, kw_only=True):
    """``version`` guards the next change: send it back as ``seen``. ``stale``: the cited item has changed since."""

    id: str
    state: str
    version: int
    actions: list[str]
    draft: Content | None
    published: Content | None
    item_name: str
    item_version: int
    stale: bool
    updated_at: datetime


class EntryList(Struct, kw_only=True):
    """``next``: what to give as ``after`` for the next page; None on the last."""

    entries: list[EntryView]
    next: str | None


class Suggestions(Struct, kw_only=True):
    suggestions: list[Suggestion]


class CannedRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``everybodys``: for all officers (supervisors and editors only); a change keeps what it was."""

    shortcut: Annotated[str, Meta(min_length=1, max_length=20)]
    title: Annotated[str, Meta(min_length=1, max_length=40)]
    text: Text
    everybodys: bool = False


class CannedView(Struct, kw_only=True):
    id: str
    shortcut: str
    title: str
    text: str
    everybodys: bool


class CannedList(Struct, kw_only=True):
    answers: list[CannedView]


async def entries(call: Call, query: ListQuery) -> EntryList:
    """Entries of one state."""
    found = await call.city.knowledge.page(query.state, query.after, query.limit + 1)
    shown = found[: query.limit]
    views = [_view(entry, call.city.knowledge) for entry in shown]
    return EntryList(entries=views, next=shown[-1].id if len(found) > query.limit else None)


async def entry(call: Call, entry_id: str) -> EntryView:
    return _view(await call.city.knowledge.one(entry_id), call.city.knowledge)


async def propose(call: Call, body: ProposeRequest) -> EntryView:
    """Turns an unanswered question into work for the editors."""
    made = await call.city.knowledge_actions.do_propose(body.question, call.officer.staff_id, body.origin)
    return _view(made, call.city.knowledge)


async def write(call: Call, body: WriteRequest) -> EntryView:
    return _view(await call.city.knowledge_actions.do_write(body.content, call.officer.staff_id), call.city.knowledge)


async def edit(call: Call, entry_id: str, body: EditRequest) -> EntryView:
    args = (entry_id, body.content, body.seen, call.officer.staff_id)
    return _view(await call.city.knowledge_actions.do_edit(*args), call.city.knowledge)


async def publish(call: Call, entry_id: str, body: SeenRequest) -> EntryView:
    """Officers and the bot answer with it within a second; it cites the item's present version."""
    args = (entry_id, body.seen, call.officer.staff_id)
    return _view(await call.city.knowledge_actions.do_publish(*args), call.city.knowledge)


async def withdraw(call: Call, entry_id: str, body: ReasonRequest) -> EntryView:
    args = (entry_id, body.reason, call.officer.staff_id)
    return _view(await call.city.knowledge_actions.do_withdraw(*args), call.city.knowledge)


async def reject(call: Call, entry_id: str, body: ReasonRequest) -> EntryView:
    args = (entry_id, body.reason, call.officer.staff_id)
    return _view(await call.city.knowledge_actions.do_reject(*args), call.city.knowledge)


async def suggest(call: Call, body: SuggestRequest) -> Suggestions:
    """What the knowledge base answers to a resident's words."""
    return Suggestions(suggestions=call.city.knowledge.suggest(body.text))


async def canned(call: Call) -> CannedList:
    """Everybody's canned answers and the caller's own."""
    found = await call.city.canned.usable_by(call.officer.staff_id)
    return CannedList(answers=[_canned(answer) for answer in found])


async def add_canned(call: Call, body: CannedRequest) -> CannedView:
    """Keeps an answer ready. For everybody only by those who may."""
    officer = call.officer
    if body.everybodys and not _edits_for_all(call):
        raise NotAllowed(roles=["supervisor", "catalogue_editor"])
    owner = "" if body.everybodys else officer.staff_id
    made = await call.city.canned.do_add(owner, body.shortcut, body.title, body.text, officer.staff_id)
    return _canned(made)


async def change_canned(call: Call, canned_id: str, body: CannedRequest) -> CannedView:
    made = await call.city.canned.do_change(
        canned_id, body.shortcut, body.title, body.text, call.officer.staff_id, everybodys=_edits_for_all(call)
    )
    return _canned(made)


async def remove_canned(call: Call, canned_id: str) -> Done:
    await call.city.canned.do_remove(canned_id, call.officer.staff_id, everybodys=_edits_for_all(call))
    return Done()


def _edits_for_all(call: Call) -> bool:
    return bool({"supervisor", "catalogue_editor"} & {str(role) for role in call.officer.roles})


def _view(entry: KnowledgeEntry, knowledge: Knowledge) -> EntryView:
    current = entry.current
    return EntryView(
        id=entry.id,
        state=entry.state,
        version=entry.version,
        actions=MACHINE.allowed(entry.state, Actor.STAFF),
        draft=entry.draft,
        published=current.content if current else None,
        item_name=current.item_name if current else "",
        item_version=current.item_version if current else 0,
        stale=knowledge.stale(current) if current else False,
        updated_at=entry.updated_at.astimezone(SHANGHAI),
    )


def _canned(answer: CannedAnswer) -> CannedView:
    return CannedView(
        id=answer.id, shortcut=answer.shortcut, title=answer.title, text=answer.text, everybodys=answer.owner == ""
    )


_ANSWERS = staff("agent", "window_officer", "supervisor", "catalogue_editor")
_EDITS = staff("catalogue_editor", "supervisor")
_READ = (Limit.READ, Idempotency.SAFE)
_WRITE = (Limit.WRITE, Idempotency.KEY)
_ONE = "/staff/knowledge/{entry_id}"
_STEP = (Code.KNOWLEDGE_NOT_FOUND, Code.ACTION_NOT_ALLOWED, Code.CONFLICT)

ROUTES = [
    Route("GET", "/staff/knowledge", entries, _ANSWERS, *_READ, "Knowledge entries"),
    Route("GET", _ONE, entry, _ANSWERS, *_READ, "A knowledge entry", (Code.KNOWLEDGE_NOT_FOUND,)),
    Route("POST", "/staff/knowledge", write, _EDITS, *_WRITE, "Write an entry", (Code.ITEM_NOT_FOUND,), 201),
    Route("POST", "/staff/knowledge/proposals", propose, _ANSWERS, *_WRITE, "Propose a question", (), 201),
    Route(
        "POST", "/staff/knowledge/suggestions", suggest, _ANSWERS, Limit.ASK, Idempotency.NATURAL,
        "Answers to a resident's words",
    ),
    Route("PUT", _ONE, edit, _EDITS, *_WRITE, "Save a draft", (*_STEP, Code.ITEM_NOT_FOUND)),
    Route("POST", f"{_ONE}/publish", publish, _EDITS, *_WRITE, "Publish", (*_STEP, Code.ITEM_NOT_FOUND)),
    Route("POST", f"{_ONE}/withdraw", withdraw, _EDITS, *_WRITE, "Withdraw", _STEP),
    Route("POST", f"{_ONE}/reject", reject, _EDITS, *_WRITE, "Reject a proposal", _STEP),
    Route("GET", "/staff/canned-answers", canned, _ANSWERS, *_READ, "Canned answers"),
    Route(
        "POST", "/staff/canned-answers", add_canned, _ANSWERS, *_WRITE, "Keep an answer ready",
        (Code.SHORTCUT_TAKEN,), 201,
    ),
    Route(
        "PUT", "/staff/canned-answers/{canned_id}", change_canned, _ANSWERS, *_WRITE, "Change a canned answer",
        (Code.CANNED_NOT_FOUND, Code.SHORTCUT_TAKEN, Code.CONFLICT),
    ),
    Route(
        "DELETE", "/staff/canned-answers/{canned_id}", remove_canned, _ANSWERS, Limit.WRITE, Idempotency.NATURAL,
        "Remove a canned answer", (Code.CANNED_NOT_FOUND,),
    ),
]  # fmt: skip
