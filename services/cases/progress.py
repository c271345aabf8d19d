"""How a case stands, in words that residents understand: what has happened, who has it now, until when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from kernel.limits import Reading
from kernel.workdays import WorkdayTable
from services.cases.clocks import PROMISED, open_notice, readings, silent_until
from services.cases.model import TO_DO, Case, CaseRules, CaseTask, State, TaskState
from services.store import HistoryEntry

STATES: Mapping[str, str] = {
    State.DRAFT: "草稿，还没有提交",
    State.SUBMITTED: "已收到，等待受理",
    State.INCOMPLETE: "需要您补充材料",
    State.IN_APPROVAL: "已受理，正在办理",
    State.SUPPLEMENTING: "需要您补充材料，办理时限暂停计算",
    State.PAUSED: "办理时限暂停计算",
    State.GRANTED: "已批准，正在制作结果",
    State.DENIED: "未批准，正在制作决定书",
    State.READY: "结果已做好",
    State.ISSUED: "结果已送出",
    State.CLOSED: "已办结",
    State.REFUSED: "不予受理",
    State.WITHDRAWN: "您已撤回申请",
    State.DISCARDED: "草稿已删除",
}

# What each step means to the resident; a step that is missing here is none of theirs.
_WORDS: Mapping[str, str] = {
    "submit": "您提交了申请，我们已收到。",
    "apply": "窗口为您提交了申请。",
    "see_originals": "窗口核对了材料原件。",
    "accept": "已受理，开始计算办理时限。",
    "accept_silently": "到期未告知补正，依法自收到申请之日起视为受理。",
    "refuse": "不予受理，原因请看办件详情。",
    "request_supplement": "材料不齐，已一次性告知您需要补充的内容。",
    "request_second_supplement": "还需要补充材料，原因请看补正通知。",
    "remind_supplement": "提醒您补充材料。",
    "supplement": "补充材料已收到。",
    "proceed": "到期没有补充材料，按现有材料继续办理。",
    "pause": "办理时限暂停计算。",
    "resume": "办理时限继续计算。",
    "charge": "已开出缴费单。",
    "grant": "已批准。",
    "deny": "未批准，原因请看办件详情。",
    "record_result": "办理结果已做好。",
    "correct_result": "办理结果已更正。",
    "issue": "办理结果已送出。",
    "close": "已办结。",
    "withdraw": "您撤回了申请。",
}


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    at: datetime
    words: str


@dataclass(frozen=True, slots=True)
class Progress:
    """``holder``: the office that has it now, never an officer's name; ``until``: the day by which it is due there.

    ``clock``: what the promised limit shows, the same for residents and supervisors; None before acceptance.
    """

    number: str
    item_name: str
    state: str
    state_words: str
    holder: str
    until: date | None
    clock: Reading | None
    timeline: list[TimelineEntry]


def progress(case: Case, centre: str, table: WorkdayTable, now: datetime, rules: CaseRules) -> Progress:
    """``centre``: the name of the case's centre."""
    shown = readings(case, table, now)
    clock = shown.get(PROMISED)
    return Progress(
        number=case.number or "",
        item_name=case.item_name,
        state=case.state,
        state_words=STATES[case.state],
        holder=holder(case, centre),
        until=_until(case, clock, table, rules),
        clock=clock,
        timeline=timeline(case),
    )


def holder(case: Case, centre: str) -> str:
    """Who has to do something next."""
    match case.state:
        case State.SUBMITTED:
            return f"{centre}受理窗口"
        case State.READY:
            return f"{centre}出件窗口"
        case State.DRAFT | State.INCOMPLETE | State.SUPPLEMENTING:
            return "您本人"
        case State.IN_APPROVAL:
            doing = sorted({task.department for task in case.tasks if task.state in TO_DO})
            return "、".join(doing) or case.department
        case State.PAUSED | State.GRANTED | State.DENIED:
            return case.department
        case State.ISSUED:
            return "邮寄途中" if case.handover is not None and case.handover.tracking else "您本人"
        case _:
            return ""


def timeline(case: Case) -> list[TimelineEntry]:
    """The steps that concern the resident, the oldest first."""
    return [TimelineEntry(entry.at, words) for entry in case.history if (words := _words(entry, case))]


def _words(entry: HistoryEntry, case: Case) -> str:
    task: CaseTask | None = case.task(entry.note) if entry.action in ("take_task", "decide_task") else None
    if task is None:
        return _WORDS.get(entry.action, "")
    if entry.action == "take_task":
        return f"{task.department}开始办理“{task.name}”。"
    if task.state == TaskState.REJECTED:
        return f"{task.department}“{task.name}”未通过。"
    return f"{task.department}已完成“{task.name}”。"


def _until(case: Case, clock: Reading | None, table: WorkdayTable, rules: CaseRules) -> date | None:
    if case.state == State.SUBMITTED and (end := silent_until(case, table, rules)) is not None:
        # The instant is the midnight after the last day: in UTC still that day.
        return end.date()
    if (notice := open_notice(case)) is not None:
        return notice.until
    return clock.deadline if clock is not None and case.state == State.IN_APPROVAL else None
