"""A small world, and dialogues played in it without a city."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from kernel.clock import SHANGHAI
from nlp.answer import Answer, Candidate, Intent, Outcome, Why
from nlp.normalise import normalise
from nlp.slots import PlaceEntry, PlaceWords, fill
from server.wiring import read_workdays
from services.dialogue.advance import advance
from services.dialogue.model import (
    BookingFact,
    CentreFact,
    DialogueRules,
    Facts,
    FreeTime,
    ItemFact,
    Result,
    State,
    Step,
    Understanding,
)

DATA = Path(__file__).resolve().parent.parent.parent.parent / "data"
WORKDAYS = read_workdays(DATA)
NOW = datetime(2026, 11, 24, 10, tzinfo=SHANGHAI)
CARD, PASSPORT, ONLINE = "card", "passport", "online"
NAMES = {CARD: "居民身份证丢失补领", PASSPORT: "普通护照签发", ONLINE: "电子证明开具"}
CENTRES = {"RC": "荣成市政务服务中心", "WD": "文登区政务服务中心", "SH": "石岛便民服务中心"}
PLACES = PlaceWords(
    [PlaceEntry(code=code, name=name, district=name[:3]) for code, name in CENTRES.items()],
    {"荣成市": ["荣成"], "文登区": ["文登"]},
)


class SmallWorld:
    def item(self, code: str) -> ItemFact | None:
        if code not in NAMES:
            return None
        return ItemFact(
            code=code, version=1, name=NAMES[code], department="市公安局", bookable=code != ONLINE, online="none",
            limit_days=3, materials=("户口簿",), conditions=(), fee="不收费", steps=("申请", "受理"),
        )  # fmt: skip

    def centre(self, code: str) -> CentreFact | None:
        return CentreFact(code=code, name=CENTRES[code], address="路1号", level="county") if code in CENTRES else None

    def centres_for(self, item: str) -> list[CentreFact]:
        return [c for c in map(self.centre, ("RC", "WD")) if c is not None] if item in (CARD, PASSPORT) else []


def facts(*, signed_in: bool = True) -> Facts:
    return Facts(SmallWorld(), NOW, signed_in, DialogueRules())


def answer(
    text: str, outcome: Outcome = Outcome.NONE, codes: Sequence[str] = (), intent: Intent = Intent.OTHER
) -> Answer:
    candidates = tuple(Candidate(code=c, version=1, name=NAMES[c], score=1, probability=0.9, matched=()) for c in codes)
    why = Why.SURE if outcome is Outcome.ANSWER else Why.CLOSE_CALL if codes else Why.OUT_OF_DOMAIN
    return Answer(
        text=normalise(text).text, outcome=outcome, why=why, candidates=candidates, intent=intent,
        intent_probability=0.9, in_domain=0.9,
    )  # fmt: skip


def heard(text: str = "", choice: str = "", item: str = "", photos: tuple[str, ...] = ()) -> Understanding:
    """``item``: the one that the matcher is sure of in this text."""
    found = answer(text, Outcome.ANSWER, [item], Intent.ASK) if item else answer(text)
    slots = fill(text, NOW, WORKDAYS, PLACES)
    return Understanding(answer=found, rest=found if item else None, slots=slots, choice=choice, photos=photos)


def times(days: int = 8, free: int = 2) -> list[FreeTime]:
    """09:00, 10:00, 14:00 and 15:00 of each day from tomorrow on, weekends left out."""
    found = []
    for offset in range(1, days + 1):
        day = date(2026, 11, 24) + timedelta(days=offset)
        for hour in (9, 10, 14, 15) if day.weekday() < 5 else ():
            start = datetime(day.year, day.month, day.day, hour, tzinfo=SHANGHAI)
            found.append(FreeTime(start=start, day=day.isoformat(), opens=hour * 60, closes=hour * 60 + 60, free=free))
    return found


def booked(**changes: Any) -> BookingFact:
    values: dict[str, Any] = {
        "id": "BK1", "item": CARD, "item_name": NAMES[CARD], "centre": "RC", "centre_name": CENTRES["RC"],
        "centre_address": "路1号", "start": datetime(2026, 11, 26, 9, tzinfo=SHANGHAI), "state": "confirmed",
    }  # fmt: skip
    return BookingFact(**(values | changes))


@dataclass
class Play:
    """A dialogue with the results of its wishes given by hand."""

    results: dict[str, Any]
    signed_in: bool = True

    def __post_init__(self) -> None:
        self.state = State()
        self.wishes: list[str] = []
        self.last: Step | None = None

    def say(self, text: str = "", **how: Any) -> Step:
        before = msgspec.json.encode(self.state)
        step = advance(self.state, heard(text, **how), facts(signed_in=self.signed_in))
        assert msgspec.json.encode(self.state) == before, "advance changed the state it was given"
        replies = list(step.replies)
        while step.wish is not None:
            self.wishes.append(step.wish.do)
            given = self.results[step.wish.do]
            result = given if isinstance(given, Result) else Result(wish=step.wish, data=given)
            step = advance(step.state, msgspec.structs.replace(result, wish=step.wish), facts(signed_in=self.signed_in))
            replies += step.replies
        # The state survives being JSON.
        self.state = msgspec.json.decode(msgspec.json.encode(step.state), type=State)
        self.last = Step(step.state, replies, None, step.hand_over, step.unanswered)
        return self.last

    @property
    def words(self) -> str:
        assert self.last is not None
        return "\n".join(reply.text for reply in self.last.replies)

    @property
    def cards(self) -> list[str]:
        assert self.last is not None
        return [reply.card for reply in self.last.replies if reply.card]


def failing(code: str, detail: str) -> Result:
    return Result(wish=None, code=code, detail=detail)  # type: ignore[arg-type]
