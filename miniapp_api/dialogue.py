"""The conversation on the home page: one turn in, typed replies out. The state stays on the server."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct, field

from handlers.base import Call
from handlers.routing import ANYONE, Idempotency, Limit, Route
from services.dialogue.model import Reply, State

MAX_TEXT = 2000
Token = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class DialogueRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``text`` or ``choice`` (a button's value), or both empty with ``photos``. ``conversation``: as the first answer
    gave it; whoever is signed in needs none, but one from before signing in is continued."""

    text: Annotated[str, Meta(max_length=MAX_TEXT)] = ""
    choice: Annotated[str, Meta(max_length=200)] = ""
    photos: Annotated[list[Annotated[str, Meta(max_length=40)]], Meta(max_length=9)] = field(default_factory=list)
    conversation: Token | None = None


class OptionView(Struct, kw_only=True):
    label: str
    choice: str


class ReplyView(Struct, kw_only=True):
    """``kind``: text, choices, card. ``card``: item, knowledge, booking, progress, bill, complaint,
    confirm, sign_in."""

    kind: str
    text: str
    card: str
    data: dict[str, Any]
    options: list[OptionView]


class DialogueAnswer(Struct, kw_only=True):
    """``hand_over``: why a person should go on (open a conversation), or null. ``task``: what is being done now.
    ``feedback``: what POST /api/feedback asks for as ``answer``, null where there is nothing to judge."""

    replies: list[ReplyView]
    conversation: str | None
    task: str | None
    hand_over: str | None
    feedback: str | None


async def turn(call: Call, body: DialogueRequest) -> DialogueAnswer:
    """One turn. Anyone may ask; what changes something asks to sign in first and goes on afterwards."""
    city = call.city
    person = call.session.person_id if call.session else None
    token = body.conversation
    if person is None and token is None:
        token = city.ids.token()
    state = await _state(call, person, token)
    done = await city.dialogue.do_turn(
        person, state, body.text, city.clock.now(), choice=body.choice, photos=body.photos, caller=call.caller
    )
    await city.dialogue_states.put(person or token or "", done.state)
    return DialogueAnswer(
        replies=[_view(reply) for reply in done.replies],
        conversation=None if person else token,
        task=done.state.task.kind.value if done.state.task else None,
        hand_over=done.hand_over,
        feedback=city.learning.token(call.caller, done.text, done.items) if done.items else None,
    )


async def _state(call: Call, person: str | None, token: str | None) -> State:
    states = call.city.dialogue_states
    if person is None:
        return await states.get(token or "")
    if token is not None:
        # What was begun before signing in goes on, once: it is what this resident is looking at.
        begun = await states.get(token)
        await states.forget(token)
        if begun.turns:
            return begun
    return await states.get(person)


def _view(reply: Reply) -> ReplyView:
    options = [OptionView(label=option.label, choice=option.value) for option in reply.options]
    return ReplyView(kind=reply.kind, text=reply.text, card=reply.card, data=reply.data, options=options)


ROUTES = [
    Route("POST", "/api/dialogue", turn, ANYONE, Limit.ASK, Idempotency.KEY, "One turn of the conversation"),
]
