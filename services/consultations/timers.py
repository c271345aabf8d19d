"""What a conversation's timer does: a silent officer loses it, an idle one ends, a late clock is told, who still waits
at closing time is asked for the form."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kernel.clock import Clock
from kernel.machine import Actor
from services.consultations.actions import Consultations
from services.consultations.machine import CONVERSATION, RATING
from services.consultations.model import Conversation, Entry, Limits, Rating, Side, State
from services.consultations.store import ConversationStore, EntryStore, RatingStore
from services.store import Step

# How far back the timer looks for who spoke last.
TAIL = 50


class Timers:
    def __init__(
        self,
        store: ConversationStore,
        entry_store: EntryStore,
        ratings: RatingStore,
        consultations: Consultations,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._store = store
        self._entry_store = entry_store
        self._ratings = ratings
        self._consultations = consultations
        self._timing = consultations.timing
        self._clock = clock
        self._limits = limits

    async def do_wake_due(self, limit: int = 100) -> int:
        """Conversations and follow-ups whose timer has come; returns how many."""
        now = self._clock.now()
        due = await self._store.due(now, limit)
        for conversation in due:
            await self.do_wake(conversation)
        late = await self._ratings.due(now, limit)
        for rating in late:
            await self._do_warn_of(rating)
        return len(due) + len(late)

    async def do_wake(self, conversation: Conversation) -> None:
        now = self._clock.now()
        if conversation.state == State.WITH_STAFF:
            await self._see_what_is_owed(conversation)
        since = conversation.waiting_since
        silent = since is not None and self._timing.silent_at(since) <= now
        if conversation.state == State.QUEUED and self._timing.day_is_over(now):
            changes = {"queued_at": None, "handed_at": None}
            await self._step(conversation, "ask_form", changes)
        elif await self._is_idle(conversation, now):
            await self._step(conversation, "time_out", self._consultations.closed(conversation, "system"))
        elif alarms := self._timing.clocks.alarms(conversation, now):
            # Before the officer loses it: the clock that they let run out is theirs. The timer comes again at once.
            await self._step(conversation, "warn", {"alarms": [*conversation.alarms, *alarms]})
        elif silent and self._timing.day_is_over(now):
            await self._step(conversation, "ask_form", self._gone_home(conversation))
        elif silent:
            await self._step(conversation, "requeue", self._lost(conversation, now))
        else:
            await self._store.sleep(conversation, self._timing.next_wake(conversation, now))

    async def _step(self, conversation: Conversation, action: str, changes: Mapping[str, Any]) -> None:
        edge = CONVERSATION.step(conversation.state, action, Actor.SYSTEM)
        await self._consultations.write(conversation, edge, Actor.SYSTEM, "", dict(changes))

    def _gone_home(self, conversation: Conversation) -> dict[str, Any]:
        # Its clocks begin anew with the form, or with the next hand-over.
        return {
            "owner": None, "slot": None, "waiting_since": None, "sticky": None, "members": [], "queued_at": None,
            "handed_at": None, "first_answer_at": None, "last_owner": conversation.owner,
        }  # fmt: skip

    def _lost(self, conversation: Conversation, now: datetime) -> dict[str, Any]:
        return {
            "owner": None, "slot": None, "waiting_since": None, "sticky": None, "last_owner": conversation.owner,
            "queued_at": conversation.handed_at or now, "seeking_since": now,
            "avoid": [*conversation.avoid, str(conversation.owner)],
        }  # fmt: skip

    async def _see_what_is_owed(self, conversation: Conversation) -> None:
        """Puts the note of an answer owed right by the messages, which have the last word."""
        since = conversation.waiting_since
        tail = await self._tail(conversation)
        if since is not None:
            if any(entry.side is Side.STAFF and entry.stands and entry.at > since for entry in tail):
                # One process noted that an answer was owed while another was given it.
                await self._store.not_owed(conversation.id, since)
                conversation.waiting_since = None
            return
        # A process may have died between a message and the note that an answer is owed.
        people = [entry for entry in tail if entry.side in (Side.RESIDENT, Side.STAFF) and entry.stands]
        if people and people[-1].side is Side.RESIDENT:
            conversation.waiting_since = people[-1].at
            wake_at = self._timing.owed_wake(conversation, people[-1].at, self._clock.now())
            await self._store.owe(conversation, people[-1].at, wake_at)

    async def _is_idle(self, conversation: Conversation, now: datetime) -> bool:
        if conversation.state not in (State.BOT, State.OFF_HOURS, State.WITH_STAFF):
            return False
        if now - conversation.updated_at < self._limits.idle or conversation.waiting_since is not None:
            return False
        tail = await self._tail(conversation)
        last = max([conversation.updated_at, *(entry.at for entry in tail)])
        return now - last >= self._limits.idle

    async def _tail(self, conversation: Conversation) -> list[Entry]:
        last = await self._entry_store.last_seq(conversation.id)
        return await self._entry_store.after(conversation.id, max(0, last - TAIL), TAIL)

    async def _do_warn_of(self, rating: Rating) -> None:
        if rating.state != "open":
            await self._ratings.sleep(rating)
            return
        edge = RATING.step(rating.state, "warn", Actor.SYSTEM)
        data = {"conversation_id": rating.id, "department": rating.department}
        await self._ratings.step(rating, Step(edge, Actor.SYSTEM, changes={"wake_at": None}, data=data))
