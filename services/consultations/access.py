"""Whose conversation it is: a foreign one is not told from one that does not exist."""

from __future__ import annotations

from dataclasses import dataclass

from kernel.errors import Code, NotAllowed, NotFound
from services.consultations.model import Conversation, State
from services.consultations.store import ConversationStore, RatingStore


@dataclass(frozen=True, slots=True)
class StaffCaller:
    """A member of staff; a supervisor sees all conversations."""

    staff_id: str
    supervisor: bool = False
    address: str = ""


async def of_person(store: ConversationStore, person: str, conversation_id: str) -> Conversation:
    """Raises NotFound CONVERSATION_NOT_FOUND."""
    conversation = await store.get(conversation_id)
    if conversation is None or conversation.person != person:
        raise NotFound(Code.CONVERSATION_NOT_FOUND, conversation=conversation_id)
    return conversation


async def for_staff(store: ConversationStore, caller: StaffCaller, conversation_id: str) -> Conversation:
    """For reading: an officer's own, a former owner's too, and whatever a supervisor asks for; left forms are
    everybody's. Raises NotFound."""
    conversation = await store.get(conversation_id)
    if conversation is None or not may_read(caller, conversation):
        raise NotFound(Code.CONVERSATION_NOT_FOUND, conversation=conversation_id)
    return conversation


async def for_answer(store: ConversationStore, caller: StaffCaller, conversation_id: str) -> Conversation:
    """For writing: its owner and who has joined. Raises NotFound, NotAllowed."""
    conversation = await for_staff(store, caller, conversation_id)
    if not may_write(caller, conversation):
        raise _others(conversation)
    return conversation


async def for_clear(
    store: ConversationStore, ratings: RatingStore, caller: StaffCaller, conversation_id: str
) -> Conversation:
    """For reading in clear: who may write; a left form is everybody's to answer; and a supervisor has to call back
    about a bad rating of somebody else's service. Raises NotFound, NotAllowed."""
    conversation = await for_staff(store, caller, conversation_id)
    if conversation.state == State.DEFERRED or may_write(caller, conversation):
        return conversation
    if caller.supervisor and await _calls_back(ratings, caller, conversation):
        return conversation
    raise _others(conversation)


async def _calls_back(ratings: RatingStore, caller: StaffCaller, conversation: Conversation) -> bool:
    """While the follow-up is open, and never to who was rated: the rater is secret from the unit rated."""
    rating = await ratings.get(conversation.id)
    return rating is not None and rating.followed_up and rating.officer != caller.staff_id


def may_read(caller: StaffCaller, conversation: Conversation) -> bool:
    mine = caller.staff_id in (conversation.owner, conversation.last_owner, *conversation.members)
    return mine or caller.supervisor or conversation.state == State.DEFERRED


def may_write(caller: StaffCaller, conversation: Conversation) -> bool:
    return caller.staff_id == conversation.owner or caller.staff_id in conversation.members


def _others(conversation: Conversation) -> NotAllowed:
    return NotAllowed(Code.NOT_ALLOWED, "这个会话由其他人员负责，您不能回复。", owner=conversation.owner)
