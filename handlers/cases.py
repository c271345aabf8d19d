"""Staff who work on cases: window and department queues, every step of a case, fees, results, personal data."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from handlers.base import Call
from handlers.case_desk import (
    PersonalView,
    Queue,
    StaffCase,
    StepDone,
    case_view,
    done,
    officer_of,
    party_view,
    queue_view,
)
from handlers.case_views import CaseReceiptView, receipt_view
from handlers.reading_clear import ClearRequest
from handlers.routing import WORDS, Idempotency, Limit, Route, staff
from kernel.errors import Code
from services.cases.model import Given, Party

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=WORDS)]
Names = Annotated[list[Name], Meta(max_length=100)]
Short = Annotated[str, Meta(max_length=40)]
Reason = Annotated[str, Meta(min_length=1, max_length=500, pattern=WORDS)]
Note = Annotated[str, Meta(max_length=500)]
FileIds = Annotated[list[Annotated[str, Meta(min_length=1, max_length=40)]], Meta(max_length=20)]
MaterialFiles = Annotated[dict[Name, FileIds], Meta(max_length=100)]
Answers = Annotated[dict[Annotated[str, Meta(max_length=100)], Any], Meta(max_length=200)]


class PartyBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody as their papers say."""

    name: Annotated[str, Meta(min_length=1, max_length=60)]
    id_number: Short
    phone: Short
    relation: Annotated[str, Meta(max_length=30)] = ""


class ApplyRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An application taken at the window: ``seen`` names the materials whose originals were shown, ``files`` the
    officer's scans of them by material, ``authorisation`` the agent's."""

    item: Annotated[str, Meta(min_length=1, max_length=40)]
    applicant: PartyBody
    agent: PartyBody | None = None
    answers: Answers = {}
    seen: Names = []
    files: MaterialFiles = {}
    authorisation: FileIds = []
    delivery: Short | None = None
    address: Annotated[str, Meta(min_length=1, max_length=200, pattern=WORDS)] | None = None


class QueueQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another centre's or department's queue only for supervisors."""

    centre: Short | None = None
    department: Short | None = None


class OwnedQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``officer``: the staff id of a colleague, only for supervisors."""

    officer: Short | None = None


class HandOverRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``to``: the staff id of the next owner."""

    to: Annotated[str, Meta(min_length=1, max_length=40)]
    note: Reason


class ReasonRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Reason


class NoteRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    note: Note = ""


class NoticeRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that is missing, in one notice. ``reason``: asked for when it is not the first."""

    missing: Annotated[list[Name], Meta(min_length=1, max_length=50)]
    message: Note = ""
    reason: Note = ""


class SeenRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Materials whose originals were shown, and the officer's scans by material (file ids): one of both at least."""

    seen: Names = []
    files: MaterialFiles = {}


