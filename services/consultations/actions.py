"""What changes a conversation's state. Every ``do_*`` reads, decides, and makes one guarded write.

Its entries in the transcript follow at once, and once more by the relay should this process die between the two: an
entry is named after its event, so it is there exactly once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from kernel.clock import Clock, local_day
from kernel.errors import Code, Conflict, InvalidInput
from kernel.ids import Ids, Kind
from kernel.machine import Actor, Edge
from kernel.worktime import WorkTime
from services.consultations import access
from services.consultations.announcing import SUPERVISORS, drafts, facts, lateness
from services.consultations.clocks import ConversationClocks
from services.consultations.data import ConsultationData
from services.consultations.entries import Entries
from services.consultations.machine import CONVERSATION, ENDING, START
from services.consultations.model import Conversation, Form, Limits, Needs, State
from services.consultations.ports import INTERRUPTED, Live
from services.consultations.store import ConversationStore
from services.consultations.timing import Timing
from services.identity.encryption import PHONE, Cipher
from services.store import Duplicate, Event, Step, to_document

# How often a step that lost a race decides again on the newer conversation.
STEP_ATTEMPTS = 5

Decide = Callable[[Conversation, Edge], Mapping[str, Any]]
Load = Callable[[], Awaitable[Conversation]]

CLOSED: Mapping[str, Any] = {
    "open": False,
    "owner": None,
    "slot": None,
    "waiting_since": None,
    "queued_at": None,
    "wake_at": None,
    "members": [],
}


class Consultations:
    """Residents' and the system's steps; staff's are in ``desk.py``."""

    def __init__(
        self,
        store: ConversationStore,
        entries: Entries,
        live: Live,
        cipher: Cipher,
        data: ConsultationData,
        work_time: WorkTime,
        clocks: ConversationClocks,
        clock: Clock,
        ids: Ids,
        limits: Limits,
    ) -> None:
        self._store = store
        self._entries = entries
        self._live = live
        self._cipher = cipher
        self._data = data
        self._work_time = work_time
        self._clock = clock
        self._ids = ids
        self._limits = limits
        self.timing = Timing(work_time, clocks, limits)

    # -- residents ---------------------------------------------------------------------------------------------

    async def do_start(self, person: str, language: str = "") -> Conversation:
        """The person's open conversation, or a new one with the bot. Three database commands at most.

        ``language``: "" leaves it as it is, Chinese in a new one. While the bot has the conversation it can still be
        chosen: it only says which officer is sought. Raises InvalidInput.
        """
        if language and language not in self._data.languages:
            raise InvalidInput(field="$.language", reason="unknown language")
        known = await self._store.open_of(person)
        if known is not None:
            return await self._speaking(known, language)
        now = self._clock.now()
        conversation = Conversation(
            id=self._ids.new(Kind.CONVERSATION), state="", created_at=now, updated_at=now, person=person,
            day=local_day(now).isoformat(), needs=Needs(language=language or "zh"), wake_at=now + self._limits.idle,
        )  # fmt: skip
        step = Step(START, Actor.RESIDENT, person, data=facts(conversation, None, START.target, person))
        try:
            made = await self._store.create(conversation, step)
        except Duplicate:
            # The same person on another screen was faster.
            return await self._store.open_of(person) or await self.do_start(person, language)
        await self._announce(made, made.outgoing[-1])
        return made

    async def _speaking(self, conversation: Conversation, language: str) -> Conversation:
        if not language or language == conversation.needs.language or conversation.state != State.BOT:
            return conversation
        await self._store.speak(conversation.id, language)
        conversation.needs = Needs(language=language)
        return conversation

    async def do_hand_over(self, person: str, conversation_id: str) -> Conversation:
        """The resident asks for a person; asked again in the queue or before the form, nothing changes."""
        conversation = await access.of_person(self._store, person, conversation_id)
        waits = conversation.state in (State.QUEUED, State.WITH_STAFF)
        if waits or (conversation.state == State.OFF_HOURS and not self.is_open()):
            return conversation
        return await self.do_give_over(conversation, "asked", Actor.RESIDENT, person)

    async def do_give_over(
        self, conversation: Conversation, reason: str, actor: Actor = Actor.SYSTEM, by: str = "", topic: str = ""
    ) -> Conversation:
        """From the bot into the queue, or to the off-hours form when nobody will be there today any more."""
        now = self._clock.now()
        sticky = await self._last_officer(conversation)
        is_open = self._work_time.is_open(now)

        def decide(one: Conversation, edge: Edge) -> Mapping[str, Any]:
            needs = Needs(department=str(one.bot_state.get("department", "")), topic=topic, language=one.needs.language)
            changes: dict[str, Any] = {"reason": reason, "sticky": sticky, "needs": _plain(needs)}
            if edge.target == State.QUEUED:
                changes |= {"handed_at": one.handed_at or now, "queued_at": now, "seeking_since": now}
            return changes

        known = [conversation]

        async def load() -> Conversation:
            return known.pop() if known else await self._again(conversation)

        return await self.step(load, "hand_over" if is_open else "ask_form", actor, by, decide, note=reason)

    async def do_leave_form(self, person: str, conversation_id: str, question: str, contact: str) -> Conversation:
        """The question for when the office opens, and how to reach the resident beside the usual notification.

        It is staff's from here on: the resident may begin another conversation while it waits for its answer."""
        if not question.strip():
            raise InvalidInput(detail="请填写您的问题。", field="$.question", reason="empty")
        now = self._clock.now()
        sealed = await self._cipher.encrypt(contact.strip(), PHONE) if contact.strip() else b""
        form = Form(question=question.strip(), contact=sealed, at=now)
        changes = {"form": _plain(form), "handed_at": now, "queued_at": now, "open": False}
        return await self.step(
            lambda: access.of_person(self._store, person, conversation_id), "leave_form", Actor.RESIDENT, person,
            lambda one, edge: changes,
        )  # fmt: skip

    async def contact(self, conversation: Conversation) -> str:
        """What the resident left with the form to be reached by, in clear; "" where nothing."""
        form = conversation.left_form
        sealed = b"" if form is None else form.contact
        return await self._cipher.decrypt(sealed) if sealed else ""

    async def do_return_to_bot(self, person: str, conversation_id: str) -> Conversation:
        """The resident no longer wants to wait."""

        def decide(one: Conversation, edge: Edge) -> Mapping[str, Any]:
            return {"queued_at": None, "handed_at": None, "bot_state": one.bot_state | {INTERRUPTED: True}}

        return await self.step(
            lambda: access.of_person(self._store, person, conversation_id), "return_to_bot", Actor.RESIDENT, person,
            decide,
        )  # fmt: skip

    async def do_close(self, person: str, conversation_id: str) -> Conversation:
        """The resident ends it; ended before, nothing changes."""
        conversation = await access.of_person(self._store, person, conversation_id)
        if conversation.state == State.CLOSED:
            return conversation
        return await self.step(
            lambda: access.of_person(self._store, person, conversation_id), "close", Actor.RESIDENT, person,
            lambda one, edge: self.closed(one, "resident"),
        )  # fmt: skip

    async def do_reopen(self, person: str, conversation_id: str) -> Conversation:
        """Goes on with a conversation closed within a day. Raises Conflict CONVERSATION_CLOSED later, or when another
        one is open."""

        def decide(one: Conversation, edge: Edge) -> Mapping[str, Any]:
            if not self.can_reopen(one):
                raise Conflict(Code.CONVERSATION_CLOSED, closed_at=one.closed_at)
            # Its clocks begin anew with the next hand-over.
            return {
                "open": True, "closed_at": None, "handed_at": None, "first_answer_at": None, "alarms": [],
                "bot_state": one.bot_state | {INTERRUPTED: True},
            }  # fmt: skip

        try:
            return await self.step(
                lambda: access.of_person(self._store, person, conversation_id), "reopen", Actor.RESIDENT, person, decide
            )
        except Duplicate:
            raise Conflict(Code.CONVERSATION_CLOSED, "您有正在进行的咨询，请在其中继续。") from None

    def can_reopen(self, conversation: Conversation) -> bool:
        """Whether a closed one has been closed for so short a time that it can be gone on with."""
        closed_at = conversation.closed_at
        return closed_at is not None and self._clock.now() - closed_at <= self._limits.reopen

    def is_open(self) -> bool:
        """Whether people answer now."""
        return self._work_time.is_open(self._clock.now())

    def actions(self, conversation: Conversation) -> list[str]:
        """What the resident may do with it now: nobody is asked for while nobody is there, nothing old is reopened."""
        never = {"hand_over"} if conversation.state == State.OFF_HOURS and not self.is_open() else set()
        if not self.can_reopen(conversation):
            never.add("reopen")
        return [one for one in CONVERSATION.allowed(conversation.state, Actor.RESIDENT) if one not in never]

    # -- shared with the desk ----------------------------------------------------------------------------------

    async def step(
        self, load: Load, action: str, actor: Actor, by: str, decide: Decide, *, note: str = ""
    ) -> Conversation:
        """Read, decide, write under the version's guard; decides again when somebody was faster.

        Raises ActionNotAllowed, Conflict, Duplicate, and what ``load`` and ``decide`` raise.
        """
        for _ in range(STEP_ATTEMPTS):
            conversation = await load()
            edge = CONVERSATION.step(conversation.state, action, actor)
            written = await self.write(conversation, edge, actor, by, dict(decide(conversation, edge)), note)
            if written is not None:
                return written
        raise Conflict

    async def write(
        self, conversation: Conversation, edge: Edge, actor: Actor, by: str, changes: dict[str, Any], note: str = ""
    ) -> Conversation | None:
        """One step of a conversation as it was read; None when it has changed meanwhile. Raises Duplicate."""
        after = _after(conversation, edge, changes)
        if "wake_at" not in changes:
            changes["wake_at"] = self.timing.next_wake(after, self._clock.now())
        data = facts(conversation, after.owner, edge.target, by) | {"by": actor.value}
        if edge.event == "conversation.late":
            fresh = [alarm for alarm in after.alarms if alarm not in conversation.alarms]
            data |= lateness(fresh) | {"department": after.needs.department}
        if edge.event in ENDING and actor is not Actor.RESIDENT and conversation.handed_at is not None:
            data["unread"] = await self._entries.answered_after(conversation.id, conversation.read_resident)
        written = await self._store.step(conversation, Step(edge, actor, by, note, changes, data))
        if written is not None:
            await self._announce(written, written.outgoing[-1])
        return written

    def closed(self, conversation: Conversation, by: str) -> dict[str, Any]:
        """What closing changes."""
        last = conversation.owner or conversation.last_owner
        return {**CLOSED, "closed_at": self._clock.now(), "closed_by": by, "last_owner": last}

    # -- the worker --------------------------------------------------------------------------------------------

    async def do_announce(self, event: Event) -> None:
        """The relay's turn: the entries of a change of state, unless they are there. Idempotent."""
        conversation = await self._store.get(event.aggregate)
        if conversation is not None:
            await self._announce(conversation, event)

    async def _announce(self, conversation: Conversation, event: Event) -> None:
        drafted = drafts(event, conversation.form, hours=self._data.hours_text, welcome=self._data.welcome)
        for entry, fresh in await self._entries.append(conversation.id, drafted):
            if fresh:
                await self._live.tell(conversation.id, {"type": "entry", "entry": entry})
        told = {"type": "inbox", "conversation": conversation.id, "event": event.name, "state": conversation.state}
        for staff_id in {event.data.get("owner"), event.data.get("previous")} - {None}:
            await self._live.tell(str(staff_id), told)
        await self._live.tell(SUPERVISORS, told)

    async def _again(self, conversation: Conversation) -> Conversation:
        return await access.of_person(self._store, conversation.person, conversation.id)

    async def _last_officer(self, conversation: Conversation) -> str | None:
        """Who served this person within the last day."""
        since = self._clock.now() - self._limits.sticky
        # A conversation may have begun a while before it ended.
        mine = await self._store.of_person(conversation.person, since - timedelta(days=1))
        served = [one for one in mine if one.last_owner and one.closed_at and one.closed_at > since]
        return max(served, key=lambda one: one.closed_at or since).last_owner if served else conversation.last_owner


def _plain(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__struct_fields__}


def _after(conversation: Conversation, edge: Edge, changes: Mapping[str, Any]) -> Conversation:
    """The conversation as the step would leave it, for what follows from it."""
    document = to_document(conversation) | {"state": edge.target} | dict(changes)
    return msgspec.convert({name: value for name, value in document.items() if value is not None}, Conversation)
