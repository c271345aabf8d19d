"""Ask in your own words: the item, how sure that is, why, and what can be done with it."""

from __future__ import annotations

import asyncio
from typing import Annotated

from msgspec import Meta, Struct

from handlers.base import Call, Frame
from handlers.routing import ANYONE, Idempotency, Limit, Route
from miniapp_api.views import SAMPLE_NOTE
from nlp.answer import Answer, Candidate
from services.city import City

# What the matcher reads of a text; more is refused rather than silently cut.
MAX_TEXT = 2000


class AskRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: Annotated[str, Meta(max_length=MAX_TEXT)]


class MatchView(Struct, kw_only=True):
    """A word of the question that the item holds, in which of its fields, and its part of the score."""

    word: str
    fields: list[str]
    share: float


class CandidateView(Struct, kw_only=True):
    """An item that fits; ``probability`` is calibrated, ``score`` compares within one answer."""

    item: str
    version: int
    name: str
    department: str
    score: float
    probability: float
    matched: list[MatchView]
    bookable: bool


class AskAnswer(Struct, kw_only=True):
    """``outcome``: answer (the first candidate is it), ask_back (choose), person, none. ``reason``: why not sure.
    ``feedback``: what POST /api/feedback asks for as ``answer``, null where there is nothing to judge."""

    outcome: str
    sure: bool
    reason: str
    intent: str
    candidates: list[CandidateView]
    feedback: str | None = None
    sample: str = SAMPLE_NOTE


async def ask(call: Call, body: AskRequest) -> AskAnswer:
    """Finds the item behind a question; says so when it is not sure."""
    return await answer(call.frame, body.text, call.caller)


async def answer(frame: Frame, text: str, caller: str) -> AskAnswer:
    """The same for HTTP and WebSocket; ``caller``: whose feedback is taken. Questions that arrive together take
    turns, one for each turn of the event loop: fifty at once would otherwise hold up everybody else for their sum."""
    city = frame.city
    async with frame.asking:
        found: Answer = city.ask.ask(text)
        # Others get the loop before the next question does.
        await asyncio.sleep(0)
    frame.metrics.ask(found.outcome.value)
    city.learning.note_unanswered(caller, found)
    shown = [candidate.code for candidate in found.candidates]
    return AskAnswer(
        outcome=found.outcome.value,
        sure=found.outcome.value == "answer",
        reason=found.reason,
        intent=found.intent.value,
        candidates=[_candidate(city, candidate) for candidate in found.candidates],
        feedback=city.learning.token(caller, found.text, shown) if shown else None,
    )


def _candidate(city: City, candidate: Candidate) -> CandidateView:
    content = city.catalogue.get(candidate.code).content
    return CandidateView(
        item=candidate.code,
        version=candidate.version,
        name=candidate.name,
        department=content.department,
        score=round(candidate.score, 3),
        probability=round(candidate.probability, 3),
        matched=[MatchView(word=m.word, fields=list(m.fields), share=round(m.share, 3)) for m in candidate.matched],
        bookable=bool(content.counter),
    )


ROUTES = [
    Route("POST", "/api/ask", ask, ANYONE, Limit.ASK, Idempotency.NATURAL, "Ask in your own words"),
]
