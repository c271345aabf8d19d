"""Conversations, their entries, officers and ratings.

Invariants: a person has at most one open conversation; a conversation has at most one owner, and an owner at most one
conversation in each of their slots (unique indexes); the entries of a conversation are numbered 1, 2, 3 … without a
gap and are never removed; one sender's ``client_msg_id`` makes one entry.

An entry is everything that a client must learn: a message, a recall, a change of state, a verdict of the content
check. So a client that has entries 1..n and asks for those after n has missed nothing and gets nothing twice.
Read marks only grow, so the newest one tells all; they stand on the conversation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec import Struct

from services.store import Aggregate


class State(StrEnum):
    BOT = "bot"  # the bot answers
    QUEUED = "queued"  # waits for an officer
    WITH_STAFF = "with_staff"  # has an owner
    OFF_HOURS = "off_hours"  # nobody is there: the form is asked for
    DEFERRED = "deferred"  # the form is left, to be answered by a notification
    CLOSED = "closed"


class Side(StrEnum):
    """Who wrote an entry."""

    RESIDENT = "resident"
    STAFF = "staff"
    BOT = "bot"
    SYSTEM = "system"


class Kind(StrEnum):
    """What an entry is. People write the first two; the bot and staff also the next two; the rest is the system's."""

    TEXT = "text"
    IMAGE = "image"
    CARD = "card"
    CHOICES = "choices"
    SYSTEM = "system"  # a change of state; ``data.event`` names it
    RECALL = "recall"  # ``data.seq``: the entry whose content is gone
    MASKED = "masked"  # ``data.seq``: the entry that the content check found risky


class Check(StrEnum):
    """What WeChat's content check says of a resident's words."""

    PENDING = "pending"
    PASSED = "passed"
    RISKY = "risky"
    UNCHECKED = "unchecked"  # WeChat did not judge it; while ``check_at`` stands it is tried again


class Language(StrEnum):
    ZH = "zh"
    EN = "en"
    KO = "ko"
    SIGN = "sign"


