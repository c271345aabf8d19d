"""When a conversation's timer comes: it waits for its owner, for the resident, for its clocks, for closing time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import structs

from kernel.worktime import WorkTime
from services.consultations.clocks import ConversationClocks
from services.consultations.model import Conversation, Limits, State


class Timing:
    def __init__(self, work_time: WorkTime, clocks: ConversationClocks, limits: Limits) -> None:
        self._work_time = work_time
        self._limits = limits
        self.clocks = clocks

    def silent_at(self, waiting_since: datetime) -> datetime:
        """When an owner who owes an answer since then has let the conversation lie: by working time, for who eats at
        noon has not. What the day has no more working time for is not left until the next one: after closing the same
        while counts by the clock on the wall, for officers who stay longer to finish."""
        by_work = self._work_time.after(waiting_since, self._limits.silent)
        by_wall = waiting_since + self._limits.silent
        closing = self._work_time.closing(waiting_since)
        if closing is not None and by_work <= closing:
            return by_work
        return by_wall if closing is None else max(by_wall, closing)

    def day_is_over(self, now: datetime) -> bool:
        """Whether nobody will be there today any more."""
        return self._work_time.closing(now) is None

    def next_wake(self, conversation: Conversation, now: datetime) -> datetime | None:
        if conversation.state == State.CLOSED:
            return None
        if conversation.state == State.DEFERRED:
            # Nobody talks in it any more: only the clock of its answer runs.
            return self.clocks.next_change(conversation, now)
        times = [now + self._limits.idle]
        if conversation.state in (State.QUEUED, State.WITH_STAFF):
            times.append(self.clocks.next_change(conversation, now) or times[0])
        if conversation.state == State.WITH_STAFF and conversation.waiting_since is not None:
            times.append(self.silent_at(conversation.waiting_since))
        if conversation.state == State.QUEUED and (closing := self._work_time.closing(now)) is not None:
            times.append(closing)
        return min(times)

    def owed_wake(self, conversation: Conversation, since: datetime, now: datetime) -> datetime:
        """When the timer comes at the latest once an answer is owed since then: for the clock of the next answer, which
        turns before the owner counts as silent."""
        return self.next_wake(structs.replace(conversation, waiting_since=since), now) or self.silent_at(since)

    def answered_wake(self, conversation: Conversation, first: Mapping[str, Any], now: datetime) -> datetime | None:
        """When the timer comes once the owner has answered; ``first``: what the first answer also changes."""
        return self.next_wake(structs.replace(conversation, waiting_since=None, **first), now)
