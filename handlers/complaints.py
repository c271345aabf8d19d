"""Staff and complaints: the queue, photos, the call-back number, accept, dispatch, answer, merge, reject, close.

Staff of a department see and answer only what was dispatched to it, and never who filed it.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct

from handlers.base import Call
from handlers.reading_clear import ClearRequest
from handlers.routing import WORDS, Idempotency, Limit, Raw, Route, staff
from handlers.uploads import file_answer
from kernel.clock import SHANGHAI, local_day
from kernel.errors import Code, NotAllowed, NotFound
from kernel.machine import Actor
from services.complaints.machine import MACHINE
from services.complaints.model import Complaint, ComplaintKind, State
from services.complaints.queries import OPEN
from services.identity.model import Profile


class QueueQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``state``: one, or all that are open. ``department``: for staff who belong to none."""

    state: State | None = None
    department: Annotated[str, Meta(max_length=60)] | None = None


class AcceptRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``kind`` when it is another than the complainant chose; the time limit follows."""

    kind: ComplaintKind | None = None


class DispatchRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    department: Annotated[str, Meta(min_length=1, max_length=60)]


class AnswerRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    answer: Annotated[str, Meta(min_length=1, max_length=2000, pattern=WORDS)]


class ReasonRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Annotated[str, Meta(min_length=1, max_length=200, pattern=WORDS)]


class MergeRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    into: Annotated[str, Meta(min_length=1, max_length=40)]


class Complainant(Struct, kw_only=True):
    """Whom to call back, in clear; what the person has not given is None."""

    name: str | None
    phone: str | None


class DeskComplaint(Struct, kw_only=True):
    """A complaint as staff see it; ``days_left`` until the answer is due, negative when overdue. ``complainant`` only
    for staff of no department, masked, and only in the single view. ``objection``: why the complainant was not content
    with ``first_answer``."""

    id: str
    kind: ComplaintKind
    state: State
    matter: str
    place: str
    happened: str
    photos: list[str]
    suggested: list[str]
    department: str | None
    due: date
    days_left: int
    callback: bool
    answer: str | None
    objection: str | None
    first_answer: str | None
    merged_into: str | None
    created_at: datetime
    actions: list[str]
    complainant: Profile | None = None


class DeskComplaints(Struct, kw_only=True):
    complaints: list[DeskComplaint]


async def queue(call: Call, query: QueueQuery) -> DeskComplaints:
    """The hundred soonest due."""
    states = (query.state,) if query.state else OPEN
    department = call.officer.department or query.department
    found = await call.city.complaint_queries.queue(department, states)
    return DeskComplaints(complaints=[_desk(call, complaint) for complaint in found])


async def read_one(call: Call, complaint_id: str) -> DeskComplaint:
    department = call.officer.department
    complaint = await call.city.complaint_queries.any(complaint_id, department)
    profile = None if department else await call.city.identity_queries.shown(complaint.person)
    return _desk(call, complaint, profile)


async def photo(call: Call, complaint_id: str, file_id: str) -> Raw:
    """A photo of a complaint, for whoever may read the complaint. Who looks at it is written down first."""
    complaint = await call.city.complaint_queries.any(complaint_id, call.officer.department)
    if file_id not in complaint.photos:
        raise NotFound(Code.FILE_NOT_FOUND, file=file_id)
    await call.city.staff.do_note(f"complaint.photo {complaint_id} {file_id}", call.officer.staff_id, call.address)
    return file_answer(*await call.city.file_queries.read(file_id))


async def personal(call: Call, complaint_id: str, body: ClearRequest) -> Complainant:
    """Name and telephone in clear, to call back: only where the complainant agreed to it, and never for staff of a
    department, from whom complainants are shielded. Who read it and why is written down first."""
    if call.officer.department:
        raise NotAllowed(detail="诉求人信息对承办部门保密。", reason="complainants are shielded from departments")
    complaint = await call.city.complaint_queries.any(complaint_id, None)
    if not complaint.callback:
        raise NotAllowed(detail="诉求人没有同意电话回访。", reason="no call-back agreed")
    what = f"complaint.unmask {complaint_id}"
    await call.city.staff.do_read_clear(what, body.reason, call.officer.staff_id, call.address)
    data = await call.city.identity_queries.personal(complaint.person)
    return Complainant(name=data.name, phone=data.phone)


async def accept(call: Call, complaint_id: str, body: AcceptRequest) -> DeskComplaint:
    await _within_reach(call, complaint_id)
    return _desk(call, await call.city.complaints.do_accept(call.officer.staff_id, complaint_id, body.kind))


async def dispatch(call: Call, complaint_id: str, body: DispatchRequest) -> DeskComplaint:
    """Hands it to a department, or on to another."""
    await _within_reach(call, complaint_id)
    return _desk(call, await call.city.complaints.do_dispatch(call.officer.staff_id, complaint_id, body.department))


async def answer(call: Call, complaint_id: str, body: AnswerRequest) -> DeskComplaint:
    """Answers it; the complainant is told. Staff of a department answer what was dispatched to it."""
    officer = call.officer
    done = await call.city.complaints.do_answer(officer.staff_id, complaint_id, body.answer, officer.department)
    return _desk(call, done)


async def merge(call: Call, complaint_id: str, body: MergeRequest) -> DeskComplaint:
    await _within_reach(call, complaint_id)
    return _desk(call, await call.city.complaints.do_merge(call.officer.staff_id, complaint_id, body.into))


async def reject(call: Call, complaint_id: str, body: ReasonRequest) -> DeskComplaint:
    """Not for this city's services; the reason is told to the complainant."""
    await _within_reach(call, complaint_id)
    return _desk(call, await call.city.complaints.do_reject(call.officer.staff_id, complaint_id, body.reason))