class Needs(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an officer has to know to answer; empty asks for nothing."""

    department: str = ""
    topic: str = ""
    language: str = "zh"


class Form(Struct, frozen=True, kw_only=True):
    """The off-hours form. ``contact`` is what the resident typed, encrypted; empty where nothing. ``answer``, by
    ``answered_by``: written with the step, so that it is told after all should the process die right then."""

    question: str
    contact: bytes
    at: datetime
    answer: str = ""
    answered_by: str = ""


class Conversation(Aggregate, kw_only=True):
    """``owner`` and ``slot`` are there exactly while an officer has it; ``open`` until it is closed or a form is left.

    ``handed_at``: first given over by the bot; ``queued_at``: since when it waits, kept when an officer loses it so
    that it comes first; ``seeking_since``: since when somebody is sought this time;
    ``waiting_since``: since when the owner owes an answer.
    """

    person: str
    day: str
    open: bool = True
    needs: Needs = Needs()
    owner: str | None = None
    slot: int | None = None
    members: list[str] = msgspec.field(default_factory=list)
    sticky: str | None = None
    avoid: list[str] = msgspec.field(default_factory=list)
    note: str = ""
    reason: str = ""
    handed_at: datetime | None = None
    queued_at: datetime | None = None
    seeking_since: datetime | None = None
    assigned_at: datetime | None = None
    first_answer_at: datetime | None = None
    waiting_since: datetime | None = None
    closed_at: datetime | None = None
    closed_by: str = ""
    last_owner: str | None = None
    read_resident: int = 0
    read_staff: int = 0
    alarms: list[str] = msgspec.field(default_factory=list)
    bot_state: dict[str, Any] = msgspec.field(default_factory=dict)
    bot_answered: int = 0
    # Questions in a row that the bot had no answer to.
    bot_misses: int = 0
    matched: list[dict[str, Any]] = msgspec.field(default_factory=list)
    form: Form | None = None
    # Working minutes, for the statistics.
    waited: float | None = None
    first_answer: float | None = None
    rated: bool = False

    @property
    def left_form(self) -> Form | None:
        """The form that this conversation waits with or has ended by: none once it was gone on with."""
        return self.form if self.form is not None and self.form.at == self.handed_at else None


# What people say themselves, as against lines of the system and recalls.
SAID: Final = (Kind.TEXT, Kind.IMAGE, Kind.CARD)


class Entry(Struct, kw_only=True, omit_defaults=True):
    """One of a conversation's numbered entries. ``sender``: a person's, a member of staff's id, "bot" or "system"."""

    id: str = msgspec.field(name="_id")
    conversation: str
    seq: int
    at: datetime
    side: Side
    sender: str
    client_msg_id: str
    kind: Kind
    text: str = ""
    data: dict[str, Any] = msgspec.field(default_factory=dict)
    recalled_at: datetime | None = None
    check: Check | None = None
    check_label: int | None = None
    check_at: datetime | None = None
    check_attempts: int = 0

    @property
    def stands(self) -> bool:
        """Said by a person, and not taken back."""
        return self.kind in SAID and self.recalled_at is None


class Draft(Struct, frozen=True, kw_only=True):
    """An entry before it has its number."""

    side: Side
    sender: str
    client_msg_id: str
    kind: Kind
    text: str = ""
    data: dict[str, Any] = msgspec.field(default_factory=dict)


class Presence(StrEnum):
    ONLINE = "online"
    AWAY = "away"
    OFFLINE = "offline"


class Officer(Struct, kw_only=True):
    """A member of staff who answers. Empty ``departments`` or ``topics``: all of them. ``seen_at``: last heartbeat;
    ``busy_at``: when they last got or gave up a conversation, so the smallest has been idle longest."""

    id: str = msgspec.field(name="_id")
    status: Presence = Presence.OFFLINE
    seen_at: datetime
    busy_at: datetime
    departments: list[str] = msgspec.field(default_factory=list)
    topics: list[str] = msgspec.field(default_factory=list)
    languages: list[str] = msgspec.field(default_factory=lambda: ["zh"])
    capacity: int = 5


class Satisfaction(StrEnum):
    """The five levels of 好差评 (GB/T 39735-2020)."""

    VERY_SATISFIED = "very_satisfied"
    SATISFIED = "satisfied"
    FAIR = "fair"
    DISSATISFIED = "dissatisfied"
    VERY_DISSATISFIED = "very_dissatisfied"

    @property
    def poor(self) -> bool:
        return self in (Satisfaction.DISSATISFIED, Satisfaction.VERY_DISSATISFIED)


SATISFACTION_NAMES = dict(zip(Satisfaction, ("非常满意", "满意", "基本满意", "不满意", "非常不满意"), strict=True))


# A bad rating until it is put right.
FOLLOWED_UP = ("open", "called_back")


class Rating(Aggregate, kw_only=True):
    """One conversation's rating, under the conversation's id. Not shown to the officer rated: 好差评 keeps the rater
    secret from the unit rated. ``due_at``: when the follow-up of a bad one is late, by working time."""

    person: str
    day: str
    officer: str | None = None
    department: str
    level: Satisfaction
    tags: list[str]
    words: str = ""
    due_at: datetime | None = None

    @property
    def followed_up(self) -> bool:
        """Somebody has to call back about it, or to put right what came out."""
        return self.state in FOLLOWED_UP


@dataclass(frozen=True)
class Limits:
    """The city's numbers for conversations, from settings."""

    silent: timedelta = timedelta(minutes=5)
    idle: timedelta = timedelta(minutes=30)
    widen: timedelta = timedelta(minutes=2)
    present: timedelta = timedelta(seconds=60)
    sticky: timedelta = timedelta(hours=24)
    reopen: timedelta = timedelta(hours=24)
    recall: timedelta = timedelta(minutes=2)
