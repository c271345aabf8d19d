"""The first bot: answers from the matcher alone, one question at a time."""

from __future__ import annotations

from typing import Any

from kernel.errors import NotFound
from nlp.answer import Answer, Candidate, Outcome, Why
from services.ask.queries import Ask
from services.catalogue.queries import Catalogue
from services.consultations.ports import BotMessage, BotReply, BotTurn

_NO_FAILURE = frozenset({Why.SMALL_TALK, Why.EMPTY_TEXT})


class AskBot:
    """``state``: matched, department."""

    def __init__(self, ask: Ask, catalogue: Catalogue) -> None:
        self._ask = ask
        self._catalogue = catalogue

    async def reply(self, turn: BotTurn) -> BotReply:
        if turn.photos:
            return BotReply(messages=[], state=dict(turn.state), hand_over="image")
        answer = self._ask.ask(turn.text)
        state = dict(turn.state)
        if answer.candidates:
            state["matched"] = [_matched(one) for one in answer.candidates[:3]]
            state["department"] = self._department(answer.candidates[0].code)
        if answer.outcome is Outcome.ANSWER:
            return BotReply(messages=[self._card(answer.candidates[0])], state=state)
        if answer.outcome is Outcome.ASK_BACK and answer.candidates:
            return BotReply(messages=[_choices(answer)], state=state)
        if answer.outcome is Outcome.PERSON:
            asked = answer.why is Why.ASKED_FOR_PERSON
            hand_over = "asked" if asked else "low_confidence"
            return BotReply(messages=[], state=state, hand_over=hand_over, unanswered=not asked)
        return self._not_found(answer, state)

    def _not_found(self, answer: Answer, state: dict[str, Any]) -> BotReply:
        if answer.why in _NO_FAILURE:
            return BotReply(messages=[_text(answer.reason)], state=state)
        words = f"{answer.reason}。可以换个说法，或者说“转人工”。"
        return BotReply(messages=[_text(words)], state=state, unanswered=True)

    def _card(self, found: Candidate) -> BotMessage:
        content = self._catalogue.get(found.code).content
        materials = "、".join(material.name for material in content.materials[:5]) or "无需材料"
        text = f"“{content.name}”由{content.department}办理。需要：{materials}。点开卡片看完整指南。"
        data = {"item": found.code, "version": found.version, "name": content.name, "bookable": bool(content.counter)}
        return BotMessage(kind="card", text=text, data=data)

    def _department(self, code: str) -> str:
        try:
            return self._catalogue.get(code).content.department
        except NotFound:
            return ""


def _matched(found: Candidate) -> dict[str, Any]:
    return {
        "item": found.code,
        "version": found.version,
        "name": found.name,
        "probability": round(found.probability, 3),
    }


def _choices(answer: Answer) -> BotMessage:
    choices = [{"label": one.name, "text": one.name, "item": one.code} for one in answer.candidates[:3]]
    return BotMessage(kind="choices", text="您想办的是下面哪一项？", data={"choices": choices})


def _text(words: str) -> BotMessage:
    return BotMessage(kind="text", text=words)
