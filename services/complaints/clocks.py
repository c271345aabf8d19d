"""The time limit of a complaint: which warning is due, and when the timer has to look again."""

from __future__ import annotations

from datetime import datetime, timedelta

from kernel.limits import Colour, Mark, Sign, next_change, read
from kernel.workdays import WorkdayTable
from services.complaints.model import WAITING, Complaint, ComplaintRules, State

# The one clock of a complaint, as supervision names it: from filing, or an objection, to the answer, without pauses.
ANSWER = "answer"


def warning_due(complaint: Complaint, table: WorkdayTable, now: datetime) -> Colour | None:
    """The warning that has not gone out. Who is told of red need not be told of yellow."""
    if complaint.state not in WAITING:
        return None
    reading = read(complaint.limit_days, _marks(complaint), table, now)
    if reading is None or reading.colour is Colour.GREEN or reading.colour in complaint.warned:
        return None
    return reading.colour


def wake_at(complaint: Complaint, table: WorkdayTable, now: datetime, rules: ComplaintRules) -> datetime | None:
    """When the timer has something to do; None: it is over or merged, or everything was told."""
    if complaint.state == State.ANSWERED and complaint.answered_at is not None:
        return complaint.answered_at + timedelta(days=rules.close_days)
    if complaint.state not in WAITING:
        return None
    if warning_due(complaint, table, now):
        return now
    return next_change(complaint.limit_days, _marks(complaint), table, now)


def _marks(complaint: Complaint) -> list[Mark]:
    return [Mark(Sign.START, complaint.counted_from or complaint.created_at)]