class TaskDecision(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    approve: bool
    opinion: Reason


class CaseDecision(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    grant: bool
    opinion: Reason


class ResultRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``number`` of the licence or certificate; ``file``: one that the officer has handed in."""

    name: Name
    number: Annotated[str, Meta(max_length=60)] = ""
    file: Short | None = None


class CorrectionRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The result as it should have been recorded, and why. ``file``: another; without one the present file stays."""

    name: Name
    number: Annotated[str, Meta(max_length=60)] = ""
    file: Short | None = None
    note: Reason


class ChargeRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many of each fee line of the item; the amounts are the item's."""

    quantities: Annotated[dict[Name, Annotated[int, Meta(ge=1, le=1000)]], Meta(min_length=1, max_length=50)]


class IssueRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``tracking``: of the post, where the resident chose it."""

    tracking: Annotated[str, Meta(max_length=40, pattern=r"^\S*$")] = ""


async def window_queue(call: Call, query: QueueQuery) -> Queue:
    """What waits at a centre's windows: to be accepted, to be handed over."""
    return queue_view(call, await call.city.case_queries.window_queue(officer_of(call), query.centre))


async def owned_cases(call: Call, query: OwnedQuery) -> Queue:
    """What an officer answers for, also while it waits for its applicant or is paused."""
    return queue_view(call, await call.city.case_queries.owned(officer_of(call), query.officer))


async def department_queue(call: Call, query: QueueQuery) -> Queue:
    """What waits in a department: tasks, decisions, results."""
    return queue_view(call, await call.city.case_queries.department_queue(officer_of(call), query.department))


async def show_case(call: Call, case_id: str) -> StaffCase:
    return await case_view(call, await call.city.case_queries.for_officer(officer_of(call), case_id))


async def receipt(call: Call, case_id: str) -> CaseReceiptView:
    """What an applicant at a window takes home: with number and query code they look it up without an account."""
    case = await call.city.case_queries.for_officer(officer_of(call), case_id)
    return receipt_view(call.city.case_queries.receipt(case))


async def find_case(call: Call, number: str) -> StaffCase:
    """By the number on the receipt."""
    return await case_view(call, await call.city.case_queries.by_number(officer_of(call), number))


async def apply(call: Call, body: ApplyRequest) -> StepDone:
    """Applies for a resident at the officer's own centre, whatever centre the item belongs to."""
    agent = None if body.agent is None else _party(body.agent)
    given = Given(
        answers=body.answers, materials=body.files, way=body.delivery, address=body.address, principal=agent,
        authorisation=body.authorisation,
    )  # fmt: skip
    case = await call.city.cases.do_apply(officer_of(call), body.item, _party(body.applicant), given, body.seen)
    return done(call, case)


async def take(call: Call, case_id: str) -> StepDone:
    """Becomes the officer who answers for the case."""
    return done(call, await call.city.cases.do_take(officer_of(call), case_id))


async def hand_over(call: Call, case_id: str, body: HandOverRequest) -> StepDone:
    return done(call, await call.city.cases.do_hand_over(officer_of(call), case_id, body.to, body.note))


async def see_originals(call: Call, case_id: str, body: SeenRequest) -> StepDone:
    return done(call, await call.city.cases.do_see_originals(officer_of(call), case_id, body.seen, body.files))


async def accept(call: Call, case_id: str) -> StepDone:
    """Accepts: the limits start, the departments' tasks open."""
    return done(call, await call.city.cases.do_accept(officer_of(call), case_id))


async def refuse(call: Call, case_id: str, body: ReasonRequest) -> StepDone:
    return done(call, await call.city.cases.do_refuse(officer_of(call), case_id, body.reason))


async def request_supplement(call: Call, case_id: str, body: NoticeRequest) -> StepDone:
    """Tells everything that is missing at once; the clock stands still."""
    args = (officer_of(call), case_id, body.missing, body.message, body.reason)
    return done(call, await call.city.cases.do_request_supplement(*args))


async def supplied(call: Call, case_id: str, body: SeenRequest) -> StepDone:
    """The resident has brought what was missing to the window."""
    return done(call, await call.city.cases.do_supplement_at_window(officer_of(call), case_id, body.seen, body.files))


async def proceed(call: Call, case_id: str, body: ReasonRequest) -> StepDone:
    """Goes on without what a notice asked for, once its time is over."""
    return done(call, await call.city.cases.do_proceed(officer_of(call), case_id, body.reason))


async def pause(call: Call, case_id: str, body: ReasonRequest) -> StepDone:
    return done(call, await call.city.cases.do_pause(officer_of(call), case_id, body.reason))


async def resume(call: Call, case_id: str, body: NoteRequest) -> StepDone:
    return done(call, await call.city.cases.do_resume(officer_of(call), case_id, body.note))


async def take_task(call: Call, case_id: str, task: str) -> StepDone:
    return done(call, await call.city.cases.do_take_task(officer_of(call), case_id, task))


async def release_task(call: Call, case_id: str, task: str, body: ReasonRequest) -> StepDone:
    """Gives a taken task back to its department: who took it, or a supervisor when that officer is away."""
    return done(call, await call.city.cases.do_release_task(officer_of(call), case_id, task, body.reason))


async def decide_task(call: Call, case_id: str, task: str, body: TaskDecision) -> StepDone:
    """A department's opinion on its task; only once."""
    args = (officer_of(call), case_id, task, body.approve, body.opinion)
    return done(call, await call.city.cases.do_decide_task(*args))


async def decide(call: Call, case_id: str, body: CaseDecision) -> StepDone:
    """The decision of the item's department; the clock stops."""
    return done(call, await call.city.cases.do_decide(officer_of(call), case_id, body.grant, body.opinion))


async def record_result(call: Call, case_id: str, body: ResultRequest) -> StepDone:
    args = (officer_of(call), case_id, body.name, body.number, body.file)
    return done(call, await call.city.cases.do_record_result(*args))


async def correct_result(call: Call, case_id: str, body: CorrectionRequest) -> StepDone:
    """Corrects a result; one that was handed over waits to be handed over anew."""
    args = (officer_of(call), case_id, body.name, body.number, body.file, body.note)
    return done(call, await call.city.cases.do_correct_result(*args))


async def charge(call: Call, case_id: str, body: ChargeRequest) -> StepDone:
    """A bill over fee lines of the item."""
    args = (officer_of(call), case_id, body.quantities)
    return done(call, await call.city.cases.do_charge(*args, request_key=call.request_key))


async def issue(call: Call, case_id: str, body: IssueRequest) -> StepDone:
    """Hands the result over in the way that the resident chose."""
    return done(call, await call.city.cases.do_issue(officer_of(call), case_id, body.tracking))


async def close(call: Call, case_id: str) -> StepDone:
    return done(call, await call.city.cases.do_close(officer_of(call), case_id))


async def unmask(call: Call, case_id: str, body: ClearRequest) -> PersonalView:
    """Personal data in clear; who read it and why is written down first."""
    personal = await call.city.cases.do_unmask(officer_of(call), case_id, body.reason)
    return PersonalView(
        applicant=party_view(personal.applicant),
        agent=party_view(personal.agent),
        answers=personal.answers,
        address=personal.address,
    )


def _party(body: PartyBody) -> Party:
    return Party(name=body.name, id_number=body.id_number, phone=body.phone, relation=body.relation)


_WINDOW = staff("window_officer", "supervisor")
_APPROVER = staff("approver")
_ANY = staff("window_officer", "approver", "supervisor")
_READ = (Limit.READ, Idempotency.SAFE)
_WRITE = (Limit.WRITE, Idempotency.KEY)
_FOUND = (Code.CASE_NOT_FOUND,)
_STEP = (Code.CASE_NOT_FOUND, Code.ACTION_NOT_ALLOWED, Code.CONFLICT)
_OWN = (*_STEP, Code.NOT_CASE_OWNER)
_SCANS = (*_OWN, Code.FILE_NOT_FOUND)
_TASK = (*_STEP, Code.TASK_NOT_FOUND, Code.WRONG_DEPARTMENT, Code.CASE_TAKEN)
_CASE = "/staff/cases/{case_id}"

ROUTES = [
    Route("GET", "/staff/queues/window", window_queue, _WINDOW, *_READ, "The queue of a centre's windows"),
    Route(
        "GET", "/staff/queues/department", department_queue, staff("approver", "supervisor"), *_READ,
        "The queue of a department",
    ),
    Route("GET", "/staff/queues/mine", owned_cases, _WINDOW, *_READ, "What an officer answers for"),
    Route("GET", _CASE, show_case, _ANY, *_READ, "Read a case", _FOUND),
    Route("GET", _CASE + "/receipt", receipt, _WINDOW, *_READ, "The receipt to print", _FOUND),
    Route("GET", "/staff/cases/by-number/{number}", find_case, _ANY, *_READ, "Find a case by its number", _FOUND),
    Route(
        "POST", "/staff/cases", apply, _WINDOW, *_WRITE, "Apply at a window",
        (Code.ITEM_NOT_FOUND, Code.INVALID_ID_NUMBER, Code.INVALID_PHONE, Code.FILE_NOT_FOUND), 201,
    ),
    Route("POST", _CASE + "/take", take, _WINDOW, *_WRITE, "Take a case", (*_STEP, Code.CASE_TAKEN)),
    Route("POST", _CASE + "/hand-over", hand_over, _WINDOW, *_WRITE, "Hand a case over", _OWN),
    Route("POST", _CASE + "/originals", see_originals, _WINDOW, *_WRITE, "Originals were shown", _SCANS),
    Route("POST", _CASE + "/accept", accept, _WINDOW, *_WRITE, "Accept", _OWN),
    Route("POST", _CASE + "/refuse", refuse, _WINDOW, *_WRITE, "Do not accept", (*_OWN, Code.SUPPLEMENT_NOT_DUE)),
    Route(
        "POST", _CASE + "/notices", request_supplement, _WINDOW, *_WRITE, "Tell what is missing",
        (*_OWN, Code.NOTICE_REASON_REQUIRED),
    ),
    Route("POST", _CASE + "/supplied", supplied, _WINDOW, *_WRITE, "What was missing was brought", _SCANS),
    Route(
        "POST", _CASE + "/proceed", proceed, _WINDOW, *_WRITE, "Go on without what was asked for",
        (*_OWN, Code.SUPPLEMENT_NOT_DUE),
    ),
    Route("POST", _CASE + "/pause", pause, _WINDOW, *_WRITE, "Stop the clock", _OWN),
    Route("POST", _CASE + "/resume", resume, _WINDOW, *_WRITE, "Let the clock go on", _OWN),
    Route("POST", _CASE + "/tasks/{task}/take", take_task, _APPROVER, *_WRITE, "Take a task", _TASK),
    Route(
        "POST", _CASE + "/tasks/{task}/release", release_task, staff("approver", "supervisor"), *_WRITE,
        "Give a task back", _TASK,
    ),
    Route("POST", _CASE + "/tasks/{task}/decision", decide_task, _APPROVER, *_WRITE, "Decide a task", _TASK),
    Route(
        "POST", _CASE + "/decision", decide, _APPROVER, *_WRITE, "Decide a case",
        (*_STEP, Code.WRONG_DEPARTMENT, Code.TASKS_PENDING, Code.TASK_REJECTED),
    ),
    Route(
        "POST", _CASE + "/result", record_result, _APPROVER, *_WRITE, "Record the result",
        (*_STEP, Code.WRONG_DEPARTMENT, Code.FILE_NOT_FOUND),
    ),
    Route(
        "POST", _CASE + "/result/correction", correct_result, _APPROVER, *_WRITE, "Correct the result",
        (*_STEP, Code.WRONG_DEPARTMENT, Code.FILE_NOT_FOUND),
    ),
    Route("POST", _CASE + "/charge", charge, _WINDOW, *_WRITE, "Charge a fee", (*_OWN, Code.NO_ACCOUNT)),
    Route("POST", _CASE + "/issue", issue, _WINDOW, *_WRITE, "Hand the result over", (*_OWN, Code.BILL_UNPAID)),
    Route("POST", _CASE + "/close", close, _WINDOW, *_WRITE, "Close", _OWN),
    Route(
        "POST", _CASE + "/personal-data", unmask, _ANY, Limit.WRITE, Idempotency.NATURAL,
        "Personal data in clear, audited", _FOUND,
    ),
]  # fmt: skip
