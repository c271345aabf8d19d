"""A complaint and the rules for complaints.

The complainant is shielded, as 信访工作条例 asks for people who report on an office: a department sees the matter and
never who filed it. The record holds no contact, only the person's id; whoever may call back reads it from the account.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import msgspec

from services.store import Aggregate


class ComplaintKind(StrEnum):
    """What is wanted; the time limit depends on it."""

    CONSULT = "consult"  # 咨询
    REQUEST = "request"  # 求助、建议
    COMPLAINT = "complaint"  # 投诉举报


class State(StrEnum):
    FILED = "filed"
    ACCEPTED = "accepted"
    DISPATCHED = "dispatched"
    ANSWERED = "answered"
    CLOSED = "closed"
    MERGED = "merged"  # handled in ``merged_into``; what is answered there comes here too
    REJECTED = "rejected"  # not for this city's services; the reason is in the history


# Nobody has answered yet: the time limit runs.
WAITING = frozenset({State.FILED, State.ACCEPTED, State.DISPATCHED})

KIND_WORDS = {ComplaintKind.CONSULT: "咨询", ComplaintKind.REQUEST: "求助", ComplaintKind.COMPLAINT: "投诉"}

STATE_WORDS = {
    State.FILED: "已提交，等待受理",
    State.ACCEPTED: "已受理，等待转办",
    State.DISPATCHED: "已转交承办部门",
    State.ANSWERED: "已答复",
    State.CLOSED: "已办结",
    State.MERGED: "已与同一事件合并办理",
    State.REJECTED: "不予受理",
}
# What the progress says of an objection: the state alone would read as if nothing had been before.
OBJECTED = "您对答复不满意，重新办理"


class Complaint(Aggregate, kw_only=True):
    """``matter`` and ``place`` are free of personal numbers. ``due``: the last day for an answer in Weihai; it moves
    when the day is ``due_provisional`` and the year's holidays are announced. ``suggested``: departments by the text,
    the likeliest first. ``callback``: the complainant agrees to be called. ``warned``: colours of the limit that
    supervision was told of. ``merged_into`` stays when the answer has come from there. ``objection``: why the
    complainant was not content with ``first_answer``; ``counted_from``: from when on the limit runs, if not from
    filing."""

    person: str
    kind: ComplaintKind
    matter: str
    place: str = ""
    # When it happened, in the complainant's words.
    happened: str = ""
    photos: list[str] = msgspec.field(default_factory=list)
    suggested: list[str] = msgspec.field(default_factory=list)
    callback: bool = False
    limit_days: int
    due: str
    due_provisional: bool = False
    department: str | None = None
    answer: str | None = None
    answered_at: datetime | None = None
    objection: str | None = None
    first_answer: str | None = None
    counted_from: datetime | None = None
    merged_into: str | None = None
    warned: list[str] = msgspec.field(default_factory=list)
    request_key: str | None = None


@dataclass(frozen=True)
class ComplaintRules:
    """``limits``: working days within which each kind is answered, counted from the day after it was filed (民法典 art.
    201). ``close_days``: calendar days after which an answer that nobody objected to closes the complaint."""

    limits: dict[ComplaintKind, int] = field(
        default_factory=lambda: {ComplaintKind.CONSULT: 2, ComplaintKind.REQUEST: 10, ComplaintKind.COMPLAINT: 15}
    )
    close_days: int = 15
    max_photos: int = 9
    max_matter: int = 2000
