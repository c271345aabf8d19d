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
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nlp.build import (
    CHARACTER_BASE,
    CHARACTER_BITS,
    FIELDS_BITS,
    Arrays,
    Floats,
    Numbers,
    Shorts,
    build,
    is_letter,
    pair_hashes,
)
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
        self.arrays = arrays

    @classmethod
    def build(cls, entries: Sequence[Entry], segmenter: Segmenter, policy: Policy) -> ItemIndex:
        """An index over ``entries``; their order breaks ties."""
        return cls(build(entries, segmenter, policy), len(entries), policy.sharpness)

    @property
    def vocabulary(self) -> dict[str, int]:
        """Words that some entry holds. Not to be changed."""
        return self.arrays.vocabulary

    def word(self, text: str, weight: float, *, repaired: bool = False) -> Term | None:
        """The term of a word; None when no entry holds it."""
        number = self.arrays.vocabulary.get(text)
        row = -1 if number is None else int(self.arrays.words[number])
        if row < 0:
            return None
        starts, rarity = self.arrays.starts, self.arrays.rarity
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
        terms = self.arrays.terms
        if not texts or not len(terms):
            return []
        wanted = np.fromiter(texts.values(), np.uint32, len(texts))
        rows = terms.searchsorted(wanted)
        rows[rows == len(terms)] = 0
        hits = (terms[rows] == wanted).tolist()
        starts, ends = self.arrays.starts[rows].tolist(), self.arrays.starts[rows + 1].tolist()
        rarity = self.arrays.rarity[rows].tolist()
        kinds = {1: (single, TermKind.CHARACTER), 2: (pair, TermKind.PAIR)}
        return [
            Term(text, row, start, end, rare, *kinds[len(text)])
            for text, row, start, end, rare, hit in zip(texts, rows.tolist(), starts, ends, rarity, hits, strict=True)
            if hit
        ]

    def search(self, terms: Sequence[Term], limit: int, policy: Policy) -> tuple[list[int], list[float]]:
        """(rows, scores) of the best entries, best first, at most ``limit``; equal scores in the entries' order."""
        rare, common = _split(terms, max(COMMON_FROM, self.size * COMMON), policy)
        used = rare or common[:4]
        if not used:
            return [], []
        # One pass over all postings: a call for each term costs more than the few postings that it has.
        spans = [slice(term.start, term.end) for term in used]
        entries = np.concatenate([self.arrays.entries[span] for span in spans])
        impacts = np.concatenate([self.arrays.impacts[span] for span in spans])
        weights = np.repeat(np.array([term.weight for term in used]), [term.end - term.start for term in used])
        scores = np.asarray(np.bincount(entries, impacts * weights, self.size), np.float64)
        found = _best(scores, max(limit, RERANKED))
        if not len(found):
            return [], []
        found.sort()
        values = self._scores(terms, found)
        order = np.lexsort((found, -values))[:limit]
        return found[order].tolist(), values[order].tolist()

    def _scores(self, terms: Sequence[Term], rows: NDArray[np.intp]) -> Floats:
        """The exact score of each of these rows."""
        arrays = self.arrays
        weights = np.zeros(len(arrays.terms), np.float32)
        np.add.at(weights, [term.number for term in terms], [term.weight for term in terms])
        held, worth, owner = self._of(rows)
        here = weights[held]
        # Few of the terms of an entry are in the text.
        hits = np.flatnonzero(here)
        values = here[hits] * arrays.values[worth[hits] >> FIELDS_BITS]
        return np.bincount(owner[hits], values, len(rows)).astype(np.float32)

    def _of(self, rows: NDArray[np.intp]) -> tuple[Numbers, Shorts, NDArray[np.intp]]:
        """(terms, worth, place of the row in ``rows``) of all that these rows hold."""
        arrays = self.arrays
        starts, ends = arrays.heads[rows], arrays.heads[rows + 1]
        spans = [slice(start, end) for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
        owner = np.repeat(np.arange(len(rows)), ends - starts)
        return (
            np.concatenate([arrays.held[span] for span in spans]),
            np.concatenate([arrays.worth[span] for span in spans]),
            owner,
        )

    def held(self, terms: Sequence[Term], rows: Sequence[int]) -> Held:
        """What each of these rows holds of each term."""
        shape = (len(terms), len(rows))
        found = Held(np.zeros(shape, np.bool_), np.zeros(shape, np.float32), np.zeros(shape, np.uint8))
        if not terms or not rows:
            return found
        arrays = self.arrays
        place = np.full(len(arrays.terms), -1, np.int16)
        place[[term.number for term in terms]] = np.arange(len(terms))
        weights = np.array([term.weight for term in terms], np.float32)
        held, worth, owner = self._of(np.array(rows))
        lines = place[held]
        at = np.flatnonzero(lines >= 0)
        lines, columns, worth = lines[at], owner[at], worth[at]
        found.present[lines, columns] = True
        found.impacts[lines, columns] = arrays.values[worth >> FIELDS_BITS] * weights[lines]
        found.fields[lines, columns] = worth & ((1 << FIELDS_BITS) - 1)
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
        arrays = self.arrays
        mark = np.zeros(1 << 16, np.bool_)
        mark[pair_hashes(letters)] = True
        mine = int(np.count_nonzero(mark))
        owned = [arrays.which[arrays.firsts[row] : arrays.firsts[row + 1]] for row in rows]
        each = np.concatenate(owned)
        starts = arrays.phrasings[each]
        counts = arrays.phrasings[each + 1] - starts
        ends = np.cumsum(counts)
        theirs = arrays.pairs[np.arange(ends[-1]) + np.repeat(starts - ends + counts, counts)]
        total = np.zeros(len(theirs) + 1, np.int32)
        np.cumsum(mark[theirs], out=total[1:])
        alike = 2.0 * (total[ends] - total[ends - counts]) / (counts + mine)
        firsts = np.cumsum([0] + [len(phrasings) for phrasings in owned[:-1]])
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


def _best(scores: NDArray[np.float64], limit: int) -> NDArray[np.intp]:
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
