"""The dialogue as the bot of a conversation (services/consultations/ports.py), which keeps its state."""

from __future__ import annotations

from typing import Any

import msgspec

from services.consultations.ports import INTERRUPTED, BotMessage, BotReply, BotTurn
from services.dialogue.engine import Dialogue
from services.dialogue.model import Option, Reply, State, TaskKind, Want, items_of
from services.dialogue.talk import MAX_PARKED


class DialogueBot:
    """Implements ``Bot``. What it does for a resident it does by name of the task, so a turn asked twice acts once."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue

    async def reply(self, turn: BotTurn) -> BotReply:
        """Answers one text; a button of the conversation comes as its words, a picture belongs to a complaint."""
        state = read_state(turn.state)
        if turn.state.get(INTERRUPTED):
            state = unconfirmed(state)
        if turn.photos and (state.task is None or state.task.kind is not TaskKind.COMPLAIN):
            return BotReply(messages=[], state=dict(turn.state), hand_over="image")
        done = await self._dialogue.do_turn(turn.person, state, turn.text, turn.at, photos=turn.photos)
        kept: dict[str, Any] = {"dialogue": msgspec.to_builtins(done.state)}
        found = [_found(one) for reply in done.replies for one in items_of(reply)]
        before = [m for m in turn.state.get("matched", []) if isinstance(m, dict)]
        kept["matched"] = [*[m for m in before if m.get("item") not in {f["item"] for f in found}], *found][-5:]
        if done.state.item and (item := self._dialogue.world.item(done.state.item)):
            kept["department"] = item.department
        messages = [message(reply) for reply in done.replies]
        return BotReply(messages=messages, state=kept, hand_over=done.hand_over, unanswered=done.unanswered)


def unconfirmed(state: State) -> State:
    """After a person or an end in between, 好的 is not meant for a card of before: it is put once more."""
    if state.task is None or state.task.want is not Want.CONFIRM:
        return state
    return msgspec.structs.replace(state, task=None, parked=[*state.parked, state.task][-MAX_PARKED:], options=[])


def read_state(kept: dict[str, Any]) -> State:
    """The dialogue's state out of the conversation's; a new one when it is of an older form."""
    try:
        return msgspec.convert(kept.get("dialogue", {}), State)
    except msgspec.ValidationError:
        return State()


def message(reply: Reply) -> BotMessage:
    data = dict(reply.data)
    if reply.card:
        data["card"] = reply.card
    if reply.options:
        data["choices"] = [_choice(option) for option in reply.options]
    return BotMessage(kind=reply.kind, text=reply.text, data=data)


def _found(one: dict[str, Any]) -> dict[str, Any]:
    return {name: one[name] for name in ("item", "version", "name", "probability")}


def _choice(option: Option) -> dict[str, str]:
    # What is sent back is the label: the dialogue knows its own options by their words.
    return {"label": option.label, "text": option.label}
