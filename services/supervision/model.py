"""A supervision entry (督办): one thing that happened and that somebody has to look at."""

from __future__ import annotations

from enum import StrEnum

from services.store import Aggregate


class State(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


class Kind(StrEnum):
    SECOND_NOTICE = "second_notice"  # more was asked for after the one notice (一次性告知)
    LIMIT_YELLOW = "limit_yellow"
    LIMIT_RED = "limit_red"
    CONVERSATION_LATE = "conversation_late"
    FOLLOW_UP_LATE = "follow_up_late"  # nobody has called back after a bad rating


# Event -> what it is to supervision.
KINDS = {
    "case.second_notice": Kind.SECOND_NOTICE,
    "case.limit_yellow": Kind.LIMIT_YELLOW,
    "case.limit_red": Kind.LIMIT_RED,
    "conversation.late": Kind.CONVERSATION_LATE,
    "rating.follow_up_late": Kind.FOLLOW_UP_LATE,
}


class SupervisionEntry(Aggregate, kw_only=True):
    """``event``: the one it was made from, once (unique). ``subject``: the id of the case, conversation or rating, with
    its ``number`` and ``title`` as officers know it. ``officer``: who answers for it, "" for nobody. ``clock``: which
    limit. ``created_at`` is when it was noticed. Nothing personal is kept here.
    """

    event: str
    kind: Kind
    subject: str
    number: str = ""
    title: str = ""
    department: str = ""
    centre: str = ""
    officer: str = ""
    clock: str = ""
    note: str = ""
