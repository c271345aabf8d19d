"""What staff do with conversations: take, transfer, join, take over, close, answer a form; and what gives them one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import structs

from kernel.clock import Clock
from kernel.errors import ActionNotAllowed, Code, Conflict, InvalidInput, NotAllowed, NotFound
from kernel.machine import Actor, Edge
from services.consultations import access
from services.consultations.access import StaffCaller
from services.consultations.actions import Consultations, _plain
from services.consultations.clocks import ConversationClocks
from services.consultations.machine import CONVERSATION
from services.consultations.model import Conversation, Limits, Needs, State
from services.consultations.presence import Officers
from services.consultations.routing import Loads, candidates
from services.consultations.store import ConversationStore, OfficerStore
from services.store import Duplicate

# How often a claim that lost a race for a slot looks for another.
CLAIM_ATTEMPTS = 12
BATCH = 100


class Desk:
    def __init__(
        self,
        store: ConversationStore,
        officer_store: OfficerStore,
        officers: Officers,
        consultations: Consultations,
        clocks: ConversationClocks,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._store = store
        self._officer_store = officer_store
        self._officers = officers
        self._consultations = consultations
        self._clocks = clocks
        self._clock = clock
        self._limits = limits

    # -- giving ------------------------------------------------------------------------------------------------

    async def do_assign_waiting(self) -> int:
        """Gives who waits to who is free, the longest waiting first; returns how many got somebody.

        Any number of workers may do so at once: a conversation's version lets one through, and an officer's slot one.
        """
        waiting = await self._store.in_state(State.QUEUED, BATCH)
        if not waiting:
            return 0
        now = self._clock.now()
        officers = await self._officer_store.online(now - self._limits.present)
        if not officers:
            return 0
        loads = Loads(await self._store.of_owners([officer.id for officer in officers]))
        given = 0
        for conversation in waiting:
            for officer, slot in candidates(conversation, officers, loads, now, self._limits.widen):
                loads.take(officer.id, slot)
                if await self._claim(conversation, "assign", Actor.SYSTEM, "", officer.id, slot) is not None:
                    officer.busy_at = now
                    given += 1
                    break
        return given

    async def do_take(self, caller: StaffCaller, conversation_id: str) -> Conversation:
        """From the queue, by hand. Raises Conflict CONVERSATION_TAKEN when another was faster, OFFICER_FULL."""
        capacity = await self._officers.capacity(caller.staff_id)

        async def waiting() -> Conversation:
            found = await self._found(conversation_id)
            if found.owner is not None and found.owner != caller.staff_id:
                raise Conflict(Code.CONVERSATION_TAKEN)
            return found

        return await self._claim_for(caller, waiting, "assign", capacity)

    async def do_take_over(self, caller: StaffCaller, conversation_id: str) -> Conversation:
        """A supervisor makes it theirs, whoever has it, over their capacity if need be."""
        if not caller.supervisor:
            raise NotAllowed(roles=["supervisor"])
        return await self._claim_for(caller, lambda: self._found(conversation_id), "take_over", None)

    async def do_transfer(
        self, caller: StaffCaller, conversation_id: str, note: str, needs: Mapping[str, str]
    ) -> Conversation:
        """Back to the queue, in front, for another department, topic or language; ``needs`` names what changes."""

        def decide(one: Conversation, edge: Edge) -> Mapping[str, Any]:
            wanted = {**_plain(one.needs), **{name: value for name, value in needs.items() if value}}
            return {
                "owner": None, "slot": None, "waiting_since": None, "sticky": None, "last_owner": one.owner,
                "queued_at": one.handed_at, "seeking_since": self._clock.now(), "note": note,
                "needs": _plain(Needs(**wanted)), "avoid": [*one.avoid, str(one.owner)],
            }  # fmt: skip

        load = lambda: access.for_answer(self._store, caller, conversation_id)  # noqa: E731
        return await self._consultations.step(load, "transfer", Actor.STAFF, caller.staff_id, decide, note=note)

    async def do_hand_to(self, caller: StaffCaller, conversation_id: str, officer: str, note: str) -> Conversation:
        """To one colleague, who must be there. Raises Conflict OFFICER_AWAY, OFFICER_FULL."""
        there = await self._officer_store.online(self._clock.now() - self._limits.present)
        target = next((one for one in there if one.id == officer), None)
        if target is None:
            raise Conflict(Code.OFFICER_AWAY, field="$.officer", officer=officer)
        if officer == caller.staff_id:
            raise InvalidInput(field="$.officer", reason="yourself")
        for _ in range(CLAIM_ATTEMPTS):
            conversation = await access.for_answer(self._store, caller, conversation_id)
            CONVERSATION.step(conversation.state, "hand_to", Actor.STAFF)
            slot = Loads(await self._store.of_owners([officer])).free_slot(officer, target.capacity)
            if slot is None:
                raise Conflict(Code.OFFICER_FULL, "对方接待数量已达上限，请转给其他人员。", officer=officer)
            done = await self._claim(conversation, "hand_to", Actor.STAFF, caller.staff_id, officer, slot, note)
            if done is not None:
                return done
        raise Conflict

    # -- with a conversation of one's own ----------------------------------------------------------------------

    async def do_join(self, caller: StaffCaller, conversation_id: str) -> Conversation:
        """A supervisor writes along beside the owner; joined before, nothing changes."""
        if not caller.supervisor:
            raise NotAllowed(roles=["supervisor"])
        conversation = await self._found(conversation_id)
        if access.may_write(caller, conversation):
            return conversation
        return await self._consultations.step(
            lambda: self._found(conversation_id), "join", Actor.STAFF, caller.staff_id,
            lambda one, edge: {"members": [*one.members, caller.staff_id]},
        )  # fmt: skip

    async def do_close(self, caller: StaffCaller, conversation_id: str) -> Conversation:
        """The officer ends it; the resident is asked for a rating."""
        done = await self._consultations.step(
            lambda: access.for_answer(self._store, caller, conversation_id), "close", Actor.STAFF, caller.staff_id,
            lambda one, edge: self._consultations.closed(one, "staff"),
        )  # fmt: skip
        await self._officer_store.busy(caller.staff_id, self._clock.now())
        return done

    async def do_answer_form(self, caller: StaffCaller, conversation_id: str, text: str) -> Conversation:
        """Answers what was left out of hours; the resident is notified. Sent again, the same answer stands.

        Raises NotFound, ActionNotAllowed when another answer was given."""
        now = self._clock.now()

        def decide(one: Conversation, edge: Edge) -> Mapping[str, Any]:
            minutes = self._clocks.minutes(one.handed_at or now, now)
            answered = {"first_answer_at": now, "first_answer": minutes, "last_owner": caller.staff_id}
            if one.form is not None:
                # With the step: of two who answer at once, one is heard, and what they said is not lost.
                form = structs.replace(one.form, answer=text, answered_by=caller.staff_id)
                answered["form"] = _plain(form)
            return {**self._consultations.closed(one, "staff"), **answered}

        try:
            return await self._consultations.step(
                lambda: self._found(conversation_id), "answer_form", Actor.STAFF, caller.staff_id, decide
            )
        except ActionNotAllowed:
            found = await self._found(conversation_id)
            form = found.left_form
            if form is None or (form.answer, form.answered_by) != (text, caller.staff_id):
                raise
            return found

    # -- inside ------------------------------------------------------------------------------------------------

    async def _claim_for(self, caller: StaffCaller, load: Any, action: str, capacity: int | None) -> Conversation:
        for _ in range(CLAIM_ATTEMPTS):
            conversation: Conversation = await load()
            if conversation.owner == caller.staff_id:
                return conversation
            CONVERSATION.step(conversation.state, action, Actor.STAFF)
            slot = Loads(await self._store.of_owners([caller.staff_id])).free_slot(caller.staff_id, capacity)
            if slot is None:
                raise Conflict(Code.OFFICER_FULL, capacity=capacity)
            done = await self._claim(conversation, action, Actor.STAFF, caller.staff_id, caller.staff_id, slot)
            if done is not None:
                return done
        raise Conflict

    async def _claim(
        self, conversation: Conversation, action: str, actor: Actor, by: str, owner: str, slot: int, note: str = ""
    ) -> Conversation | None:
        """Makes ``owner`` the only one; None when the conversation has changed or the slot is taken meanwhile."""
        now = self._clock.now()
        edge = CONVERSATION.step(conversation.state, action, actor)
        changes: dict[str, Any] = {
            "owner": owner, "slot": slot, "assigned_at": now, "waiting_since": now, "queued_at": None,
            "last_owner": owner, "members": [one for one in conversation.members if one != owner],
        }  # fmt: skip
        if note:
            changes["note"] = note
        if conversation.waited is None and conversation.handed_at is not None:
            changes["waited"] = self._clocks.minutes(conversation.handed_at, now)
        try:
            done = await self._consultations.write(conversation, edge, actor, by, changes, note)
        except Duplicate:
            return None
        if done is not None:
            await self._officer_store.busy(owner, now)
        return done

    async def _found(self, conversation_id: str) -> Conversation:
        conversation = await self._store.get(conversation_id)
        if conversation is None:
            raise NotFound(Code.CONVERSATION_NOT_FOUND, conversation=conversation_id)
        return conversation
