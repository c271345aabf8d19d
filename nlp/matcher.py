"""The way in: a Matcher answers which item a resident's text is about, how sure that is, and why.

    matcher = Matcher.build(entries)     # in a thread; about a second for 20,000 entries
    answer = matcher.ask("身份证丢了怎么补")

A Matcher never changes: when the catalogue does, build a new one beside it and swap the reference. ``ask`` does no I/O,
holds no lock, and gives an Answer for any text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nlp.answer import Answer, Candidate, Intent, Match, Outcome, Why
from nlp.entry import Entry
from nlp.index import Held, ItemIndex, Term, TermKind
from nlp.normalise import normalise, plain
from nlp.pinyin import SoundIndex
from nlp.policy import Field, Policy
from nlp.ranking import Ranker, Ranking
from nlp.reading import Reading, read
from nlp.segment import TERM_MAX, TERM_MIN, Segmenter, usable_terms
from nlp.understanding import Understanding, View

__all__ = ["Answer", "Candidate", "Entry", "Matcher", "Policy"]

MATCHES_SHOWN = 8
# Names of the fields for every set of their bits.
FIELD_NAMES = [tuple(field.name.lower() for field in Field if bits >> field & 1) for bits in range(1 << len(Field))]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything behind an answer, for people who tune it; see ``python -m nlp explain``."""

    answer: Answer
    words: tuple[str, ...]
    repairs: tuple[str, ...]
    # For each candidate, the value of each feature of its probability.
    features: tuple[dict[str, float], ...]
    # What the probability of the domain was made from, as in ``Ranking``.
    domain_values: tuple[float, ...]


