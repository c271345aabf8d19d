"""Supervisors: what has turned yellow or red, second notices, late answers; acknowledged and closed with a note."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from handlers.base import Call
from handlers.routing import WORDS, Idempotency, Limit, Route, staff
from kernel.clock import SHANGHAI
from kernel.errors import Code
from kernel.machine import Actor
from services.supervision.machine import MACHINE
from services.supervision.model import Kind, State, SupervisionEntry


class SupervisionQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    state: State = State.OPEN


class AcknowledgeRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    note: Annotated[str, Meta(max_length=500)] = ""


class CloseRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``note``: what was found, and what was done about it."""

    note: Annotated[str, Meta(min_length=1, max_length=500, pattern=WORDS)]


class EntryView(Struct, kw_only=True):
    """``subject``: the id of the case, complaint, conversation or rating; ``officer``: the staff id of who answers for
    it."""

    id: str
    kind: Kind
    state: State
    subject: str
    number: str
    title: str
    department: str
    centre: str
    officer: str
    clock: str
    at: datetime
    note: str
    actions: list[str]


class EntryList(Struct, kw_only=True):
    entries: list[EntryView]


async def list_entries(call: Call, query: SupervisionQuery) -> EntryList:
    """The newest two hundred in one state."""
    return EntryList(entries=[_view(entry) for entry in await call.city.supervision_queries.entries(query.state)])


async def acknowledge(call: Call, entry_id: str, body: AcknowledgeRequest) -> EntryView:
    """Somebody is on it."""
    return _view(await call.city.supervision.do_acknowledge(call.officer.staff_id, entry_id, body.note))


async def close(call: Call, entry_id: str, body: CloseRequest) -> EntryView:
    return _view(await call.city.supervision.do_close(call.officer.staff_id, entry_id, body.note))


def _view(entry: SupervisionEntry) -> EntryView:
    return EntryView(
        id=entry.id, kind=entry.kind, state=State(entry.state), subject=entry.subject, number=entry.number,
        title=entry.title, department=entry.department, centre=entry.centre, officer=entry.officer, clock=entry.clock,
        at=entry.created_at.astimezone(SHANGHAI), note=entry.note, actions=MACHINE.allowed(entry.state, Actor.STAFF),
    )  # fmt: skip


_ONE = "/staff/supervision/{entry_id}"
_STEP = (Code.SUPERVISION_NOT_FOUND, Code.ACTION_NOT_ALLOWED, Code.CONFLICT)

ROUTES = [
    Route(
        "GET", "/staff/supervision", list_entries, staff("supervisor", "auditor"), Limit.READ, Idempotency.SAFE,
        "What supervisors have to look at",
    ),
    Route(
        "POST", _ONE + "/acknowledge", acknowledge, staff("supervisor"), Limit.WRITE, Idempotency.KEY,
        "Acknowledge a supervision entry", _STEP,
    ),
    Route(
        "POST", _ONE + "/close", close, staff("supervisor"), Limit.WRITE, Idempotency.KEY,
        "Close a supervision entry", _STEP,
    ),
]  # fmt: skip
