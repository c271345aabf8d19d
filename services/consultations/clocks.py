"""The clocks of a conversation: first answer, next answer, resolution, each in working time, a pure function of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from kernel.worktime import WorkTime
from services.consultations.data import Clocks
from services.consultations.model import Conversation, State


class Colour(StrEnum):
    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


class Reading(Struct, frozen=True, kw_only=True):
    """One clock as it stands. Minutes are working minutes; ``running`` until what it waits for has happened."""

    name: str
    colour: Colour
    used: float
    limit: int
    started_at: datetime
    due_at: datetime
    running: bool

    def alarm(self, colour: Colour) -> str:
        """Names a warning, so that it is given once."""
        return f"{self.name}/{colour}/{int(self.started_at.timestamp())}"


class ConversationClocks:
    def __init__(self, limits: Clocks, work_time: WorkTime) -> None:
        self._limits = limits
        self._work_time = work_time
        self._yellow = limits.yellow_percent / 100

    def read(self, conversation: Conversation, now: datetime) -> list[Reading]:
        return [self._reading(*one, now) for one in self._spans(conversation)]

    def alarms(self, conversation: Conversation, now: datetime) -> list[str]:
        """Warnings that are due and have not been given."""
        due = []
        for reading in self.read(conversation, now):
            if reading.running and reading.colour is not Colour.GREEN:
                due.append(reading.alarm(reading.colour))
        return [alarm for alarm in due if alarm not in conversation.alarms]

    def next_change(self, conversation: Conversation, now: datetime) -> datetime | None:
        """When a running clock turns yellow or red next."""
        changes = []
        for reading in self.read(conversation, now):
            if reading.running:
                limit = timedelta(minutes=reading.limit)
                changes += [self._work_time.after(reading.started_at, limit * part) for part in (self._yellow, 1)]
        return min((at for at in changes if at > now), default=None)

    def minutes(self, start: datetime, end: datetime) -> float:
        return round(self._work_time.between(start, end).total_seconds() / 60, 2)

    def _spans(self, one: Conversation) -> Iterator[tuple[str, int, datetime, datetime | None]]:
        """(name, limit, start, end or None while it runs)."""
        if one.handed_at is None:
            return
        # A form left out of hours asks for no talk: only its resolution is timed.
        if one.left_form is None:
            end = one.first_answer_at or one.closed_at
            yield "first_answer", self._limits.first_answer_minutes, one.handed_at, end
        # Whoever was answered once and is put back into the queue waits for the next answer from then on.
        since = one.seeking_since if one.state == State.QUEUED else one.waiting_since
        if one.first_answer_at is not None and since is not None and one.open:
            yield "next_answer", self._limits.next_answer_minutes, since, None
        yield "resolution", self._limits.resolution_minutes, one.handed_at, one.closed_at

    def _reading(self, name: str, limit: int, start: datetime, end: datetime | None, now: datetime) -> Reading:
        used = self.minutes(start, end or now)
        colour = Colour.RED if used >= limit else Colour.YELLOW if used >= limit * self._yellow else Colour.GREEN
        return Reading(
            name=name,
            colour=colour,
            used=used,
            limit=limit,
            started_at=start,
            due_at=self._work_time.after(start, timedelta(minutes=limit)),
            running=end is None,
        )
