"""What all steps of a case have in common: who may, the guarded write, the queues and the timer that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from kernel.clock import Clock
from kernel.errors import Code, Conflict, NotAllowed, NotFound
from kernel.ids import Ids
from kernel.limits import Mark, Sign
from kernel.machine import Actor, Edge
from kernel.workdays import WorkdayTable
from services.cases.clocks import wake_at
from services.cases.machine import MACHINE, TASK
from services.cases.model import (
    AT_THE_DESK,
    IN_DEPARTMENTS,
    TO_DO,
    Case,
    CaseRules,
    CaseTask,
    Officer,
    State,
    TaskState,
)
from services.cases.store import CaseStore
from services.catalogue.queries import Catalogue
from services.centres.queries import Centres
from services.files.actions import Files, versioned_use
from services.identity.queries import IdentityQueries
from services.identity.staff.actions import Staff
from services.identity.staff.queries import StaffQueries
from services.payments.actions import Payments
from services.payments.queries import PaymentQueries
from services.store import Step

# How often a step that lost a race for its case decides again on the newer one.
STEP_ATTEMPTS = 4


@dataclass(frozen=True)
class Around:
    """What cases stand on."""

    store: CaseStore
    catalogue: Catalogue
    centres: Centres
    identity: IdentityQueries
    staff: Staff
    staff_queries: StaffQueries
    files: Files
    payments: Payments
    payment_queries: PaymentQueries
    workdays: WorkdayTable
    clock: Clock
    ids: Ids
    rules: CaseRules


@dataclass(frozen=True)
class Change:
    """What a step changes in the case (None removes) and what its event tells beside the usual."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)


Decide = Callable[[Case], Change]
May = Callable[[Case], None]


class CaseWork:
    """The guarded step. Every ``do_*`` of cases ends in ``_step`` or ``_create``."""

    def __init__(self, around: Around) -> None:
        self._around = around
        self._store = around.store
        self._clock = around.clock

    async def _step(
        self, case_id: str, action: str, actor: Actor, by: str, may: May, decide: Decide, note: str = ""
    ) -> Case:
        """Read, decide, write under the version's guard; decides again when somebody was faster."""
        for _ in range(STEP_ATTEMPTS):
            case = await self._require(case_id, may)
            edge = MACHINE.step(case.state, action, actor)
            written = await self._write(case, edge, actor, by, decide(case), note)
            if written is not None:
                return written
        raise Conflict

    async def _step_with(
        self,
        files: Sequence[str],
        case: Case,
        action: str,
        actor: Actor,
        by: str,
        may: May,
        decide: Decide,
        note: str = "",
    ) -> Case:
        """A step from a case already read, which refers to ``files`` of ``by`` from now on. Raises FILE_NOT_FOUND."""
        current = case
        for _ in range(STEP_ATTEMPTS):
            edge, change = MACHINE.step(current.state, action, actor), decide(current)
            mark = await self._mark(by, files, current.id, current.version + 1)
            written = await self._write(current, edge, actor, by, change, note)
            if written is not None:
                return written
            await self._unmark(files, mark)
            current = await self._require(case.id, may)
        raise Conflict

    async def _mark(
        self, owner: str, files: Sequence[str], case_id: str, version: int, reused: Sequence[str] = ()
    ) -> str:
        """Marks files of the owner as used by a version about to be written; how, for ``_unmark``.

        ``reused``: files of earlier cases, which windows may have handed in. They stay for this case whatever happens
        to that one. Raises NotFound FILE_NOT_FOUND for files that are not the owner's.
        """
        use = versioned_use(case_id, version, self._around.ids.token()[:8])
        if files:
            await self._around.files.do_use(owner, files, use)
        await self._around.files.do_share(reused, use)
        return use

    async def _unmark(self, files: Sequence[str], use: str) -> None:
        """The version was not written: somebody was faster."""
        if files:
            await self._around.files.do_release(files, use)

    async def _write(
        self, case: Case, edge: Edge, actor: Actor, by: str, change: Change, note: str = ""
    ) -> Case | None:
        """One guarded write of a change and of all that follows from it; None when somebody was faster."""
        after = msgspec.structs.replace(case, state=edge.target, **change.fields)
        fields = dict(change.fields) | self._following(case, after)
        stored = {key: msgspec.to_builtins(value, builtin_types=(datetime, bytes)) for key, value in fields.items()}
        data = self._told(after) | dict(change.told)
        if dropped := sorted(case.files() - after.files()):
            data["files"] = dropped
        return await self._store.step(case, Step(edge, actor, by, note, stored, data))

    def _following(self, before: Case, after: Case) -> dict[str, Any]:
        """Queues and timer, which are never set by hand."""
        now = self._clock.now()
        desk = after.centre if after.state in AT_THE_DESK else None
        departments = waiting_departments(after) or None
        fields: dict[str, Any] = {"wake_at": wake_at(after, self._around.workdays, now, self._around.rules)}
        fields |= {"desk": desk, "departments": departments}
        if not (desk or departments):
            fields["queued_at"] = None
        elif (before.desk, before.departments) != (desk, departments) or before.queued_at is None:
            fields["queued_at"] = now
        return fields

    async def _require(self, case_id: str, may: May) -> Case:
        """A case that the caller may act on; ``may`` raises for one they may not."""
        case = await self._store.get(case_id)
        if case is None:
            raise NotFound(Code.CASE_NOT_FOUND, case=case_id)
        may(case)
        return case

    def _told(self, case: Case) -> dict[str, Any]:
        """What consumers need to know: ids and facts, nothing personal."""
        return {
            "person": case.person,
            "case_id": case.id,
            "number": case.number or "",
            "item": case.item,
            "item_name": case.item_name,
            "centre": case.centre,
            "centre_name": self._centre_name(case.centre),
            "department": case.department,
            "owner": case.owner,
        }

    def _centre_name(self, code: str) -> str:
        return next((centre.name for centre in self._around.centres.all() if centre.code == code), "政务服务中心")

    def _paused(self, case: Case, reason: str) -> dict[str, Any]:
        """The clock stopped for a while, when it runs at all."""
        running = bool(case.clock) and case.clock[-1].sign in (Sign.START, Sign.RESUME)
        return {"clock": [*case.clock, Mark(Sign.PAUSE, self._clock.now(), reason)]} if running else {}

    def _resumed(self, case: Case) -> dict[str, Any]:
        paused = bool(case.clock) and case.clock[-1].sign is Sign.PAUSE
        return {"clock": [*case.clock, Mark(Sign.RESUME, self._clock.now())]} if paused else {}

    def _stopped(self, case: Case) -> dict[str, Any]:
        going = bool(case.clock) and case.clock[-1].sign is not Sign.STOP
        return {"clock": [*case.clock, Mark(Sign.STOP, self._clock.now())]} if going else {}


