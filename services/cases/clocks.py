"""The clocks of a case: the legal and the promised limit, each task's, and when the timer has to look again.

Residents, officers and supervisors are shown the same readings, made here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta

from kernel.clock import local_day, local_instant
from kernel.limits import Colour, Mark, Reading, Sign, next_change, read
from kernel.workdays import WorkdayTable
from services.cases.model import TO_DO, Case, CaseRules, CaseTask, Notice, State

LEGAL, PROMISED = "legal", "promised"
# A resident who has not handed in what is missing is reminded so many working days before it is too late, at this hour.
REMINDED_DAYS, REMINDED_AT = 2, time(9)


def task_marks(case: Case, task: CaseTask) -> list[Mark]:
    """A task's own history: it starts when it is opened and stands still whenever its case does."""
    if task.opened_at is None:
        return []
    marks = [Mark(Sign.START, task.opened_at)]
    for mark in case.clock:
        if mark.at < task.opened_at or (task.decided_at is not None and mark.at > task.decided_at):
            continue
        if mark.sign is Sign.PAUSE or (mark.sign is Sign.RESUME and marks[-1].sign is Sign.PAUSE):
            marks.append(mark)
    stops = [task.decided_at] + [mark.at for mark in case.clock if mark.sign is Sign.STOP]
    if (stop := next((at for at in stops if at is not None), None)) is not None:
        marks.append(Mark(Sign.STOP, stop))
    return marks


def histories(case: Case) -> Iterator[tuple[str, int, list[Mark]]]:
    """(name, limit, marks) of each clock; a task's is named "task:" and its code."""
    yield PROMISED, case.promised_limit_days, case.clock
    yield LEGAL, case.legal_limit_days, case.clock
    for task in case.tasks:
        yield f"task:{task.code}", task.working_days, task_marks(case, task)


def readings(case: Case, table: WorkdayTable, now: datetime) -> dict[str, Reading]:
    """What each clock of the case that has started shows, by name."""
    found = {name: read(limit, marks, table, now) for name, limit, marks in histories(case)}
    return {name: reading for name, reading in found.items() if reading is not None}


def warnings_due(case: Case, table: WorkdayTable, now: datetime) -> list[tuple[str, Colour]]:
    """(clock, colour) of every warning that has not gone out. Who is told of red need not be told of yellow."""
    doing = {f"task:{task.code}" for task in case.tasks if task.state in TO_DO} | {PROMISED, LEGAL}
    return [
        (name, reading.colour)
        for name, reading in readings(case, table, now).items()
        if name in doing and reading.colour is not Colour.GREEN and f"{name}:{reading.colour}" not in case.warned
    ]


def silent_until(case: Case, table: WorkdayTable, rules: CaseRules) -> datetime | None:
    """The end of the time in which the office may be silent about an application (行政许可法 art. 32)."""
    if case.received_at is None:
        return None
    reading = read(rules.silence_days, [Mark(Sign.START, case.received_at)], table, case.received_at)
    assert reading is not None
    assert reading.deadline is not None
    return local_instant(reading.deadline + timedelta(days=1), time())


def open_notice(case: Case) -> Notice | None:
    """The notice that waits for its answer."""
    waiting = case.state in (State.INCOMPLETE, State.SUPPLEMENTING) and case.notices
    return case.notices[-1] if waiting else None


def notice_over(case: Case, now: datetime) -> bool:
    """Whether the time of the notice that waits is over; one that names no day need not be waited for."""
    notice = open_notice(case)
    return notice is not None and (notice.until is None or notice.until < local_day(now))


def reminder_key(case: Case) -> str:
    return f"supplement:{len(case.notices)}"


def reminder_at(case: Case, table: WorkdayTable, rules: CaseRules) -> datetime | None:
    """When the resident is reminded of the notice; None: not at all, or not again."""
    notice = open_notice(case)
    if notice is None or notice.until is None or reminder_key(case) in case.warned:
        return None
    days = rules.supplement_days - REMINDED_DAYS
    return local_instant(table.add_working_days(local_day(notice.at), days).day, REMINDED_AT) if days > 0 else None


def wake_at(case: Case, table: WorkdayTable, now: datetime, rules: CaseRules) -> datetime | None:
    """When the timer has something to do for a case; None: nothing, unless somebody acts."""
    if case.state == State.SUBMITTED:
        return silent_until(case, table, rules)
    if case.state == State.ISSUED and case.handover is not None:
        return case.handover.at + timedelta(days=rules.close_days)
    if open_notice(case) is not None:
        return reminder_at(case, table, rules)
    if case.state != State.IN_APPROVAL:
        return None
    if warnings_due(case, table, now):
        return now
    changes = [next_change(limit, marks, table, now) for _, limit, marks in histories(case)]
    return min((change for change in changes if change is not None), default=None)
