"""Complaints, requests and questions to a department: file, follow, close (投诉建议)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct, field

from handlers.base import Call
from handlers.routing import RESIDENT, WORDS, Idempotency, Limit, Route
from kernel.clock import SHANGHAI, local_day
from kernel.errors import Code
from kernel.machine import Actor
from services.complaints.actions import for_complainant
from services.complaints.model import OBJECTED, STATE_WORDS, Complaint, ComplaintKind, State

FileId = Annotated[str, Meta(min_length=1, max_length=40)]


class ComplaintRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``photos``: ids of files uploaded before. ``callback``: may be called back."""

    kind: ComplaintKind
    matter: Annotated[str, Meta(min_length=1, max_length=2000)]
    place: Annotated[str, Meta(max_length=100)] = ""
    happened: Annotated[str, Meta(max_length=50)] = ""
    photos: Annotated[list[FileId], Meta(max_length=9)] = field(default_factory=list)
    callback: bool = False


class ObjectionRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Annotated[str, Meta(min_length=1, max_length=500, pattern=WORDS)]


class ComplaintStepView(Struct, kw_only=True):
    """One line of the progress."""

    at: datetime
    words: str


class ComplaintView(Struct, kw_only=True):
    """A complaint as its complainant sees it. ``due``: the last day for the answer; ``due_provisional``: the year's
    holidays are not announced yet. ``closes``: when an answered one is closed by itself. ``objection``: why they were
    not content with ``first_answer``."""

    id: str
    kind: ComplaintKind
    state: State
    state_words: str
    matter: str
    place: str
    happened: str
    photos: list[str]
    limit_days: int
    due: date
    due_provisional: bool
    department: str | None
    answer: str | None
    closes: date | None
    objection: str | None
    first_answer: str | None
    merged_into: str | None
    created_at: datetime
    progress: list[ComplaintStepView]
    actions: list[str]


class ComplaintList(Struct, kw_only=True):
    complaints: list[ComplaintView]


async def file_complaint(call: Call, body: ComplaintRequest) -> ComplaintView:
    """Files a complaint, a request or a question; the answer names its number and the last day for the reply."""
    filed = await call.city.complaints.do_file(
        call.person, body.kind, body.matter, place=body.place, happened=body.happened, photos=body.photos,
        callback=body.callback, request_key=call.request_key,
    )  # fmt: skip
    return complaint_view(filed)


async def list_complaints(call: Call) -> ComplaintList:
    """The caller's, latest first."""
    return ComplaintList(complaints=[complaint_view(c) for c in await call.city.complaint_queries.mine(call.person)])


async def read_complaint(call: Call, complaint_id: str) -> ComplaintView:
    return complaint_view(await call.city.complaint_queries.one(call.person, complaint_id))


async def close_complaint(call: Call, complaint_id: str) -> ComplaintView:
    """The complainant is content with the answer."""
    return complaint_view(await call.city.complaints.do_close_own(call.person, complaint_id))


async def object_to_answer(call: Call, complaint_id: str, body: ObjectionRequest) -> ComplaintView:
    """The complainant is not content with the answer: it is worked on anew, once."""
    return complaint_view(await call.city.complaints.do_object(call.person, complaint_id, body.reason))


def complaint_view(complaint: Complaint) -> ComplaintView:
    # Dispatching on from one department to the next is one line for the resident, a warning to supervision none.
    told = [entry for entry in complaint.history if entry.actor is not Actor.SYSTEM or entry.to != entry.source]
    later = [*(entry.to for entry in told[1:]), ""]
    steps = [entry for entry, after in zip(told, later, strict=True) if after != entry.to]
    answered = complaint.wake_at if complaint.state == State.ANSWERED else None
    return ComplaintView(
        id=complaint.id,
        kind=complaint.kind,
        state=State(complaint.state),
        state_words=STATE_WORDS[State(complaint.state)],
        matter=complaint.matter,
        place=complaint.place,
        happened=complaint.happened,
        photos=complaint.photos,
        limit_days=complaint.limit_days,
        due=date.fromisoformat(complaint.due),
        due_provisional=complaint.due_provisional,
        department=complaint.department,
        answer=complaint.answer,
        closes=None if answered is None else local_day(answered),
        objection=complaint.objection,
        first_answer=complaint.first_answer,
        merged_into=complaint.merged_into,
        created_at=complaint.created_at.astimezone(SHANGHAI),
        progress=[
            ComplaintStepView(
                at=entry.at.astimezone(SHANGHAI),
                words=OBJECTED if entry.action == "object" else STATE_WORDS[State(entry.to)],
            )
            for entry in steps
        ],
        actions=for_complainant(complaint),
    )


_STEP = (Code.COMPLAINT_NOT_FOUND, Code.ACTION_NOT_ALLOWED, Code.CONFLICT)
_READ = (RESIDENT, Limit.READ, Idempotency.SAFE)
_WRITE = (RESIDENT, Limit.WRITE, Idempotency.KEY)

ROUTES = [
    Route("POST", "/api/complaints", file_complaint, *_WRITE, "File a complaint", (Code.FILE_NOT_FOUND,), 201),
    Route("GET", "/api/complaints", list_complaints, *_READ, "My complaints"),
    Route(
        "GET", "/api/complaints/{complaint_id}", read_complaint, *_READ, "Read a complaint", (Code.COMPLAINT_NOT_FOUND,)
    ),
    Route(
        "POST", "/api/complaints/{complaint_id}/objection", object_to_answer, *_WRITE, "Not content with the answer",
        _STEP,
    ),
    Route(
        "POST", "/api/complaints/{complaint_id}/close", close_complaint, *_WRITE, "Close an answered complaint", _STEP
    ),
]  # fmt: skip
