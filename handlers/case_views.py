"""What screens are shown of a case: the same clock for residents and staff."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from msgspec import Struct

from kernel.clock import SHANGHAI
from kernel.limits import Reading
from services.cases.model import Case, CaseMaterial, Notice
from services.cases.progress import Progress
from services.cases.queries import Receipt


class ClockView(Struct, kw_only=True):
    """A time limit in working days. ``left`` below 0: so many days over. ``deadline`` is missing while it is paused."""

    limit: int
    used: int
    left: int
    deadline: date | None
    colour: str
    paused: bool
    stopped: bool
    provisional: bool


class TimelineView(Struct, kw_only=True):
    at: datetime
    words: str


class ProgressView(Struct, kw_only=True):
    """How a case stands; nothing personal. ``holder``: the office that has it now; ``until``: the day it is due."""

    number: str
    item_name: str
    state: str
    state_words: str
    holder: str
    until: date | None
    clock: ClockView | None
    timeline: list[TimelineView]


class MaterialView(Struct, kw_only=True):
    """``state``: missing, provided, original_seen, reused (from ``source``)."""

    name: str
    state: str
    files: list[str]
    source: str


class NoticeView(Struct, kw_only=True):
    """A supplement notice: everything that is missing, at once. ``until``: the last day for it."""

    at: datetime
    missing: list[str]
    message: str
    reason: str
    until: date | None
    answered_at: datetime | None


class ResultView(Struct, kw_only=True):
    name: str
    number: str
    file: str | None
    at: datetime


class HandoverView(Struct, kw_only=True):
    way: str
    at: datetime
    tracking: str


class CaseReceiptView(Struct, kw_only=True):
    """The receipt: keep number and query code. ``accepted_by`` and ``decided_by`` are the promised last days."""

    case_id: str
    number: str
    query_code: str
    submitted_at: datetime
    accepted_by: date
    decided_by: date
    promised_limit_days: int
    legal_limit_days: int


def local(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(SHANGHAI)


def clock_view(reading: Reading) -> ClockView:
    return ClockView(
        limit=reading.limit,
        used=reading.used,
        left=reading.left,
        deadline=reading.deadline,
        colour=reading.colour,
        paused=reading.paused,
        stopped=reading.stopped,
        provisional=reading.provisional,
    )


def progress_view(shown: Progress) -> ProgressView:
    return ProgressView(
        number=shown.number,
        item_name=shown.item_name,
        state=shown.state,
        state_words=shown.state_words,
        holder=shown.holder,
        until=shown.until,
        clock=None if shown.clock is None else clock_view(shown.clock),
        timeline=[TimelineView(at=one.at.astimezone(SHANGHAI), words=one.words) for one in shown.timeline],
    )


def material_views(materials: list[CaseMaterial]) -> list[MaterialView]:
    return [MaterialView(name=m.name, state=m.state, files=m.files, source=m.source) for m in materials]


def notice_views(notices: list[Notice]) -> list[NoticeView]:
    return [
        NoticeView(
            at=notice.at.astimezone(SHANGHAI),
            missing=notice.missing,
            message=notice.message,
            reason=notice.reason,
            until=notice.until,
            answered_at=local(notice.answered_at),
        )
        for notice in notices
    ]


def outcome_views(case: Case) -> dict[str, Any]:
    """``result`` and ``handover`` of a case, as both kinds of screens show them."""
    result, handover = case.result, case.handover
    return {
        "result": None
        if result is None
        else ResultView(name=result.name, number=result.number, file=result.file, at=result.at.astimezone(SHANGHAI)),
        "handover": None
        if handover is None
        else HandoverView(way=handover.way, at=handover.at.astimezone(SHANGHAI), tracking=handover.tracking),
    }


def receipt_view(receipt: Receipt) -> CaseReceiptView:
    return CaseReceiptView(
        case_id=receipt.case_id,
        number=receipt.number,
        query_code=receipt.query_code,
        submitted_at=receipt.submitted_at.astimezone(SHANGHAI),
        accepted_by=receipt.accepted_by,
        decided_by=receipt.decided_by,
        promised_limit_days=receipt.promised_limit_days,
        legal_limit_days=receipt.legal_limit_days,
    )
