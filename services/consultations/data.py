"""The city's own data for conversations: hours, words that hand over, clocks, tags (``data/consultation.json``)."""

from __future__ import annotations

import re
from datetime import date, timedelta

import msgspec
from msgspec import Struct

from kernel.errors import InvalidInput
from kernel.workdays import WorkdayTable
from kernel.worktime import WorkTime, parse_period
from nlp.normalise import normalise
from nlp.steering import Signal, whole

_NOISE = re.compile(r"[\s,，.。!！?？~～、;；:：]+")


class HandOverWords(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``whole``: the entire text, beside what asks for a person everywhere (``nlp.steering``). A word inside another
    sentence means something else: 人工 is also in 人工智能."""

    whole: list[str]


class Sensitive(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    topic: str
    name: str
    words: list[str]


class Clocks(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits in working minutes; yellow from ``yellow_percent`` of them on, red beyond."""

    first_answer_minutes: int
    next_answer_minutes: int
    resolution_minutes: int
    follow_up_minutes: int
    yellow_percent: int = 80


class ConsultationData(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    hours: list[str]
    special_days: dict[str, list[str]]
    hours_text: str
    welcome: str
    hand_over: HandOverWords
    sensitive: list[Sensitive]
    languages: dict[str, str]
    clocks: Clocks
    tags: dict[str, str]

    def work_time(self, workdays: WorkdayTable) -> WorkTime:
        special = {
            date.fromisoformat(day): [parse_period(p) for p in given] for day, given in self.special_days.items()
        }
        return WorkTime(workdays, [parse_period(period) for period in self.hours], special)

    def asks_for_person(self, text: str) -> bool:
        """Whether nothing else is said; what a dialogue makes of a clause of a sentence is the bot's."""
        return _NOISE.sub("", text) in self.hand_over.whole or Signal.PERSON in whole(normalise(text).text)

    def sensitive_topic(self, text: str) -> Sensitive | None:
        bare = _NOISE.sub("", text)
        return next((one for one in self.sensitive if any(word in bare for word in one.words)), None)

    @property
    def follow_up(self) -> timedelta:
        return timedelta(minutes=self.clocks.follow_up_minutes)


def read_data(content: bytes, workdays: WorkdayTable) -> ConsultationData:
    """Raises InvalidInput that names the field of ``consultation.json`` that is wrong."""
    try:
        data = msgspec.json.decode(content, type=ConsultationData)
        data.work_time(workdays)
    except (msgspec.DecodeError, ValueError) as error:
        raise InvalidInput(field="consultation.json", reason=str(error)) from error
    return data
