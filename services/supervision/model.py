"""A supervision entry (督办): one thing that happened and that somebody has to look at."""

from __future__ import annotations

from enum import StrEnum

from services.store import Aggregate, Event


class State(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"
    SETTLED = "settled"  # what it warned of has been decided in time


class Kind(StrEnum):
    SECOND_NOTICE = "second_notice"  # more was asked for after the one notice (一次性告知)
    LIMIT_YELLOW = "limit_yellow"
    LIMIT_RED = "limit_red"
    CONVERSATION_YELLOW = "conversation_yellow"  # an answer in a conversation is due
    CONVERSATION_LATE = "conversation_late"
    COMPLAINT_YELLOW = "complaint_yellow"  # the answer to a complaint is due
    COMPLAINT_RED = "complaint_red"
    COMPLAINT_OBJECTED = "complaint_objected"  # the complainant is not content with the answer
    FOLLOW_UP_LATE = "follow_up_late"  # nobody has called back after a bad rating


# Event -> what it is to supervision.
KINDS = {
    "case.second_notice": Kind.SECOND_NOTICE,
    "case.limit_yellow": Kind.LIMIT_YELLOW,
    "case.limit_red": Kind.LIMIT_RED,
    "complaint.limit_yellow": Kind.COMPLAINT_YELLOW,
    "complaint.limit_red": Kind.COMPLAINT_RED,
    "complaint.objected": Kind.COMPLAINT_OBJECTED,
    "conversation.late": Kind.CONVERSATION_LATE,
    "rating.follow_up_late": Kind.FOLLOW_UP_LATE,
}

# A yellow warning asks for nothing once what it warned of is done; red has happened, and is looked into.
WARNINGS = frozenset({Kind.LIMIT_YELLOW, Kind.COMPLAINT_YELLOW, Kind.CONVERSATION_YELLOW})
# Event -> what is written into the entries of warnings that it ends. A task's decision ends those of its own clock.
TASK_DECIDED = "case.task_decided"
SETTLING = {
    "case.granted": "办件已作出决定",
    "case.denied": "办件已作出决定",
    "case.withdrawn": "申请人已撤回",
    TASK_DECIDED: "环节已作出决定",
    "complaint.answered": "诉求已答复",
    "complaint.rejected": "诉求不予受理",
    "complaint.merged": "诉求已合并办理",
    # An answer in a conversation is a message and no change of state: what was late in it is over when it is.
    "conversation.closed": "咨询已结束",
    "conversation.timed_out": "咨询已结束",
    "conversation.form_answered": "留言已答复",
    "conversation.returned": "居民已取消转人工",
}


def kind_of(event: Event) -> Kind:
    """A conversation has one event for both colours."""
    if event.name == "conversation.late" and event.data.get("colour") == "yellow":
        return Kind.CONVERSATION_YELLOW
    return KINDS[event.name]


class SupervisionEntry(Aggregate, kw_only=True):
    """``event``: the one it was made from, once (unique). ``subject``: the id of the case, complaint, conversation or
    rating, with its ``number`` and ``title`` as officers know it. ``officer``: who answers for it, "" for nobody.
    ``clock``: which limit. ``created_at`` is when it was noticed. Nothing personal is kept here.
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
