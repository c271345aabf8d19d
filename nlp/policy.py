"""Weights, thresholds and costs: everything that an evaluation may change without touching code."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Field(IntEnum):
    """Fields of an entry, in the order of their bits in a posting."""

    NAME = 0
    ALIASES = 1
    QUESTIONS = 2
    KEYWORDS = 3
    DEPARTMENT = 4
    CONDITIONS = 5
    BODY = 6


@dataclass(frozen=True, slots=True)
class Policy:
    """Defaults were chosen by ``python -m nlp evaluate``; docs/matching.md has the table.

    BM25F: ``field_weights`` and ``field_lengths`` (the b of each field) follow ``Field``; ``k1`` is the saturation;
    ``word``, ``bigram``, ``character``, ``sound`` weigh the kinds of terms.
    """

    field_weights: tuple[float, ...] = (1.5, 2.25, 0.15, 2.0, 1.4, 1.4, 0.6)
    field_lengths: tuple[float, ...] = (0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2)
    k1: float = 4.0
    # Exponent of the inverse document frequency: over one, rare terms count more.
    sharpness: float = 0.8
    word: float = 1.0
    bigram: float = 0.5
    character: float = 1.6
    # A word of the same sound counts this part of a word that is there as written, and so do its characters.
    sound: float = 0.35
    # How much the likeness to one known phrasing raises a score.
    likeness: float = 0.35
    # The same from the likeness on that means the same question in other words.
    sameness: float = 3.0
    # Characters of the body that are indexed: names and questions find items, a long body only costs memory.
    body_max: int = 200
    # Fields of which only words are indexed: they are long, and their characters find by chance.
    words_only: tuple[Field, ...] = (Field.BODY,)
    # Terms of a long message that are searched, the rarest first; postings that one query may read.
    terms_max: int = 96
    postings_max: int = 16_000
    candidates: int = 5
    # Probability of the best candidate from which it is the answer; of the best three together, from which it is asked.
    # The first: on the catalogue's own left-out questions at most 1.5 % of the answers may be wrong.
    answer_at: float = 0.84
    ask_at: float = 0.45
    # Below this probability of being about the city's services the text is none of ours.
    domain_at: float = 0.5
    # Probability of asking for a person from which it counts against an item that is surely found, and in the dialogue
    # without the words for it.
    person_at: float = 0.9
    # What a wrong confident answer, a question back and a needless hand-over cost, for choosing the thresholds.
    cost_wrong: float = 5.0
    cost_question: float = 1.0
    cost_person: float = 2.5