class Matcher:
    """Finds items. Build it with ``Matcher.build``; safe to share between threads."""

    def __init__(
        self,
        entries: Sequence[Entry],
        segmenter: Segmenter,
        index: ItemIndex,
        understanding: Understanding,
        policy: Policy,
    ) -> None:
        self.entries = tuple(entries)
        self.segmenter = segmenter
        self.policy = policy
        self._index = index
        self._sounds = SoundIndex(index.vocabulary)
        self._ranker = Ranker(index, understanding, policy)
        self._understanding = understanding

    @classmethod
    def build(
        cls,
        entries: Sequence[Entry],
        *,
        segmenter: Segmenter | None = None,
        understanding: Understanding | None = None,
        policy: Policy | None = None,
    ) -> Matcher:
        """A matcher over these entries; their order breaks ties.

        A given ``segmenter`` is used as it is; without one, a new one learns the catalogue's terms. ``understanding``
        holds the trained models, by default those in ``nlp/data``.
        """
        policy = policy or Policy()
        if segmenter is None:
            segmenter = Segmenter(terms_of(entries))
        index = ItemIndex.build(entries, segmenter, policy)
        return cls(entries, segmenter, index, understanding or Understanding.load(), policy)

    def __len__(self) -> int:
        return len(self.entries)

    def ask(self, text: str) -> Answer:
        """The answer to a resident's text of any kind and length (2,000 characters are read)."""
        return self._ask(text)[0]

    def nearest(self, text: str, limit: int) -> list[tuple[Entry, float]]:
        """(entry, score) of the entries that a text resembles most, best first; a score of 1 says all of the text."""
        reading = read(normalise(text).text, self.segmenter, self._index, self._sounds, self.policy)
        rows, scores = self._index.search(reading.terms, limit, self.policy)
        attainable = self._ranker.attainable(reading)
        return [(self.entries[row], score / attainable) for row, score in zip(rows, scores, strict=True)]

    def explain(self, text: str) -> Explanation:
        """The answer, and what went into it."""
        answer, reading, ranking = self._ask(text)
        return Explanation(
            answer=answer,
            words=tuple(reading.words),
            repairs=tuple(reading.repairs),
            features=tuple(ranking.features(row) for row in range(len(answer.candidates))),
            domain_values=ranking.domain_values,
        )

    def _ask(self, text: str) -> tuple[Answer, Reading, Ranking]:
        normal = normalise(text)
        reading = read(normal.text, self.segmenter, self._index, self._sounds, self.policy)
        view = self._understanding.view(normal.text, reading.words)
        ranking = self._ranker.rank(reading, view.domain)
        matches = _matches(reading.terms, ranking.held)
        candidates = tuple(
            Candidate(
                code=self.entries[row].code,
                version=self.entries[row].version,
                name=self.entries[row].name,
                score=round(score, 4),
                probability=round(probability, 4),
                matched=matched,
            )
            for row, score, probability, matched in zip(
                ranking.rows, ranking.relative, ranking.probabilities, matches, strict=True
            )
        )
        outcome, why = self._outcome(normal.text, view, ranking.in_domain, candidates)
        answer = Answer(
            text=normal.text,
            masked=normal.masked,
            outcome=outcome,
            why=why,
            candidates=candidates,
            intent=view.intent,
            intent_probability=round(view.intent_probability, 4),
            in_domain=round(ranking.in_domain, 4),
        )
        return answer, reading, ranking

    def _outcome(self, text: str, view: View, in_domain: float, candidates: Sequence[Candidate]) -> tuple[Outcome, Why]:
        """The decision by thresholds; what was asked for in so many words comes first."""
        policy = self.policy
        if not text:
            return Outcome.NONE, Why.EMPTY_TEXT
        best = candidates[0].probability if candidates else 0.0
        # 人工耳蜗救助 has a word of asking for a person in it, and is the name of an item.
        if view.intent is Intent.PERSON and (best < policy.answer_at or view.intent_probability >= policy.person_at):
            return Outcome.PERSON, Why.ASKED_FOR_PERSON
        offered = sum(candidate.probability for candidate in candidates[:3])
        if best < policy.answer_at:
            if view.intent is Intent.GREETING:
                return Outcome.NONE, Why.SMALL_TALK
            if not self.entries:
                return Outcome.PERSON, Why.NO_ITEMS
            if in_domain < policy.domain_at:
                return Outcome.NONE, Why.OUT_OF_DOMAIN
        if not candidates:
            return Outcome.PERSON, Why.NO_MATCH
        if best >= policy.answer_at:
            return Outcome.ANSWER, Why.SURE
        if offered >= policy.ask_at:
            close = len(candidates) > 1 and candidates[1].score >= 0.75 * candidates[0].score
            return Outcome.ASK_BACK, Why.CLOSE_CALL if close else Why.WEAK_MATCH
        return Outcome.PERSON, Why.WEAK_MATCH


def _matches(terms: Sequence[Term], held: Held) -> list[tuple[Match, ...]]:
    """For each candidate its words; for one without any, pairs of characters, then single ones."""
    totals = np.maximum(held.impacts.sum(axis=0), 1e-6)
    kinds = [[row for row, term in enumerate(terms) if term.kind is kind] for kind in TermKind]
    columns = (held.present.T.tolist(), (held.impacts / totals).T.tolist(), held.fields.T.tolist())
    found: list[tuple[Match, ...]] = []
    for present, share, bits in zip(*columns, strict=True):
        rows = next(filter(None, ([row for row in kind if present[row]] for kind in kinds)), [])
        rows.sort(key=share.__getitem__, reverse=True)
        found.append(
            tuple(
                Match(
                    word=terms[row].text,
                    fields=FIELD_NAMES[bits[row]],
                    share=round(share[row], 3),
                    repaired=terms[row].repaired,
                )
                for row in rows[:MATCHES_SHOWN]
            )
        )
    return found


def terms_of(entries: Sequence[Entry]) -> frozenset[str]:
    """What a catalogue adds to the dictionary: its keywords and aliases of three to six characters."""
    texts = {
        text for entry in entries for text in (*entry.keywords, *entry.aliases) if TERM_MIN <= len(text) <= TERM_MAX
    }
    return usable_terms(map(plain, texts))
