"""What staff are shown of cases: queues, a case with its people masked, what a step leads to."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from msgspec import Struct

from handlers.base import Call
from handlers.case_views import (
    ClockView,
    HandoverView,
    MaterialView,
    NoticeView,
    ProgressView,
    ResultView,
    clock_view,
    local,
    material_views,
    notice_views,
    outcome_views,
    progress_view,
)
from kernel.clock import SHANGHAI
from kernel.machine import Actor
from services.cases.clocks import open_notice
from services.cases.machine import MACHINE
from services.cases.model import Case, Officer, Party
from services.identity.staff.model import Role
from services.payments.model import Bill, SubjectKind


class PartyView(Struct, kw_only=True):
    name: str
    id_number: str
    phone: str
    relation: str


class TaskView(Struct, kw_only=True):
    code: str
    name: str
    department: str
    after: list[str]
    state: str
    officer: str
    opinion: str
    opened_at: datetime | None
    taken_at: datetime | None
    decided_at: datetime | None
    clock: ClockView | None


class StepView(Struct, kw_only=True):
    """One step of the history: who did what when."""

    at: datetime
    action: str
    state: str
    actor: str
    by: str
    note: str


class QueueEntry(Struct, kw_only=True):
    """A case in a queue; the person is not shown. ``until``: by when the applicant is to hand in what is
    missing; ``late``: they have not."""

    id: str
    number: str
    item: str
    item_name: str
    state: str
    channel: str
    centre: str
    owner: str
    tasks: list[TaskView]
    clocks: dict[str, ClockView]
    queued_at: datetime | None
    until: date | None
    late: bool
    actions: list[str]


class Queue(Struct, kw_only=True):
    cases: list[QueueEntry]


class CaseBill(Struct, kw_only=True):
    """A fee of a case or an appointment: what was asked for and how it stands: open, paid, part_refunded, refunded,
    cancelled."""

    id: str
    amount_fen: int
    refunded_fen: int
    state: str
    paid_at: datetime | None


class StaffCase(Struct, kw_only=True):
    """A case with its people masked; ``clocks``: "promised", "legal", "task:<code>"; ``authorisation``: file ids.

    ``sources``: where answers that were not asked again come from, by field. ``bills``: its fees, the newest first."""

    id: str
    item: str
    item_version: int
    department: str
    channel: str
    centre: str
    owner: str
    progress: ProgressView
    clocks: dict[str, ClockView]
    applicant: PartyView | None
    agent: PartyView | None
    answers: dict[str, Any]
    sources: dict[str, str]
    materials: list[MaterialView]
    authorisation: list[str]
    delivery: str
    tasks: list[TaskView]
    notices: list[NoticeView]
    bills: list[CaseBill]
    opinion: str
    result: ResultView | None
    handover: HandoverView | None
    history: list[StepView]
    actions: list[str]


class StepDone(Struct, kw_only=True):
    """What a step leads to; read the case for all of it."""

    id: str
    number: str
    state: str
    owner: str
    clocks: dict[str, ClockView]
    tasks: list[TaskView]
    actions: list[str]


class PersonalView(Struct, kw_only=True):
    """The personal data of a case in clear. Reading it is written into the audit."""

    applicant: PartyView | None
    agent: PartyView | None
    answers: dict[str, Any]
    address: str


def officer_of(call: Call) -> Officer:
    session = call.officer
    return Officer(session.staff_id, session.centre, session.department, Role.SUPERVISOR in session.roles, call.address)


def party_view(party: Party | None) -> PartyView | None:
    if party is None:
        return None
    return PartyView(name=party.name, id_number=party.id_number, phone=party.phone, relation=party.relation)


def fee_view(bill: Bill) -> CaseBill:
    return CaseBill(
        id=bill.id, amount_fen=bill.amount_fen, refunded_fen=bill.refunded_fen, state=bill.state,
        paid_at=local(bill.paid_at),
    )  # fmt: skip


def _actions(call: Call, case: Case) -> list[str]:
    """What staff can do now: a first notice and a second are two actions, of which one is right; what a notice asks for
    is waited for until its time is over."""
    wrong = {"request_supplement" if case.notices else "request_second_supplement"}
    if not call.city.case_queries.notice_over(case):
        wrong |= {"proceed", "refuse"} if open_notice(case) else {"proceed"}
    return [action for action in MACHINE.allowed(case.state, Actor.STAFF) if action not in wrong]


def _clocks(call: Call, case: Case) -> dict[str, ClockView]:
    return {name: clock_view(reading) for name, reading in call.city.case_queries.clocks(case).items()}


def _tasks(case: Case, clocks: dict[str, ClockView]) -> list[TaskView]:
    return [
        TaskView(
            code=task.code, name=task.name, department=task.department, after=task.after, state=task.state,
            officer=task.officer, opinion=task.opinion, opened_at=local(task.opened_at),
            taken_at=local(task.taken_at), decided_at=local(task.decided_at), clock=clocks.get(f"task:{task.code}"),
        )
        for task in case.tasks
    ]  # fmt: skip


def queue_view(call: Call, cases: list[Case]) -> Queue:
    entries = []
    for case in cases:
        clocks, notice = _clocks(call, case), open_notice(case)
        entries.append(
            QueueEntry(
                id=case.id, number=case.number or "", item=case.item, item_name=case.item_name, state=case.state,
                channel=case.channel, centre=case.centre, owner=case.owner, tasks=_tasks(case, clocks),
                clocks=clocks, queued_at=local(case.queued_at), until=None if notice is None else notice.until,
                late=call.city.case_queries.notice_over(case), actions=_actions(call, case),
            )
        )  # fmt: skip
    return Queue(cases=entries)


def done(call: Call, case: Case) -> StepDone:
    clocks = _clocks(call, case)
    return StepDone(
        id=case.id, number=case.number or "", state=case.state, owner=case.owner, clocks=clocks,
        tasks=_tasks(case, clocks), actions=_actions(call, case),
    )  # fmt: skip


async def case_view(call: Call, case: Case) -> StaffCase:
    queries = call.city.case_queries
    applicant, agent, answers = await queries.masked(case)
    bills = await call.city.payment_queries.of_subject(SubjectKind.CASE, case.id)
    clocks = _clocks(call, case)
    return StaffCase(
        id=case.id,
        item=case.item,
        item_version=case.item_version,
        department=case.department,
        channel=case.channel,
        centre=case.centre,
        owner=case.owner,
        progress=progress_view(queries.progress(case)),
        clocks=clocks,
        applicant=party_view(applicant),
        agent=party_view(agent),
        answers=answers,
        sources=case.sources,
        materials=material_views(case.materials),
        authorisation=case.agent_files,
        delivery="" if case.delivery is None else case.delivery.way,
        tasks=_tasks(case, clocks),
        notices=notice_views(case.notices),
        bills=[fee_view(bill) for bill in bills],
        opinion=case.opinion,
        history=[
            StepView(
                at=entry.at.astimezone(SHANGHAI), action=entry.action, state=entry.to, actor=entry.actor, by=entry.by,
                note=entry.note,
            )
            for entry in case.history
        ],
        actions=_actions(call, case),
        **outcome_views(case),
    )  # fmt: skip
