"""Building the arrays of an index: the whole corpus at once, as arrays of letters, terms and counts.

An occurrence of a term is one number of 60 bits: term (31), entry (26), field (3); one sort groups them all. A term is
a number of 31 bits: bit 30 set for a word (its number in the vocabulary below), else two characters of 15 bits each,
the second zero for a single character.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlp.entry import Entry
from nlp.letters import Letters, letters_of, text_of
from nlp.policy import Field, Policy
from nlp.segment import HAN_FIRST, HAN_LAST, OTHER_MAX, OTHER_RUN, Segmenter

# Entries that are read in one go: bounds how long one call holds the interpreter.
CHUNK = 128
WORD_BIT = 1 << 30
CHARACTER_BASE = ord(HAN_FIRST) - 1
CHARACTER_BITS = 15
SEPARATOR = "\x1e"
PART = "\n"
_FIELD_BITS, _ENTRY_BITS = 3, 26
_TERM_SHIFT = _FIELD_BITS + _ENTRY_BITS
# A phrasing is one name, alias or question.
PHRASING_FIELDS = (Field.NAME, Field.ALIASES, Field.QUESTIONS)
PAIR_FACTOR = 0x9E37

Longs = NDArray[np.uint64]
Ints = NDArray[np.int32]
Floats = NDArray[np.float32]
Shorts = NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Arrays:
    """What a built index holds. ``terms`` ascend; the postings of ``terms[i]`` are ``starts[i]:starts[i + 1]``.

    ``entries`` ascend within a term; ``impacts`` times ``unit`` is what the term adds to the entry's score; ``fields``
    are the fields that hold the term there, as bits. ``pairs[phrasings[j]:phrasings[j + 1]]`` are the hashed letter
    pairs of phrasing j, and ``firsts[row]:firsts[row + 1]`` the phrasings of an entry.
    """

    vocabulary: dict[str, int]
    terms: NDArray[np.uint32]
    starts: Ints
    entries: NDArray[np.uint16] | Ints
    impacts: Shorts
    unit: float
    fields: NDArray[np.uint8]
    pairs: Shorts
    phrasings: Ints
    firsts: Ints


def build(entries: Sequence[Entry], segmenter: Segmenter, policy: Policy) -> Arrays:
    """The arrays of an index over ``entries``."""
    vocabulary: defaultdict[str, int] = defaultdict()
    vocabulary.default_factory = vocabulary.__len__
    heads = _Heads([vocabulary[word] for word in segmenter.firsts], [vocabulary[word] for word in segmenter.seconds])
    occurrences = _Buffer()
    lengths = np.zeros((len(Field), len(entries)), np.float32)
    phrasings: list[tuple[Shorts, Ints, Ints]] = []
    for first in range(0, len(entries), CHUNK):
        chunk = entries[first : first + CHUNK]
        for field in Field:
            limit = policy.body_max if field is Field.BODY else None
            texts = (PART.join(entry.parts(field)).replace(SEPARATOR, " ")[:limit] for entry in chunk)
            letters = letters_of(SEPARATOR.join(texts))
            terms, rows, counts = _terms(letters, len(chunk), segmenter, heads, vocabulary)
            lengths[field, first : first + CHUNK] = counts
            packed = terms << _TERM_SHIFT | (rows + first) << _FIELD_BITS | int(field)
            occurrences.add(packed)
        phrasings.append(_phrasings(chunk))
    codes = occurrences.sorted()
    del occurrences
    pairs, bounds, firsts = _joined(phrasings)
    terms_, starts, rows_, impacts, unit, fields = _postings(codes, lengths, policy)
    return Arrays(dict(vocabulary), terms_, starts, rows_, impacts, unit, fields, pairs, bounds, firsts)


class _Buffer:
    """One growing array instead of many small ones, whose memory the process would keep after the build."""

    def __init__(self) -> None:
        self._values: Longs = np.empty(1 << 20, np.uint64)
        self._size = 0

    def add(self, values: NDArray[np.int64]) -> None:
        end = self._size + len(values)
        if end > len(self._values):
            grown = np.empty(max(end, 2 * len(self._values)), np.uint64)
            grown[: self._size] = self._values[: self._size]
            self._values = grown
        self._values[self._size : end] = values
        self._size = end

    def sorted(self) -> Longs:
        self._values[: self._size].sort()
        return self._values[: self._size]


class _Heads:
    """Finds where a term of the catalogue may start: its first word, followed by its second."""

    def __init__(self, firsts: Sequence[int], seconds: Sequence[int]) -> None:
        known = max([-1, *firsts, *seconds]) + 1
        # Words that come into the vocabulary later start no term: all of them share the last place.
        self._first, self._second = np.zeros(known + 1, np.bool_), np.zeros(known + 1, np.bool_)
        self._first[list(firsts)] = True
        self._second[list(seconds)] = True

    def places(self, numbers: NDArray[np.int64]) -> list[int]:
        near = np.minimum(numbers, len(self._first) - 1)
        return np.flatnonzero(self._first[near[:-1]] & self._second[near[1:]]).tolist()


def _terms(
    letters: Letters, size: int, segmenter: Segmenter, heads: _Heads, vocabulary: dict[str, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """(terms, their entries, Chinese characters of each entry) of one field of some entries."""
    rows = np.cumsum(letters == ord(SEPARATOR), dtype=np.int64)
    han = (letters >= ord(HAN_FIRST)) & (letters <= ord(HAN_LAST))
    codes = letters.astype(np.int64) - CHARACTER_BASE
    singles = np.flatnonzero(han)
    pairs = np.flatnonzero(han[:-1] & han[1:])
    terms = [codes[singles] << CHARACTER_BITS, codes[pairs] << CHARACTER_BITS | codes[pairs + 1]]
    places = [singles, pairs]
    if len(singles):
        # Blanks instead of everything else: the engine sees nothing on which rjieba and jieba could differ.
        tokens = segmenter.cut_han(text_of(np.where(han, letters, np.uint32(ord(" ")))))
        sizes = np.fromiter(map(len, tokens), np.int64, len(tokens))
        starts = np.cumsum(sizes) - sizes
        numbers = np.fromiter(map(vocabulary.__getitem__, tokens), np.int64, len(tokens))
        kept = sizes > 1
        terms.append(numbers[kept] | WORD_BIT)
        places.append(starts[kept])
        spelt = [(term, at) for at in heads.places(numbers) for term in segmenter.terms_at(tokens, at)]
        terms.append(np.array([vocabulary[term] for term, _ in spelt], np.int64) | WORD_BIT)
        places.append(starts[np.array([at for _, at in spelt], np.int64)])
    others = list(_others(letters, han))
    terms.append(np.array([vocabulary[word] for word, _ in others], np.int64) | WORD_BIT)
    places.append(np.array([at for _, at in others], np.int64))
    counts = np.bincount(rows[singles], minlength=size)[:size].astype(np.float32)
    return np.concatenate(terms), rows[np.concatenate(places)], counts


def _others(letters: Letters, han: NDArray[np.bool_]) -> Iterator[tuple[str, int]]:
    """Words of other scripts and where they start."""
    if bool(((letters > 0x2F) & ~han & ~((letters >= 0x2000) & (letters < 0x3100)) & (letters < 0xFF00)).any()):
        for match in OTHER_RUN.finditer(text_of(letters)):
            yield match.group()[:OTHER_MAX], match.start()


def _postings(
    codes: Longs, lengths: Floats, policy: Policy
) -> tuple[NDArray[np.uint32], Ints, NDArray[np.uint16] | Ints, Shorts, float, NDArray[np.uint8]]:
    """BM25F from sorted occurrences: (terms, starts, entries, impacts, unit, fields) as in ``Arrays``."""
    size = lengths.shape[1]
    heads = _heads(codes)
    counts = np.diff(heads, append=len(codes)).astype(np.float32)
    codes = codes[heads]
    field = (codes & np.uint64(7)).astype(np.uint8)
    pair = codes >> np.uint64(_FIELD_BITS)
    del codes
    row = (pair & np.uint64((1 << _ENTRY_BITS) - 1)).astype(np.int32)
    averages = np.maximum(lengths.mean(axis=1), 1e-6)[:, None] if size else np.ones((len(Field), 1), np.float32)
    b = np.asarray(policy.field_lengths, np.float32)[:, None]
    scale = np.asarray(policy.field_weights, np.float32)[:, None] / (1 - b + b * lengths / averages)
    counts *= scale.astype(np.float32)[field, row]
    heads = _heads(pair)
    weights = np.add.reduceat(counts, heads) if len(heads) else counts
    bits = np.left_shift(np.uint8(1), field)
    fields = np.bitwise_or.reduceat(bits, heads) if len(heads) else bits
    row = row[heads]
    term = (pair[heads] >> np.uint64(_ENTRY_BITS)).astype(np.uint32)
    heads = _heads(term)
    starts = np.append(heads, len(term)).astype(np.int32)
    holders = np.diff(starts)
    idf = np.log(1.0 + (size - holders + 0.5) / (holders + 0.5)).astype(np.float32)
    k1 = np.float32(policy.k1)
    exact = weights * (k1 + 1) / (weights + k1) * np.repeat(idf ** np.float32(policy.sharpness), holders)
    unit = max(float(exact.max()), 1e-6) / 65535.0 if len(exact) else 1.0
    impacts = np.maximum(np.rint(exact / np.float32(unit)), 1).astype(np.uint16)
    rows = row.astype(np.uint16) if size <= 0x10000 else row
    return term[heads], starts, rows, impacts, unit, fields


def _phrasings(entries: Sequence[Entry]) -> tuple[Shorts, Ints, Ints]:
    """(hashed letter pairs, how many each phrasing has, phrasings of each entry) of some entries."""
    texts = [[part for field in PHRASING_FIELDS for part in entry.parts(field)] for entry in entries]
    flat = [text.replace(SEPARATOR, " ") for parts in texts for text in parts]
    letters = letters_of(SEPARATOR.join(flat))
    letters = letters[is_letter(letters) | (letters == ord(SEPARATOR))]
    apart = letters == ord(SEPARATOR)
    owner = np.cumsum(apart)
    inside = np.flatnonzero(~apart[:-1] & ~apart[1:])
    counts = np.bincount(owner[inside], minlength=len(flat))[: len(flat)] if len(flat) else np.zeros(0)
    return pair_hashes(letters)[inside], counts.astype(np.int32), np.array([len(parts) for parts in texts], np.int32)


def _joined(chunks: Sequence[tuple[Shorts, Ints, Ints]]) -> tuple[Shorts, Ints, Ints]:
    empty = np.zeros(0, np.int32)
    pairs = np.concatenate([np.zeros(0, np.uint16), *(chunk[0] for chunk in chunks)])
    sizes = np.concatenate([empty, *(chunk[1] for chunk in chunks)])
    each = np.concatenate([empty, *(chunk[2] for chunk in chunks)])
    zero = np.zeros(1, np.int64)
    bounds, firsts = np.concatenate([zero, np.cumsum(sizes)]), np.concatenate([zero, np.cumsum(each)])
    return pairs, bounds.astype(np.int32), firsts.astype(np.int32)


def is_letter(letters: Letters) -> NDArray[np.bool_]:
    """Chinese characters, Latin letters and digits: what a phrasing is compared by."""
    digit = (letters >= ord("0")) & (letters <= ord("9"))
    latin = (letters >= ord("a")) & (letters <= ord("z"))
    return digit | latin | ((letters >= ord(HAN_FIRST)) & (letters <= ord(HAN_LAST)))


def pair_hashes(letters: Letters) -> Shorts:
    """A hash of 16 bits for each letter and the next: one chance pair in 65,536 does not matter in a likeness."""
    mixed = letters[:-1].astype(np.uint32) * np.uint32(PAIR_FACTOR) ^ letters[1:].astype(np.uint32) * np.uint32(0x85EB)
    folded: Shorts = ((mixed ^ (mixed >> np.uint32(15))) & np.uint32(0xFFFF)).astype(np.uint16)
    return folded


def _heads(values: NDArray[np.uint64] | NDArray[np.uint32]) -> NDArray[np.intp]:
    """Where each run of equal values starts."""
    if not len(values):
        return np.zeros(0, np.intp)
    return np.concatenate((np.zeros(1, np.intp), np.flatnonzero(values[1:] != values[:-1]) + 1))
