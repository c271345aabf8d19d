"""Ratings (好差评) and the follow-up of a bad one: called back, closed, with a clock of its own.

GB/T 39735-2020 and 国办发〔2019〕51号: five levels, nobody prompts or forces, the rater is secret from the unit rated,
a bad rating is verified and called back about.
"""

from __future__ import annotations

from collections.abc import Collection

from kernel.clock import Clock, local_day
from kernel.errors import Code, Conflict, InvalidInput, NotFound
from kernel.machine import Actor
from kernel.worktime import WorkTime
from services.consultations import access
from services.consultations.data import ConsultationData
from services.consultations.machine import RATE, RATE_BADLY, RATING
from services.consultations.model import FOLLOWED_UP, Rating, Satisfaction, State
from services.consultations.store import ConversationStore, RatingStore
from services.store import Duplicate, Step


class Ratings:
    def __init__(
        self,
        store: RatingStore,
        conversations: ConversationStore,
        data: ConsultationData,
        work_time: WorkTime,
        clock: Clock,
    ) -> None:
        self._store = store
        self._conversations = conversations
        self._data = data
        self._work_time = work_time
        self._clock = clock

    async def do_rate(
        self, person: str, conversation_id: str, level: Satisfaction, tags: Collection[str], words: str = ""
    ) -> Rating:
        """Once for each conversation, after it is closed and if staff were in it or not.

        Raises NotFound, InvalidInput ($.tags), Conflict ACTION_NOT_ALLOWED (still open), ALREADY_RATED.
        """
        if unknown := set(tags) - self._data.tags.keys():
            raise InvalidInput(field="$.tags", reason=f"unknown: {sorted(unknown)}")
        conversation = await access.of_person(self._conversations, person, conversation_id)
        if conversation.state != State.CLOSED:
            raise Conflict(Code.ACTION_NOT_ALLOWED, "咨询结束后才能评价。", state=conversation.state)
        now = self._clock.now()
        due_at = self._work_time.after(now, self._data.follow_up) if level.poor else None
        rating = Rating(
            id=conversation.id, state="", created_at=now, updated_at=now, person=person, day=local_day(now).isoformat(),
            officer=conversation.last_owner, department=conversation.needs.department, level=level, tags=sorted(tags),
            words=words.strip(), due_at=due_at, wake_at=due_at,
        )  # fmt: skip
        edge = RATE_BADLY if level.poor else RATE
        data = {"conversation_id": conversation.id, "department": rating.department}
        try:
            made = await self._store.create(rating, Step(edge, Actor.RESIDENT, person, data=data))
        except Duplicate:
            raise Conflict(Code.ALREADY_RATED) from None
        await self._conversations.note_rated(conversation.id)
        return made

    async def do_call_back(self, supervisor: str, conversation_id: str, note: str) -> Rating:
        """The resident was called; ``note``: what came out. Raises NotFound, NotAllowed, ActionNotAllowed, Conflict."""
        return await self._step(supervisor, conversation_id, "call_back", note)

    async def do_close_follow_up(self, supervisor: str, conversation_id: str, note: str) -> Rating:
        """What was wrong is put right. Raises as ``do_call_back``."""
        return await self._step(supervisor, conversation_id, "close", note)

    async def to_follow_up(self) -> list[Rating]:
        """Open follow-ups, the most urgent first."""
        return await self._store.to_follow_up(FOLLOWED_UP)

    async def followed_up(self) -> list[Rating]:
        """Follow-ups that are closed, the latest first."""
        return await self._store.closed()

    async def _step(self, by: str, conversation_id: str, action: str, note: str) -> Rating:
        rating = await self._store.get(conversation_id)
        # Whoever was rated neither sees nor handles it, whatever their roles are.
        if rating is None or rating.officer == by:
            raise NotFound(Code.CONVERSATION_NOT_FOUND, conversation=conversation_id)
        edge = RATING.step(rating.state, action, Actor.STAFF)
        data = {"conversation_id": rating.id, "department": rating.department}
        written = await self._store.step(rating, Step(edge, Actor.STAFF, by, note, {"wake_at": None}, data))
        if written is None:
            raise Conflict
        return written
