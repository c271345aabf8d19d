"""Questions: answer with the item and why, ask back with two or three choices, at last a person."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from nlp.answer import Answer, Candidate, Intent, Match, Outcome, Why
from nlp.ranking import NEAR
from services.dialogue.model import Asked, ItemFact, Option, Reply, Understanding
from services.dialogue.talk import PERSON, Talk
from services.knowledge.model import Suggestion
from services.learning.model import Lesson, SignalKind

SHOWN = 3
_GREETING = "您好，我可以帮您查办事指南、预约、改期、查进度、看账单、提交投诉建议。请说您想办的事。"
_FOLLOW_UP: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"材料|带什么|带哪些|准备什么|要什么东西"), "materials"),
    (re.compile(r"多少钱|收费|费用|要钱"), "fee"),
    (re.compile(r"多久|几天|多长时间|什么时候能好|时限"), "limit"),
    (re.compile(r"条件|谁可以|什么人能"), "conditions"),
    (re.compile(r"流程|步骤|怎么办理?$|怎么弄"), "steps"),
    (re.compile(r"在哪|去哪|哪里办|地址|哪个大厅"), "centres"),
)
_FILLING = re.compile(
    "顺便|问一下|请问|这个|那个|这项|"
    "需要|都要|要|得|办理?|大概|一共|的|了|吗|呢|啊|呀|吧|是|有|都|去|可以|一下|哪些|什么|[，。,.？?！! ]"
)
_THANKS = re.compile("谢谢|感谢|多谢|辛苦了|再见|拜拜")
# A question of so few characters that names no item is about the one talked of.
FOLLOW_UP_LENGTH = 14


def hear(talk: Talk, heard: Understanding) -> None:
    answer, state = heard.answer, talk.state
    state.asked = None
    item = talk.facts.world.item(state.item) if state.item else None
    if item is not None and answer.outcome is not Outcome.ANSWER and len(heard.text) <= FOLLOW_UP_LENGTH:
        about = _about(heard.text)
        if about is not None:
            tell(talk, item, about)
            return
    if heard.known is not None and _surer(heard.known, answer, talk.facts.rules.known_at):
        show_known(talk, heard.known)
    elif answer.outcome is Outcome.ANSWER:
        show(talk, answer.candidates[0].code, answer)
    elif answer.outcome is Outcome.ASK_BACK and answer.candidates:
        _ask_back(talk, answer)
    elif answer.outcome is Outcome.NONE:
        _none(talk, answer)
    elif state.rounds + 1 >= talk.facts.rules.rounds:
        talk.unanswered = True
        talk.to_person("low_confidence")
    else:
        state.rounds += 1
        talk.unanswered = True
        talk.choose("没有找到相关事项，请换个说法，说出证件或业务的名称更容易找到。", [PERSON])


def _about(text: str) -> str | None:
    """The part of a guide that is asked for, when nothing else is named."""
    for pattern, part in _FOLLOW_UP:
        if pattern.search(text):
            return part if len(_FILLING.sub("", pattern.sub("", text))) < 2 else None
    return None


def _surer(known: Suggestion, answer: Answer, known_at: float) -> bool:
    """Whether the knowledge base answers, not the catalogue. What cites an older version of its item does not.

    The probability is calibrated on a whole catalogue; among a few entries the best has no rival and looks sure. So the
    words have to be near the entry's own question too.
    """
    if (
        known.stale
        or known.likeness < NEAR
        or known.probability < known_at
        or answer.intent in (Intent.PERSON, Intent.GREETING)
    ):
        return False
    return not answer.candidates or known.probability > answer.candidates[0].probability


def show_known(talk: Talk, known: Suggestion) -> None:
    """An answer of the knowledge base, with the item and version that it stands on and the words it was found by."""
    item = talk.facts.world.item(known.item)
    talk.state.item, talk.state.rounds = known.item, 0
    data: dict[str, Any] = {
        "entry": known.id, "question": known.question, "item": known.item, "version": known.item_version,
        "name": known.item_name, "probability": known.probability, "matched": _words(known.matched),
    }  # fmt: skip
    options = [Option("查看办事指南", f"item:{known.item}"), PERSON]
    if item is not None and item.bookable:
        options.insert(0, Option("预约办理", f"book:{known.item}"))
    source = f"（依据：“{known.item_name}”办事指南第{known.item_version}版）"
    talk.card("knowledge", data, f"{known.answer}\n{source}", options)


def chosen(talk: Talk, code: str) -> None:
    """One of the items offered: its guide, and a lesson about the words that it was offered for."""
    asked = talk.state.asked
    if asked is not None and code in asked.items:
        talk.lessons.append(Lesson(SignalKind.CHOSEN, asked.text, code))
        talk.state.asked = None
    show(talk, code)


def show(talk: Talk, code: str, answer: Answer | None = None) -> None:
    """An item as a card, with the words that it was found by."""
    item = talk.facts.world.item(code)
    if item is None:
        talk.say("这个事项可能已经停办，请换个说法再问。")
        return
    talk.state.item, talk.state.rounds = code, 0
    data: dict[str, Any] = {
        "item": item.code, "version": item.version, "name": item.name, "department": item.department,
        "limit_days": item.limit_days, "fee": item.fee, "materials": len(item.materials), "online": item.online,
        "bookable": item.bookable, "probability": _probability(answer, code), "matched": _matched(answer, code),
    }  # fmt: skip
    options = [Option("需要什么材料", f"tell:materials:{code}"), Option("在哪里办", f"tell:centres:{code}")]
    if item.bookable:
        options.insert(0, Option("预约办理", f"book:{code}"))
    talk.card("item", data, f"您要办的是“{item.name}”，由{item.department}负责。", options)


def tell(talk: Talk, item: ItemFact, about: str) -> None:
    """One part of an item's guide."""
    talk.state.item, talk.state.rounds = item.code, 0
    if about == "materials":
        text = "需要的材料：" + "；".join(item.materials) if item.materials else "不需要准备材料"
    elif about == "fee":
        text = item.fee
    elif about == "limit":
        text = f"{item.limit_days}个工作日内办结" if item.limit_days else "当场办结"
    elif about == "conditions":
        text = "办理条件：" + "；".join(item.conditions) if item.conditions else "没有特别的条件"
    elif about == "steps":
        text = "办理流程：" + " → ".join(item.steps)
    else:
        centres = talk.facts.world.centres_for(item.code)[:SHOWN]
        text = (
            "可以到：" + "；".join(f"{c.name}（{c.address}）" for c in centres)
            if centres
            else "不需要到大厅，网上就能办"
        )
    options = [Option("预约办理", f"book:{item.code}")] if item.bookable else []
    said = f"“{item.name}”{text}。"
    if options:
        talk.choose(said, options)
    else:
        talk.say(said)


