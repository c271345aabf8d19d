"""What departments do: take and decide tasks, decide, record the result; and the way out: fees, issue, close."""

from __future__ import annotations

import msgspec

from kernel.errors import ActionNotAllowed, Code, Conflict, InvalidInput, NotAllowed, NotFound
from kernel.machine import Actor
from services.cases.machine import MACHINE, TASK
from services.cases.model import TO_DO, Case, CaseResult, CaseTask, Handover, Officer, Personal, TaskState
from services.cases.window import Window
from services.cases.work import STEP_ATTEMPTS, Change, at_window, decides, in_department, opened, reads
from services.catalogue.model import Delivery as Way
from services.payments.fees import fee_lines
from services.payments.model import BillState, SubjectKind

# States in which nothing more is done for a case, and what its bills say then.
CAME_TO_NOTHING = {"withdrawn": "办件已撤回", "refused": "申请不予受理"}


class Approval(Window):
    """Steps of departments and the way out of the house (统一出件)."""

    async def do_take_task(self, officer: Officer, case_id: str, code: str) -> Case:
        """Raises Conflict CASE_TAKEN when a colleague has the task, NotAllowed WRONG_DEPARTMENT, NotFound."""

        def decide(case: Case) -> Change:
            task = self._task(case, code, officer)
            if task.state == TaskState.TAKEN:
                raise Conflict(Code.CASE_TAKEN, owner=task.officer)
            target = TASK.step(task.state, "take", Actor.STAFF).target
            taken = msgspec.structs.replace(
                task, state=TaskState(target), officer=officer.id, taken_at=self._clock.now()
            )
            return Change({"tasks": with_task(case.tasks, taken)}, {"task": code})

        return await self._step(case_id, "take_task", Actor.STAFF, officer.id, in_department(officer), decide, code)

    async def do_release_task(self, officer: Officer, case_id: str, code: str, note: str) -> Case:
        """A taken task is anybody's of its department again: given back by who took it, or by a supervisor when that
        officer is away. The task's clock goes on: it is the department's, not the officer's.

        Raises NotFound TASK_NOT_FOUND, NotAllowed WRONG_DEPARTMENT, Conflict CASE_TAKEN for a colleague's task.
        """

        name = self._task(await self._require(case_id, reads(officer)), code, officer, supervised=True).name

        def decide(case: Case) -> Change:
            task = self._task(case, code, officer, supervised=True)
            target = TASK.step(task.state, "release", Actor.STAFF).target
            if task.officer != officer.id and not officer.supervises:
                raise Conflict(Code.CASE_TAKEN, owner=task.officer)
            free = msgspec.structs.replace(task, state=TaskState(target), officer="", taken_at=None)
            return Change({"tasks": with_task(case.tasks, free)}, {"task": code, "from_officer": task.officer})

        return await self._step(
            case_id, "release_task", Actor.STAFF, officer.id, reads(officer), decide, f"{name}：{note}"
        )

    async def do_decide_task(self, officer: Officer, case_id: str, code: str, approve: bool, opinion: str) -> Case:
        """A department's opinion. Once: a second one is refused. The tasks that waited for this one open.

        Raises NotFound TASK_NOT_FOUND, NotAllowed WRONG_DEPARTMENT, Conflict CASE_TAKEN, ActionNotAllowed.
        """
        action = "approve" if approve else "reject"

        def decide(case: Case) -> Change:
            task = self._task(case, code, officer)
            edge = TASK.step(task.state, action, Actor.STAFF)
            if task.state == TaskState.TAKEN and task.officer != officer.id:
                raise Conflict(Code.CASE_TAKEN, owner=task.officer)
            now = self._clock.now()
            decided = msgspec.structs.replace(
                task, state=TaskState(edge.target), officer=officer.id, opinion=opinion, decided_at=now
            )
            tasks = opened(with_task(case.tasks, decided), now)
            return Change({"tasks": tasks}, {"task": code, "approved": approve})

        return await self._step(case_id, "decide_task", Actor.STAFF, officer.id, in_department(officer), decide, code)

    async def do_decide(self, officer: Officer, case_id: str, grant: bool, opinion: str) -> Case:
        """The decision of the item's department; the clock stops. Granting needs every task approved, denying that
        none is open or that one was rejected. Raises Conflict TASKS_PENDING, TASK_REJECTED."""

        def decide(case: Case) -> Change:
            rejected = any(task.state == TaskState.REJECTED for task in case.tasks)
            pending = [task.code for task in case.tasks if task.state in TO_DO or task.state == TaskState.WAITING]
            if grant and rejected:
                raise Conflict(Code.TASK_REJECTED)
            if pending and not rejected:
                raise Conflict(Code.TASKS_PENDING, tasks=pending)
            fields = {"opinion": opinion, "tasks": cancelled(case.tasks)} | self._stopped(case)
            return Change(fields, {"granted": grant})

        action = "grant" if grant else "deny"
        return await self._step(case_id, action, Actor.STAFF, officer.id, decides(officer), decide, opinion)

    async def do_record_result(
        self, officer: Officer, case_id: str, name: str, number: str = "", file: str | None = None
    ) -> Case:
        """The document that was made: a licence, a certificate, a decision. It goes to the window or the post.

        ``file``: one that the officer has handed in. Raises NotFound FILE_NOT_FOUND, InvalidInput without a file where
        the file is all that the resident gets.
        """
        case = await self._require(case_id, decides(officer))
        MACHINE.step(case.state, "record_result", Actor.STAFF)
        if file is None and electronic(case):
            raise no_file()
        result = CaseResult(name=name, number=number, file=file, at=self._clock.now())
        files = [] if file is None else [file]
        return await self._step_with(
            files, case, "record_result", Actor.STAFF, officer.id, decides(officer),
            lambda case: Change({"result": result}),
        )  # fmt: skip

    async def do_correct_result(
        self, officer: Officer, case_id: str, name: str, number: str, file: str | None, note: str
    ) -> Case:
        """A result that was recorded wrongly; if it was handed over, it is to be handed over anew. ``file``: None keeps
        the one it has; another takes its place. Raises NotFound FILE_NOT_FOUND, InvalidInput as ``do_record_result``.
        """
        case = await self._require(case_id, decides(officer))
        MACHINE.step(case.state, "correct_result", Actor.STAFF)
        now = self._clock.now()

        def decide(case: Case) -> Change:
            kept = file or (case.result.file if case.result is not None else None)
            if kept is None and electronic(case):
                raise no_file()
            result = CaseResult(name=name, number=number, file=kept, at=now)
            # Whoever has the wrong one in hand is told; of one that nobody was given there is nothing to tell.
            return Change({"result": result, "handover": None}, told={"taken_back": case.handover is not None})

        decide(case)
        files = [] if file is None else [file]
        return await self._step_with(
            files, case, "correct_result", Actor.STAFF, officer.id, decides(officer), decide, note
        )

    async def do_charge(
        self, officer: Officer, case_id: str, quantities: dict[str, int], *, request_key: str | None = None
    ) -> Case:
        """A bill over fee lines of the item's version: the amounts are the version's, only quantities are given.

        Raises InvalidInput for a line the item does not have, Conflict NO_ACCOUNT when nobody could pay it in the app.
        """
        case = await self._require(case_id, at_window(officer))
        MACHINE.step(case.state, "charge", Actor.STAFF)
        if not case.person:
            raise Conflict(Code.NO_ACCOUNT)
        content = (await self._around.catalogue.version(case.item, case.item_version)).content
        # The case's version names the request: of two officers who charge the same state, one makes the bill.
        bill = await self._around.payments.do_bill(
            subject_kind=SubjectKind.CASE, subject=case_id, person=case.person or None, title=case.item_name[:127],
            lines=fee_lines(content, quantities), by=officer.id, actor=Actor.STAFF, payee=case.department,
            request_key=request_key or f"case:{case_id}:{case.version}",
        )  # fmt: skip
        told = {"bill_id": bill.id, "amount_fen": bill.amount_fen}
        for _ in range(STEP_ATTEMPTS):
            if any(step.action == "charge" and step.note == bill.id for step in case.history):
                # Asked for twice at once: the other has written it down.
                return case
            try:
                edge = MACHINE.step(case.state, "charge", Actor.STAFF)
            except ActionNotAllowed:
                # It was issued or came to nothing meanwhile: nobody is left with a bill that no case knows.
                await self._around.payments.do_cancel_bill(bill.id, "", "办件已办结", Actor.SYSTEM)
                raise
            written = await self._write(case, edge, Actor.STAFF, officer.id, Change(told=told), bill.id)
            if written is not None:
                return written
            case = await self._require(case_id, at_window(officer))
        raise Conflict

    async def do_drop_fees(self, case_id: str) -> None:
        """Nobody has to pay any more what is open of a case that came to nothing; what is paid was for work done, and
        staff refund it where they see fit. Does nothing the second time, or while the case goes on.

        A payment that is under way ends with its bill, and what is paid all the same goes back.
        """
        case = await self._store.get(case_id)
        if case is None or case.state not in CAME_TO_NOTHING:
            return
        for bill in await self._around.payment_queries.of_subject(SubjectKind.CASE, case_id):
            if bill.state == BillState.OPEN:
                try:
                    reason = CAME_TO_NOTHING[case.state]
                    await self._around.payments.do_cancel_bill(bill.id, "", reason, Actor.SYSTEM)
                except ActionNotAllowed:
                    continue  # paid, or cancelled by somebody else, at this moment

    async def do_issue(self, officer: Officer, case_id: str, tracking: str = "") -> Case:
        """Hands the result over in the way the resident chose; by post with the tracking number.

        Raises Conflict BILL_UNPAID with the bills, InvalidInput without a tracking number, or without the file where
        the file is all that the resident gets.
        """
        for _ in range(STEP_ATTEMPTS):
            case = await self._require(case_id, at_window(officer))
            edge = MACHINE.step(case.state, "issue", Actor.STAFF)
            handover = await self._handover(case, officer, tracking)
            change = Change({"handover": handover}, {"way": handover.way})
            # Who lost to somebody looks at the bills again: it may have been a charge.
            written = await self._write(case, edge, Actor.STAFF, officer.id, change)
            if written is not None:
                return written
        raise Conflict

    async def _handover(self, case: Case, officer: Officer, tracking: str) -> Handover:
        """Raises as ``do_issue``."""
        way = case.delivery.way if case.delivery is not None else Way.WINDOW.value
        if way == Way.POST and not tracking:
            raise InvalidInput(field="$.tracking", reason="sent by post: the tracking number is needed")
        if electronic(case) and (case.result is None or case.result.file is None):
            raise no_file()
        bills = await self._around.payment_queries.of_subject(SubjectKind.CASE, case.id)
        if unpaid := [bill.id for bill in bills if bill.state == BillState.OPEN]:
            raise Conflict(Code.BILL_UNPAID, bills=unpaid)
        return Handover(way=way, at=self._clock.now(), by=officer.id, tracking=tracking)

    async def do_close(self, officer: Officer, case_id: str) -> Case:
        return await self._step(case_id, "close", Actor.STAFF, officer.id, at_window(officer), lambda case: Change())

    async def do_unmask(self, officer: Officer, case_id: str, reason: str) -> Personal:
        """The personal data of a case in clear, once the audit has who reads whose and why. Raises InvalidInput."""
        case = await self._require(case_id, reads(officer))
        await self._around.staff.do_read_clear(f"case.unmask {case.id}", reason, officer.id, officer.address)
        return Personal(
            applicant=await self._store.open_party(case.applicant) if case.applicant else None,
            agent=await self._store.open_party(case.agent) if case.agent else None,
            answers=await self._store.open_answers(case.answers),
            address=await self._store.open_address(case.delivery.address if case.delivery else None),
        )

    async def do_open_file(self, officer: Officer, case_id: str, file_id: str) -> None:
        """Before an officer is shown a file of a case: who reads which is written into the audit, as all that is
        personal. Raises NotFound CASE_NOT_FOUND, FILE_NOT_FOUND for one that the case does not refer to."""
        case = await self._require(case_id, reads(officer))
        if file_id not in case.files():
            raise NotFound(Code.FILE_NOT_FOUND, file=file_id)
        await self._around.staff.do_note(f"case.file {case.id} {file_id}", officer.id, officer.address)

    def _task(self, case: Case, code: str, officer: Officer, *, supervised: bool = False) -> CaseTask:
        """``supervised``: a supervisor may, whatever their department."""
        task = case.task(code)
        if task is None:
            raise NotFound(Code.TASK_NOT_FOUND, task=code, tasks=[one.code for one in case.tasks])
        if task.department != officer.department and not (supervised and officer.supervises):
            raise NotAllowed(Code.WRONG_DEPARTMENT, department=task.department)
        return task


def electronic(case: Case) -> bool:
    return case.delivery is not None and case.delivery.way == Way.ELECTRONIC


def no_file() -> InvalidInput:
    return InvalidInput(
        detail="申请人选择电子送达，请先上传结果的电子文件。", field="$.file", reason="sent electronically: a file"
    )


def with_task(tasks: list[CaseTask], changed: CaseTask) -> list[CaseTask]:
    return [changed if task.code == changed.code else task for task in tasks]


def cancelled(tasks: list[CaseTask]) -> list[CaseTask]:
    """After the decision nobody works on a task any more."""
    found = []
    for task in tasks:
        try:
            target = TASK.step(task.state, "cancel", Actor.SYSTEM).target
        except ActionNotAllowed:
            found.append(task)
        else:
            found.append(msgspec.structs.replace(task, state=TaskState(target)))
    return found
