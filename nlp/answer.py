"""What the matcher says: records that callers read, store and show."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Outcome(StrEnum):
    """What to do next with the resident's text."""

    ANSWER = "answer"  # the first candidate is the item
    ASK_BACK = "ask_back"  # offer the first two or three candidates as a choice
    PERSON = "person"  # ours, but not answered here, or a person was asked for
    NONE = "none"  # no question about the city's services: nothing to look up, nobody to call


class Intent(StrEnum):
    """What the resident wants to do."""

    ASK = "ask"
    BOOK = "book"
    PROGRESS = "progress"
    PAY = "pay"
    COMPLAIN = "complain"
    SUGGEST = "suggest"
    PERSON = "person"
    GREETING = "greeting"
    OTHER = "other"


class Why(StrEnum):
    """Why the outcome is not a plain answer; ``SURE`` when it is."""

    SURE = ""
    CLOSE_CALL = "close_call"  # several items fit about as well
    WEAK_MATCH = "weak_match"  # the best item holds little of what was said
    NO_MATCH = "no_match"  # no item holds anything of it
    OUT_OF_DOMAIN = "out_of_domain"  # not about the city's services
    SMALL_TALK = "small_talk"  # a greeting, thanks, chatter
    ASKED_FOR_PERSON = "asked_for_person"
    EMPTY_TEXT = "empty_text"
    NO_ITEMS = "no_items"  # the catalogue is empty


WHY_TEXT: dict[Why, str] = {
    Why.SURE: "",
    Why.CLOSE_CALL: "有几个事项都比较接近，请选择您要办的一项",
    Why.WEAK_MATCH: "没有完全对应的事项，请换个说法或补充一点信息",
    Why.NO_MATCH: "没有找到相关事项，请换个说法，或转人工服务",
    Why.OUT_OF_DOMAIN: "这不像是政务服务方面的问题",
    Why.SMALL_TALK: "请告诉我您想办什么事",
    Why.ASKED_FOR_PERSON: "正在为您转人工服务",
    Why.EMPTY_TEXT: "请输入您想办的事",
    Why.NO_ITEMS: "事项目录尚未发布，请转人工服务",
}


class Match(Struct, frozen=True, kw_only=True):
    """A word of the text that an item holds. ``fields`` are names of ``nlp.policy.Field`` in small letters."""

    word: str
    fields: tuple[str, ...]
    # Its part of the item's score, 0..1.
    share: float
    # The text holds a word of the same sound or its pinyin, not the word itself.
    repaired: bool = False


class Candidate(Struct, frozen=True, kw_only=True):
    """An item that fits. ``score`` compares within one answer only; ``probability`` is calibrated: of a hundred
    candidates at .8, about eighty are what the resident meant."""

    code: str
    version: int
    name: str
    score: float
    probability: float
    matched: tuple[Match, ...]


class Answer(Struct, frozen=True, kw_only=True):
    """The whole result for one text. ``text`` is normalised and free of personal numbers: safe to log and store."""

    text: str
    # Kinds of personal numbers that were masked in ``text``: id_number, bank_card, phone.
    masked: tuple[str, ...] = ()
    outcome: Outcome
    why: Why
    candidates: tuple[Candidate, ...] = ()
    intent: Intent = Intent.OTHER
    intent_probability: float = 0.0
    # Probability that the text is about the city's services.
    in_domain: float = 0.0

    @property
    def reason(self) -> str:
        """``why`` as a sentence for the resident."""
        return WHY_TEXT[self.why]