def none_of_these(talk: Talk) -> None:
    """None of the choices was right."""
    talk.unanswered = True
    asked = talk.state.asked
    if asked is not None:
        talk.lessons.append(Lesson(SignalKind.NONE_OF_THESE, asked.text))
        talk.state.asked = None
    talk.not_understood("请换个说法，或说出证件、业务的名称。")


def _ask_back(talk: Talk, answer: Answer) -> None:
    state = talk.state
    state.rounds += 1
    if state.rounds > talk.facts.rules.rounds:
        talk.unanswered = True
        talk.to_person("failures")
        return
    options = [Option(c.name, f"item:{c.code}") for c in answer.candidates[:SHOWN]]
    talk.replies.append(_explained(answer.reason or "您要办的是哪一项？", options, answer))
    state.options = [*options, Option("都不是", "none")]
    state.asked = Asked(answer.text, [c.code for c in answer.candidates[:SHOWN]])


def _explained(text: str, options: list[Option], answer: Answer) -> Reply:
    why = [
        {
            "item": c.code,
            "version": c.version,
            "name": c.name,
            "probability": c.probability,
            "matched": _matched(answer, c.code),
        }
        for c in answer.candidates[:SHOWN]
    ]
    shown = [*options, Option("都不是", "none")]
    return Reply(kind="choices", text=text, options=shown, data={"why": answer.why.value, "candidates": why})


def _none(talk: Talk, answer: Answer) -> None:
    if _THANKS.search(answer.text):
        talk.say("不客气，需要时随时叫我。")
        return
    if answer.intent is Intent.GREETING or not answer.text:
        talk.say(_GREETING)
        return
    if answer.why is not Why.SMALL_TALK:
        talk.unanswered = True
        talk.state.rounds += 1
        if talk.state.rounds >= talk.facts.rules.rounds:
            talk.to_person("failures")
            return
    talk.say(f"{answer.reason}。我可以帮您查办事指南、预约、查进度、缴费、投诉建议。")


def _probability(answer: Answer | None, code: str) -> float:
    return next((c.probability for c in answer.candidates if c.code == code), 0.0) if answer else 0.0


def _matched(answer: Answer | None, code: str) -> list[dict[str, Any]]:
    candidate: Candidate | None = next((c for c in answer.candidates if c.code == code), None) if answer else None
    if candidate is None:
        return []
    return _words(candidate.matched)


def _words(matched: Sequence[Match]) -> list[dict[str, Any]]:
    return [{"word": m.word, "fields": list(m.fields), "repaired": m.repaired} for m in matched]