async def close(call: Call, complaint_id: str, body: ReasonRequest) -> DeskComplaint:
    await _within_reach(call, complaint_id)
    return _desk(call, await call.city.complaints.do_close(call.officer.staff_id, complaint_id, body.reason))


async def _within_reach(call: Call, complaint_id: str) -> None:
    """Staff of a department act on what was dispatched to it, and know nothing of anything else. Raises NotFound."""
    if call.officer.department:
        await call.city.complaint_queries.any(complaint_id, call.officer.department)


def _desk(call: Call, complaint: Complaint, complainant: Profile | None = None) -> DeskComplaint:
    due = date.fromisoformat(complaint.due)
    return DeskComplaint(
        id=complaint.id,
        kind=complaint.kind,
        state=State(complaint.state),
        matter=complaint.matter,
        place=complaint.place,
        happened=complaint.happened,
        photos=complaint.photos,
        suggested=complaint.suggested,
        department=complaint.department,
        due=due,
        days_left=(due - local_day(call.city.clock.now())).days,
        callback=complaint.callback,
        answer=complaint.answer,
        objection=complaint.objection,
        first_answer=complaint.first_answer,
        merged_into=complaint.merged_into,
        created_at=complaint.created_at.astimezone(SHANGHAI),
        actions=MACHINE.allowed(complaint.state, Actor.STAFF),
        complainant=complainant,
    )


_DESK = staff("agent", "supervisor")
_READ = staff("agent", "supervisor", "approver")
_STEP = (Code.COMPLAINT_NOT_FOUND, Code.ACTION_NOT_ALLOWED, Code.CONFLICT)
_ONE = "/staff/complaints/{complaint_id}"
_WRITE = (Limit.WRITE, Idempotency.KEY)

ROUTES = [
    Route("GET", "/staff/complaints", queue, _READ, Limit.READ, Idempotency.SAFE, "Complaints, the soonest due first"),
    Route("GET", _ONE, read_one, _READ, Limit.READ, Idempotency.SAFE, "Read a complaint", (Code.COMPLAINT_NOT_FOUND,)),
    Route(
        "GET", f"{_ONE}/photos/{{file_id}}", photo, _READ, Limit.READ, Idempotency.SAFE, "Look at a photo, audited",
        (Code.COMPLAINT_NOT_FOUND, Code.FILE_NOT_FOUND), content_type="application/octet-stream",
    ),
    Route(
        "POST", f"{_ONE}/personal-data", personal, _DESK, Limit.WRITE, Idempotency.NATURAL,
        "Whom to call back, in clear; logged", (Code.COMPLAINT_NOT_FOUND, Code.NOT_FOUND),
    ),
    Route("POST", f"{_ONE}/accept", accept, _DESK, *_WRITE, "Accept a complaint", _STEP),
    Route("POST", f"{_ONE}/dispatch", dispatch, _DESK, *_WRITE, "Dispatch a complaint to a department", _STEP),
    Route("POST", f"{_ONE}/answer", answer, _READ, *_WRITE, "Answer a complaint", _STEP),
    Route("POST", f"{_ONE}/merge", merge, _DESK, *_WRITE, "Merge a complaint into another", _STEP),
    Route("POST", f"{_ONE}/reject", reject, _DESK, *_WRITE, "Reject a complaint", _STEP),
    Route("POST", f"{_ONE}/close", close, _DESK, *_WRITE, "Close an answered complaint", _STEP),
]  # fmt: skip