def opened(tasks: list[CaseTask], now: datetime) -> list[CaseTask]:
    """The tasks with those open that no longer wait for another."""
    done = {task.code for task in tasks if task.state == TaskState.APPROVED}
    return [
        msgspec.structs.replace(
            task, state=TaskState(TASK.step(task.state, "open", Actor.SYSTEM).target), opened_at=now
        )
        if task.state == TaskState.WAITING and done.issuperset(task.after)
        else task
        for task in tasks
    ]


def waiting_departments(case: Case) -> list[str]:
    """The departments that have something to do: their tasks, then the item's own the decision and the result."""
    if case.state not in IN_DEPARTMENTS:
        return []
    doing = [task.department for task in case.tasks if task.state in TO_DO]
    return sorted(set(doing)) or [case.department]


def own(person: str) -> May:
    """A resident acts on cases of their own; a foreign one is not told from one that does not exist."""

    def may(case: Case) -> None:
        if not person or case.person != person or case.state == State.DISCARDED:
            raise NotFound(Code.CASE_NOT_FOUND, case=case.id)

    return may


def at_window(officer: Officer) -> May:
    """A case of the officer's centre that is nobody else's (首问负责)."""

    def may(case: Case) -> None:
        in_centre(officer)(case)
        if case.owner and case.owner != officer.id and not officer.supervises:
            raise NotAllowed(Code.NOT_CASE_OWNER, owner=case.owner)

    return may


def in_centre(officer: Officer) -> May:
    def may(case: Case) -> None:
        elsewhere = officer.centre is not None and officer.centre != case.centre and not officer.supervises
        if elsewhere or case.state in (State.DRAFT, State.DISCARDED):
            raise NotFound(Code.CASE_NOT_FOUND, case=case.id)

    return may


def in_department(officer: Officer) -> May:
    """A case on which the officer's department works or decides."""

    def may(case: Case) -> None:
        departments = {case.department, *(task.department for task in case.tasks)}
        if case.state in (State.DRAFT, State.DISCARDED) or officer.department not in departments:
            raise NotFound(Code.CASE_NOT_FOUND, case=case.id)

    return may


def decides(officer: Officer) -> May:
    """The item's own department decides and makes the result."""

    def may(case: Case) -> None:
        in_department(officer)(case)
        if officer.department != case.department:
            raise NotAllowed(Code.WRONG_DEPARTMENT, department=case.department)

    return may


def reads(officer: Officer) -> May:
    """Supervisors read all cases, others those of their centre or their department."""

    def may(case: Case) -> None:
        if officer.supervises and case.state not in (State.DRAFT, State.DISCARDED):
            return
        try:
            in_department(officer)(case)
        except NotFound:
            if officer.department is not None and officer.centre is None:
                raise
            in_centre(officer)(case)

    return may
