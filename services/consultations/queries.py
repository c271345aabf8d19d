"""Read views of conversations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from msgspec import Struct

from kernel.clock import Clock
from kernel.errors import InvalidInput
from services.consultations import access
from services.consultations.access import StaffCaller
from services.consultations.clocks import ConversationClocks, Reading
from services.consultations.data import ConsultationData
from services.consultations.entries import page_before
from services.consultations.model import Conversation, Entry, Satisfaction, State
from services.consultations.store import ConversationStore, EntryStore, RatingStore, UnansweredStore

PAGE = 200
LISTED = 200
# A statistic reads an index over its days; a year of them is a report, not a screen.
MOST_DAYS = 366


class DayNumbers(Struct, frozen=True, kw_only=True):
    """One day. Minutes are working minutes; None where nobody waited or was answered."""

    day: str
    conversations: int
    handed_over: int
    answered: int
    waiting_average: float | None
    waiting_most: float
    first_answer_average: float | None


class Question(Struct, frozen=True, kw_only=True):
    text: str
    times: int


class Statistics(Struct, frozen=True, kw_only=True):
    """``days``: those with conversations, of ``first`` to ``last``, both included."""

    first: date
    last: date
    days: list[DayNumbers]
    ratings: dict[str, int]
    unanswered: list[Question]


class ConsultationQueries:
    def __init__(
        self,
        store: ConversationStore,
        entries: EntryStore,
        ratings: RatingStore,
        unanswered: UnansweredStore,
        clocks: ConversationClocks,
        data: ConsultationData,
        clock: Clock,
    ) -> None:
        self._store = store
        self._entries = entries
        self._ratings = ratings
        self._unanswered = unanswered
        self._clocks = clocks
        self._clock = clock
        self.data = data

    async def current(self, person: str) -> Conversation | None:
        """The person's open conversation."""
        return await self._store.open_of(person)

    async def of_person(self, person: str, conversation_id: str) -> Conversation:
        """Raises NotFound, also for somebody else's."""
        return await access.of_person(self._store, person, conversation_id)

    async def for_staff(self, caller: StaffCaller, conversation_id: str) -> Conversation:
        """Raises NotFound for one that is not theirs to see."""
        return await access.for_staff(self._store, caller, conversation_id)

    async def for_answer(self, caller: StaffCaller, conversation_id: str) -> Conversation:
        """Raises NotFound, NotAllowed for one that is not theirs to write in."""
        return await access.for_answer(self._store, caller, conversation_id)

    async def for_clear(self, caller: StaffCaller, conversation_id: str) -> Conversation:
        """Raises NotFound, NotAllowed for one whose resident's data are not theirs to read."""
        return await access.for_clear(self._store, self._ratings, caller, conversation_id)

    async def place(self, conversation: Conversation) -> int | None:
        """1 for who is next; None for who does not wait."""
        if conversation.state != State.QUEUED or conversation.queued_at is None:
            return None
        return await self._store.ahead(conversation.queued_at) + 1

    async def queue(self) -> list[Conversation]:
        """Who waits, the next one first."""
        return await self._store.in_state(State.QUEUED)

    async def forms(self) -> list[Conversation]:
        """Forms left out of hours and not answered, the oldest first."""
        return await self._store.in_state(State.DEFERRED)

    async def mine(self, staff_id: str) -> list[Conversation]:
        """What an officer has now, whoever waits for their answer first."""
        found = await self._store.of_owners([staff_id])
        return sorted(found, key=lambda one: (one.waiting_since is None, one.waiting_since or one.created_at, one.id))

    async def with_staff(self) -> list[Conversation]:
        """What all officers have now."""
        return await self._store.in_state(State.WITH_STAFF)

    async def begun(self, first: date, last: date) -> list[Conversation]:
        """All that began on these days, the newest first."""
        return await self._store.between_days(*_days(first, last), LISTED)

    async def ended(self, caller: StaffCaller, first: date, last: date) -> list[Conversation]:
        """Closed ones that began on these days, the newest first: all for a supervisor, for others those that they had
        last. Raises InvalidInput."""
        return await self._store.ended(*_days(first, last), None if caller.supervisor else caller.staff_id, LISTED)

    async def earlier(self, person: str, days: int = 365) -> list[Conversation]:
        return await self._store.of_person(person, self._clock.now() - timedelta(days=days))

    async def entries_after(self, conversation_id: str, seq: int, limit: int = PAGE) -> list[Entry]:
        """The entries after a number, in order: one database command. Ask who may first."""
        return await self._entries.after(conversation_id, seq, min(limit, PAGE))

    async def entries_before(self, conversation_id: str, seq: int, limit: int = PAGE) -> list[Entry]:
        """The page that ends before a number, in order."""
        after, size = page_before(seq, min(limit, PAGE))
        return await self._entries.after(conversation_id, after, size) if size > 0 else []

    async def entry(self, conversation_id: str, seq: int) -> Entry | None:
        return await self._entries.one(conversation_id, seq)

    def clocks(self, conversation: Conversation) -> list[Reading]:
        return self._clocks.read(conversation, self._clock.now())

    async def statistics(self, first: date, last: date) -> Statistics:
        """Volume, waiting, first answer, ratings, what the bot could not answer. Raises InvalidInput."""
        span = _days(first, last)
        days = sorted((_numbers(d) for d in await self._store.by_day(*span)), key=lambda one: one.day)
        levels = await self._ratings.by_level(*span)
        questions = await self._unanswered.top(*span, limit=20)
        return Statistics(
            first=first,
            last=last,
            days=days,
            ratings={level.value: levels.get(level.value, 0) for level in Satisfaction},
            unanswered=[Question(text=text, times=times) for text, times in questions],
        )


def _days(first: date, last: date) -> tuple[str, str]:
    """[first, end) as the stores take them. Raises InvalidInput."""
    if not 0 <= (last - first).days < MOST_DAYS:
        raise InvalidInput(field="last", reason=f"0 to {MOST_DAYS - 1} days after first")
    end = last + timedelta(days=1) if last < date.max else last
    return first.isoformat(), end.isoformat()


def _numbers(document: Mapping[str, Any]) -> DayNumbers:
    return DayNumbers(
        day=document["_id"],
        conversations=int(document["conversations"]),
        handed_over=int(document["handed_over"]),
        answered=int(document["answered"]),
        waiting_average=_average(document["waited"], document["assigned"]),
        waiting_most=round(float(document["waited_most"]), 2),
        first_answer_average=_average(document["first_answer"], document["answered"]),
    )


def _average(total: float, count: int) -> float | None:
    return round(total / count, 2) if count else None
