"""The item index: BM25F over the fields of an entry, terms being words, characters and pairs of characters.

Everything that one term can add to one entry's score is computed when the index is built, so a query only adds slices
of numpy arrays. An index is immutable; a new catalogue is a new index.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from nlp.build import CHARACTER_BASE, CHARACTER_BITS, WORD_BIT, Arrays, Floats, build, is_letter, pair_hashes
from nlp.entry import Entry
from nlp.letters import letters_of
from nlp.policy import Policy
from nlp.segment import Segmenter

# A term that this share of all entries holds tells so little that it only re-ranks what rarer terms found.
COMMON = 0.05
COMMON_FROM = 1000
RERANKED = 100
# Letters of a text that are compared with phrasings.
LIKENESS_TEXT_MAX = 100


class TermKind(Enum):
    """Kinds of terms, in the order in which they explain a match best."""

    WORD = "word"
    PAIR = "pair"
    CHARACTER = "character"


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a query: where its postings are, and what it weighs in this query."""

    text: str
    start: int
    end: int
    weight: float
    kind: TermKind = TermKind.WORD
    # The text holds the sound of this word, not the word itself.
    repaired: bool = False

    @property
    def holders(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Held:
    """Three matrices (terms, rows): whether the row holds the term, what that adds to its score, and in which fields
    (bits; meaningless where not present)."""

    present: NDArray[np.bool_]
    impacts: Floats
    fields: NDArray[np.uint8]


class ItemIndex:
    """Finds the rows of entries for terms."""

    def __init__(self, arrays: Arrays, size: int, sharpness: float = 1.0) -> None:
        self.size = size
        self._sharpness = sharpness
        self._arrays = arrays

    @classmethod
    def build(cls, entries: Sequence[Entry], segmenter: Segmenter, policy: Policy) -> ItemIndex:
        """An index over ``entries``; their order breaks ties."""
        return cls(build(entries, segmenter, policy), len(entries), policy.sharpness)

    @property
    def vocabulary(self) -> dict[str, int]:
        """Words that some entry holds. Not to be changed."""
        return self._arrays.vocabulary

    def word(self, text: str, weight: float, *, repaired: bool = False) -> Term | None:
        """The term of a word; None when no entry holds it."""
        number = self._arrays.vocabulary.get(text)
        if number is None:
            return None
        terms = self._arrays.terms
        row = int(terms.searchsorted(np.uint32(WORD_BIT | number)))
        if row == len(terms) or int(terms[row]) != WORD_BIT | number:
            return None
        return Term(text, int(self._arrays.starts[row]), int(self._arrays.starts[row + 1]), weight, repaired=repaired)

    def characters(self, runs: Iterable[str], single: float, pair: float) -> list[Term]:
        """Terms of the characters and pairs of characters of runs of Chinese characters, each once."""
        texts: dict[str, int] = {}
        for run in runs:
            codes = [ord(character) - CHARACTER_BASE for character in run]
            for position, code in enumerate(codes):
                texts[run[position]] = code << CHARACTER_BITS
                if position + 1 < len(codes):
                    texts[run[position : position + 2]] = code << CHARACTER_BITS | codes[position + 1]
        terms = self._arrays.terms
        if not texts or not len(terms):
            return []
        wanted = np.fromiter(texts.values(), np.uint32, len(texts))
        rows = terms.searchsorted(wanted)
        rows[rows == len(terms)] = 0
        hits = (terms[rows] == wanted).tolist()
        starts, ends = self._arrays.starts[rows].tolist(), self._arrays.starts[rows + 1].tolist()
        return [
            Term(text, start, end, *((pair, TermKind.PAIR) if len(text) == 2 else (single, TermKind.CHARACTER)))
            for text, start, end, hit in zip(texts, starts, ends, hits, strict=True)
            if hit
        ]

    def search(self, terms: Sequence[Term], limit: int, policy: Policy) -> tuple[list[int], list[float]]:
        """(rows, scores) of the best entries, best first, at most ``limit``; equal scores in the entries' order."""
        scores = np.zeros(self.size, np.float32)
        rare, common = _split(terms, max(COMMON_FROM, self.size * COMMON), policy)
        self._add(scores, rare or common[:4])
        found = _best(scores, max(limit, RERANKED) if common and rare else limit)
        if common and rare and len(found):
            found.sort()
            values = scores[found]
            for term in common:
                values += self._impacts(term, found)
            order = np.lexsort((found, -values))[:limit]
            return found[order].tolist(), values[order].tolist()
        return found.tolist(), scores[found].tolist()

    def _add(self, scores: Floats, terms: Iterable[Term]) -> None:
        entries, impacts, unit = self._arrays.entries, self._arrays.impacts, self._arrays.unit
        for term in terms:
            part = slice(term.start, term.end)
            scores[entries[part]] += impacts[part] * np.float32(term.weight * unit)

    def _impacts(self, term: Term, rows: NDArray[np.intp]) -> Floats:
        """What the term adds to the score of each of these rows."""
        part = self._arrays.entries[term.start : term.end]
        wanted = rows.astype(part.dtype)
        at = part.searchsorted(wanted)
        at[at == len(part)] = 0
        impacts = self._arrays.impacts[at + term.start] * np.float32(term.weight * self._arrays.unit)
        return np.asarray(impacts * (part[at] == wanted), np.float32)

    def held(self, terms: Sequence[Term], rows: Sequence[int]) -> Held:
        """What each of these rows holds of each term: one binary search for all pairs at once."""
        entries = self._arrays.entries
        if not terms or not rows:
            shape = (len(terms), len(rows))
            return Held(np.zeros(shape, np.bool_), np.zeros(shape, np.float32), np.zeros(shape, np.uint8))
        wanted = np.array(rows, np.int64)[None, :]
        ends = np.array([term.end for term in terms], np.int64)[:, None]
        low = np.repeat(np.array([term.start for term in terms], np.int64)[:, None], len(rows), axis=1)
        high = np.repeat(ends, len(rows), axis=1)
        for _ in range(max(term.holders for term in terms).bit_length()):
            middle = (low + high) >> 1
            less = (entries.take(middle, mode="clip") < wanted) & (low < high)
            low = np.where(less, middle + 1, low)
            high = np.where(less, high, middle)
        present = (low < ends) & (entries.take(low, mode="clip") == wanted)
        units = np.array([term.weight * self._arrays.unit for term in terms], np.float32)[:, None]
        impacts = self._arrays.impacts.take(low, mode="clip") * units * present
        return Held(present, impacts, self._arrays.fields.take(low, mode="clip"))

    def rarity(self, holders: int) -> float:
        """What a term that so many entries hold counts, before anything else weighs it."""
        return float(inverse_frequency(holders, self.size) ** self._sharpness)

    def likeness(self, text: str, rows: Sequence[int]) -> list[float]:
        """Dice's coefficient of letter pairs with the most similar phrasing of each entry: 0 apart, 1 the same."""
        letters = letters_of(text[:LIKENESS_TEXT_MAX])
        letters = letters[is_letter(letters)]
        if len(letters) < 2 or not rows:
            return [0.0] * len(rows)
        mine = np.unique(pair_hashes(letters))
        arrays = self._arrays
        spans = [arrays.phrasings[arrays.firsts[row] : arrays.firsts[row + 1] + 1] for row in rows]
        theirs = np.concatenate([arrays.pairs[span[0] : span[-1]] for span in spans])
        at = mine.searchsorted(theirs)
        at[at == len(mine)] = 0
        total = np.zeros(len(theirs) + 1, np.int32)
        np.cumsum(mine[at] == theirs, out=total[1:])
        sizes = [span[1:] - span[:-1] for span in spans]
        each = np.concatenate(sizes)
        ends = np.cumsum(each)
        alike = 2.0 * (total[ends] - total[ends - each]) / (each + len(mine))
        firsts = np.cumsum([0] + [len(size) for size in sizes[:-1]])
        best: list[float] = np.minimum(np.maximum.reduceat(alike, firsts), 1.0).tolist()
        return best


def inverse_frequency(holders: int, size: int) -> float:
    """BM25's idf, the variant that never falls below zero."""
    return math.log(1.0 + (size - holders + 0.5) / (holders + 0.5))


def _split(terms: Sequence[Term], common_from: float, policy: Policy) -> tuple[list[Term], list[Term]]:
    """Rare terms that find, common terms that only re-rank; the rarest first, within the policy's bounds."""
    rare: list[Term] = []
    common: list[Term] = []
    budget = policy.postings_max
    for term in sorted(terms, key=lambda term: term.holders)[: policy.terms_max]:
        if term.holders >= common_from:
            common.append(term)
        elif term.holders <= budget:
            budget -= term.holders
            rare.append(term)
    return rare, common


def _best(scores: Floats, limit: int) -> NDArray[np.intp]:
    """Rows of the best positive scores, best first. Sorting only what is over half of the best is 5-100 times faster
    than a full partition over many equal zeros."""
    top = float(scores.max()) if len(scores) else 0.0
    if top <= 0.0:
        return np.zeros(0, np.intp)
    found = np.flatnonzero(scores > top * 0.5)
    if len(found) < limit:
        found = np.flatnonzero(scores > 0.0)
    if len(found) > 2 * limit:
        cut = np.partition(scores[found], len(found) - limit)[len(found) - limit]
        found = found[scores[found] >= cut]
    return found[np.lexsort((found, -scores[found]))][:limit]
