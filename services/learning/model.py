"""Signals (what somebody did with an answer), and proposals (what enough signals ask to change).

Invariants: a signal never changes and holds normalised text without personal numbers and no person, only a keyed
hash that is another one each day; one person gives one vote for a text on a day; one proposal for an item and a text;
nothing in the catalogue changes before somebody accepts a proposal.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec import Struct

from nlp.normalise import MASK, plain
from services.catalogue.model import ItemContent
from services.store import Aggregate

# Longer texts are stories: as an alias or a question they would find by chance.
LONGEST, SHORTEST = 60, 2
ALIAS_LONGEST = 10
_NO_LETTER = re.compile(r"[\W_]+")
_ASKING = re.compile(r"[吗呢么哪谁几咋]|如何|多少|能不能|可不可以|是不是|要不要|[?？]")


class SignalKind(StrEnum):
    CHOSEN = "chosen"  # one of several candidates
    HELPFUL = "helpful"
    NOT_HELPFUL = "not_helpful"
    NONE_OF_THESE = "none_of_these"
    UNANSWERED = "unanswered"  # ours by the domain gate, and nothing was found
    CORRECTION = "correction"  # an officer named the right item


FOR = (SignalKind.CHOSEN, SignalKind.HELPFUL, SignalKind.CORRECTION)


class Lesson(Struct, frozen=True):
    """A signal before it has a voter. ``text`` is ``Answer.text``; ``item`` is empty where none was right."""

    kind: SignalKind
    text: str
    item: str = ""


class Signal(Struct, frozen=True, kw_only=True):
    """``key``: ``text`` without blanks and punctuation; ``voter``: a keyed hash of who it was, for this day only."""

    id: str = msgspec.field(name="_id")
    at: datetime
    ends_at: datetime
    kind: SignalKind
    text: str
    key: str
    item: str
    voter: str


class ProposalKind(StrEnum):
    ALIAS = "alias"
    QUESTION = "question"
    KNOWLEDGE = "knowledge"  # asked often, answered by nothing: work for the knowledge base


class State(StrEnum):
    PROPOSED = "proposed"
    ACCEPTING = "accepting"  # being written into the item; accepted again after a crash, it goes on
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"  # the item is gone, or says it already


class Proposal(Aggregate, kw_only=True):
    """``votes`` for and ``against`` when it was made; ``corrections``: officers among the votes. ``item`` is empty
    for knowledge; ``entry``: the knowledge entry that was made of it; ``published``: whether accepting published
    the item."""

    kind: ProposalKind
    item: str
    item_name: str
    text: str
    key: str
    votes: int
    against: int
    corrections: int = 0
    entry: str = ""
    published: bool = False


@dataclass(frozen=True)
class LearningRules:
    """``votes``: distinct people and days for one item; an officer's correction counts for as many. ``majority``:
    their least share of all votes on the text. ``unanswered``: votes that make a question for the knowledge base.
    ``domain_at``: least probability of being ours for an unanswered text to count. ``margin``: how far a score may
    fall. ``effect``: time for one evaluation."""

    votes: int = 3
    majority: float = 0.7
    unanswered: int = 5
    domain_at: float = 0.5
    margin: float = 0.001
    keep: timedelta = timedelta(days=90)
    effect: timedelta = timedelta(seconds=30)
    # How long after an answer its feedback is taken.
    feedback: timedelta = timedelta(days=1)


@dataclass(frozen=True)
class Finding:
    """What the signals of one text ask for; ``item`` is empty where no item is right."""

    item: str
    votes: int
    against: int
    corrections: int


Tally = Mapping[tuple[SignalKind, str], int]


def key_of(text: str) -> str:
    """One name for all ways to write the same words."""
    return _NO_LETTER.sub("", plain(text))


def learnable(text: str) -> bool:
    """Whether a normalised text may be learned from: short, with words in it, and without anything that was masked."""
    return len(text) <= LONGEST and MASK not in text and len(key_of(text)) >= SHORTEST


def name_of(text: str) -> str:
    """A short name of a text for ids."""
    return hashlib.sha256(key_of(text).encode()).hexdigest()[:24]


def kind_of(text: str) -> ProposalKind:
    """Short and not asking: another name of the item. Anything else is a question."""
    asks = len(text) > ALIAS_LONGEST or _ASKING.search(text)
    return ProposalKind.QUESTION if asks else ProposalKind.ALIAS


def decide(tally: Tally, rules: LearningRules) -> Finding | None:
    """What the votes on one text ask for; None while they are too few or disagree."""
    for_item: dict[str, int] = {}
    corrections: dict[str, int] = {}
    against = unseen = 0
    for (kind, item), count in tally.items():
        if kind is SignalKind.UNANSWERED:
            # We saw it, nobody said it: who then chose an item would otherwise speak for and against it at once.
            unseen += count
            continue
        if kind not in FOR:
            against += count
            continue
        weight = rules.votes if kind is SignalKind.CORRECTION else 1
        for_item[item] = for_item.get(item, 0) + weight * count
        if kind is SignalKind.CORRECTION:
            corrections[item] = corrections.get(item, 0) + count
    total = sum(for_item.values()) + against
    best = max(sorted(for_item), key=lambda item: for_item[item], default="")
    votes = for_item.get(best, 0)
    if votes >= rules.votes and votes >= rules.majority * total:
        return Finding(best, votes, total - votes, corrections.get(best, 0))
    # Who was left without an answer may have said so too.
    lost, rest = max(against, unseen), total - against
    if lost >= rules.unanswered and lost >= rules.majority * (lost + rest):
        return Finding("", lost, rest, 0)
    return None


def says(content: ItemContent, key: str) -> bool:
    """Whether an item has these words already as a name, an alias or a question."""
    return any(key_of(text) == key for text in (content.name, *content.aliases, *content.questions))


def with_text(content: ItemContent, proposal: Proposal) -> ItemContent:
    """The item with the proposed words; unchanged where it has them."""
    if says(content, proposal.key):
        return content
    if proposal.kind is ProposalKind.ALIAS:
        return msgspec.structs.replace(content, aliases=[*content.aliases, proposal.text])
    return msgspec.structs.replace(content, questions=[*content.questions, proposal.text])
