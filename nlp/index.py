"""The item index: BM25F over the fields of an entry, terms being words, characters and pairs of characters.

Everything that one term can add to one entry's score is computed when the index is built. A query adds slices by term
for the few rarest terms, then scores the best entries again, exactly and with all terms, by what the entries hold. An
index is immutable; a new catalogue is a new index.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nlp.build import CHARACTER_BASE, CHARACTER_BITS, Arrays, Floats, build, is_letter, pair_hashes
from nlp.entry import Entry
from nlp.letters import letters_of
from nlp.policy import Policy
from nlp.segment import Segmenter

# A term that this share of all entries holds tells so little that it only re-ranks what rarer terms found.
COMMON = 0.05
COMMON_FROM = 1000
RERANKED = 40
# So many of the rarest terms always find, whatever the policy's bound on postings.
LEAST_TERMS = 8
# Letters of a text that are compared with phrasings.
LIKENESS_TEXT_MAX = 100


class TermKind(Enum):
    """Kinds of terms, in the order in which they explain a match best."""

    WORD = "word"
    PAIR = "pair"
    CHARACTER = "character"


class Term(NamedTuple):
    """One term of a query: where its postings are, how rare it is, and what it weighs in this query."""

    text: str
    number: int
    start: int
    end: int
    rarity: float
    weight: float
    kind: TermKind = TermKind.WORD
    # The text holds the sound of this word, not the word itself.
    repaired: bool = False


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
        row = -1 if number is None else int(self._arrays.words[number])
        if row < 0:
            return None
        starts, rarity = self._arrays.starts, self._arrays.rarity
        return Term(
            text, row, int(starts[row]), int(starts[row + 1]), float(rarity[row]), weight, TermKind.WORD, repaired
        )

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
        rarity = self._arrays.rarity[rows].tolist()
        kinds = {1: (single, TermKind.CHARACTER), 2: (pair, TermKind.PAIR)}
        return [
            Term(text, row, start, end, rare, *kinds[len(text)])
            for text, row, start, end, rare, hit in zip(texts, rows.tolist(), starts, ends, rarity, hits, strict=True)
            if hit
        ]

    def search(self, terms: Sequence[Term], limit: int, policy: Policy) -> tuple[list[int], list[float]]:
        """(rows, scores) of the best entries, best first, at most ``limit``; equal scores in the entries' order."""
        scores = np.zeros(self.size, np.float32)
        rare, common = _split(terms, max(COMMON_FROM, self.size * COMMON), policy)
        entries, impacts, coarse = self._arrays.entries, self._arrays.impacts, self._arrays.coarse
        for term in rare or common[:4]:
            part = slice(term.start, term.end)
            scores[entries[part]] += impacts[part] * np.float32(term.weight * coarse)
        found = _best(scores, max(limit, RERANKED))
        if not len(found):
            return [], []
        found.sort()
        values = self._scores(terms, found)
        order = np.lexsort((found, -values))[:limit]
        return found[order].tolist(), values[order].tolist()

    def _scores(self, terms: Sequence[Term], rows: NDArray[np.intp]) -> Floats:
        """The exact score of each of these rows."""
        arrays = self._arrays
        weights = np.zeros(len(arrays.terms), np.float32)
        np.add.at(weights, [term.number for term in terms], [term.weight * arrays.unit for term in terms])
        starts, ends = arrays.heads[rows].tolist(), arrays.heads[rows + 1].tolist()
        spans = [slice(start, end) for start, end in zip(starts, ends, strict=True)]
        held = np.concatenate([arrays.held[span] for span in spans])
        values = weights[held] * np.concatenate([arrays.exact[span] for span in spans])
        firsts = [0, *accumulate(end - start for start, end in zip(starts[:-1], ends[:-1], strict=True))]
        return np.add.reduceat(values, firsts)

    def held(self, terms: Sequence[Term], rows: Sequence[int]) -> Held:
        """What each of these rows holds of each term."""
        shape = (len(terms), len(rows))
        found = Held(np.zeros(shape, np.bool_), np.zeros(shape, np.float32), np.zeros(shape, np.uint8))
        if not terms or not rows:
            return found
        arrays = self._arrays
        place = np.full(len(arrays.terms), -1, np.int16)
        place[[term.number for term in terms]] = np.arange(len(terms))
        units = np.array([term.weight * arrays.unit for term in terms], np.float32)
        for column, row in enumerate(rows):
            start, end = int(arrays.heads[row]), int(arrays.heads[row + 1])
            lines = place[arrays.held[start:end]]
            at = np.flatnonzero(lines >= 0)
            lines = lines[at]
            at += start
            found.present[lines, column] = True
            found.impacts[lines, column] = arrays.exact[at] * units[lines]
            found.fields[lines, column] = arrays.fields[at]
        return found

    @property
    def unknown_rarity(self) -> float:
        """What a word that no entry holds counts."""
        return float(math.log(1.0 + (self.size + 0.5) / 0.5) ** self._sharpness)

    def likeness(self, text: str, rows: Sequence[int]) -> list[float]:
        """Dice's coefficient of letter pairs with the most similar phrasing of each entry: 0 apart, 1 the same."""
        letters = letters_of(text[:LIKENESS_TEXT_MAX])
        letters = letters[is_letter(letters)]
        if len(letters) < 2 or not rows:
            return [0.0] * len(rows)
        arrays = self._arrays
        mark = np.zeros(1 << 16, np.bool_)
        mark[pair_hashes(letters)] = True
        mine = int(np.count_nonzero(mark))
        spans = [arrays.phrasings[arrays.firsts[row] : arrays.firsts[row + 1] + 1] for row in rows]
        theirs = np.concatenate([arrays.pairs[span[0] : span[-1]] for span in spans])
        total = np.zeros(len(theirs) + 1, np.int32)
        np.cumsum(mark[theirs], out=total[1:])
        sizes = [span[1:] - span[:-1] for span in spans]
        each = np.concatenate(sizes)
        ends = np.cumsum(each)
        alike = 2.0 * (total[ends] - total[ends - each]) / (each + mine)
        firsts = np.cumsum([0] + [len(size) for size in sizes[:-1]])
        best: list[float] = np.minimum(np.maximum.reduceat(alike, firsts), 1.0).tolist()
        return best


def _split(terms: Sequence[Term], common_from: float, policy: Policy) -> tuple[list[Term], list[Term]]:
    """Rare terms that find, common terms that only re-rank; the rarest first, within the policy's bounds."""
    rare: list[Term] = []
    common: list[Term] = []
    budget = policy.postings_max
    for term in sorted(terms, key=lambda term: term.end - term.start)[: policy.terms_max]:
        holders = term.end - term.start
        if holders >= common_from:
            common.append(term)
        elif holders <= budget or len(rare) < LEAST_TERMS:
            budget -= holders
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
