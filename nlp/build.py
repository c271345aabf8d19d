"""Building the arrays of an index, in numpy: each distinct text is cut once, then entries are put together from texts.

A term is a number of 31 bits: bit 30 set for a word (its number in the vocabulary below), else two characters of 15
bits each, the second zero for a single character. Everything works on a chunk at a time, so that what is held beside
the result stays small, and no single step holds the interpreter for long.
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

# Texts that are cut in one go, and entries that are put together in one go.
CHUNK, ENTRIES = 128, 1024
WORD_BIT = 1 << 30
CHARACTER_BASE = ord(HAN_FIRST) - 1
CHARACTER_BITS = 15
SEPARATOR = "\x1e"
PART = "\n"
# A phrasing is one name, alias or question.
PHRASING_FIELDS = (Field.NAME, Field.ALIASES, Field.QUESTIONS)
PAIR_FACTOR = 0x9E37
COUNT_MAX = 255

Longs = NDArray[np.uint64]
Ints = NDArray[np.int32]
Floats = NDArray[np.float32]
Shorts = NDArray[np.uint16]
Numbers = NDArray[np.uint16] | Ints


@dataclass(frozen=True, slots=True)
class Arrays:
    """What a built index holds. ``terms`` ascend; a term's number is its place there.

    By term: ``entries[starts[i]:starts[i + 1]]`` ascend and hold term i; ``impacts`` times ``coarse`` is about what it
    adds to their scores. By entry: ``held[heads[row]:heads[row + 1]]`` are the numbers of its terms, ascending;
    ``exact`` times ``unit`` is what each adds, and ``fields`` are the fields that hold it, as bits.
    ``pairs[phrasings[j]:phrasings[j + 1]]`` are the hashed letter pairs of phrasing j, and
    ``firsts[row]:firsts[row + 1]`` the phrasings of an entry. ``words`` gives the term's number of each word of the
    vocabulary, -1 where no entry holds it.
    """

    vocabulary: dict[str, int]
    words: Ints
    terms: NDArray[np.uint32]
    # Inverse document frequency of each term, sharpened by the policy.
    rarity: Floats
    starts: Ints
    entries: Numbers
    impacts: NDArray[np.uint8]
    coarse: float
    heads: Ints
    held: Numbers
    exact: Shorts
    unit: float
    fields: NDArray[np.uint8]
    pairs: Shorts
    phrasings: Ints
    firsts: Ints


def build(entries: Sequence[Entry], segmenter: Segmenter, policy: Policy) -> Arrays:
    """The arrays of an index over ``entries``."""
    vocabulary: defaultdict[str, int] = defaultdict()
    vocabulary.default_factory = vocabulary.__len__
    heads = _Heads([(vocabulary[first], vocabulary[second]) for first, second in sorted(segmenter.heads)])
    cut: list[_Texts] = []
    for field in Field:
        limit = policy.body_max if field is Field.BODY else None
        texts = [PART.join(entry.parts(field))[:limit] for entry in entries]
        cut.append(_cut(texts, segmenter, heads, vocabulary, field not in policy.words_only))
    terms = np.unique(np.concatenate([texts.distinct for texts in cut]))
    words = np.full(len(vocabulary), -1, np.int32)
    first_word = int(terms.searchsorted(np.uint32(WORD_BIT)))
    words[terms[first_word:] & np.uint32(WORD_BIT - 1)] = np.arange(first_word, len(terms), dtype=np.int32)
    numbered = [texts.numbered(terms) for texts in cut]
    pairs, bounds, firsts = _joined([_phrasings(entries[at : at + CHUNK]) for at in range(0, len(entries), CHUNK)])
    postings = _postings(numbered, len(entries), len(terms), policy)
    return Arrays(dict(vocabulary), words, terms, *postings, pairs, bounds, firsts)


@dataclass(frozen=True, slots=True)
class _Texts:
    """The distinct texts of one field. ``which`` is the text of each entry; the terms of text j are
    ``terms[bounds[j]:bounds[j + 1]]``, ascending, each with its count; ``lengths`` in Chinese characters."""

    which: NDArray[np.int64]
    terms: Ints | NDArray[np.uint32]
    counts: NDArray[np.uint8]
    bounds: NDArray[np.int64]
    lengths: Floats
    distinct: NDArray[np.uint32]

    def numbered(self, terms: NDArray[np.uint32]) -> _Texts:
        """With the terms' numbers instead of the terms."""
        numbers = terms.searchsorted(self.terms).astype(np.int32)
        return _Texts(self.which, numbers, self.counts, self.bounds, self.lengths, self.distinct)


def _cut(
    texts: Sequence[str], segmenter: Segmenter, heads: _Heads, vocabulary: dict[str, int], characters: bool
) -> _Texts:
    place: dict[str, int] = {}
    which = np.fromiter((place.setdefault(text, len(place)) for text in texts), np.int64, len(texts))
    each = list(place)
    terms, counts, sizes, lengths = [], [], [], []
    for first in range(0, len(each), CHUNK):
        chunk = [text.replace(SEPARATOR, " ") for text in each[first : first + CHUNK]]
        letters = letters_of(SEPARATOR.join(chunk))
        found, rows, length = _terms(letters, len(chunk), segmenter, heads, vocabulary, characters)
        codes = rows << 31 | found
        codes.sort()
        runs = _heads(codes)
        number = np.diff(runs, append=len(codes))
        codes = codes[runs]
        terms.append((codes & 0x7FFFFFFF).astype(np.uint32))
        counts.append(np.minimum(number, COUNT_MAX).astype(np.uint8))
        sizes.append(np.bincount(codes >> 31, minlength=len(chunk)))
        lengths.append(length)
    every = np.concatenate([np.zeros(0, np.uint32), *terms])
    return _Texts(
        which,
        every,
        np.concatenate([np.zeros(0, np.uint8), *counts]),
        np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate([np.zeros(0, np.int64), *sizes]))]),
        np.concatenate([np.zeros(0, np.float32), *lengths]),
        np.unique(every),
    )


class _Heads:
    """Finds where a term of the catalogue may start: its first word, followed by its second."""

    def __init__(self, pairs: Sequence[tuple[int, int]]) -> None:
        self._pairs = np.array(sorted(first << 32 | second for first, second in pairs), np.int64)

    def places(self, numbers: NDArray[np.int64]) -> list[int]:
        if not len(self._pairs):
            return []
        here = numbers[:-1] << 32 | numbers[1:]
        at = np.minimum(self._pairs.searchsorted(here), len(self._pairs) - 1)
        return np.flatnonzero(self._pairs[at] == here).tolist()


def _terms(
    letters: Letters, size: int, segmenter: Segmenter, heads: _Heads, vocabulary: dict[str, int], characters: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """(terms, their texts, Chinese characters of each text) of some texts; ``characters`` are terms too or not."""
    rows = np.cumsum(letters == ord(SEPARATOR), dtype=np.int64)
    han = (letters >= ord(HAN_FIRST)) & (letters <= ord(HAN_LAST))
    codes = letters.astype(np.int64) - CHARACTER_BASE
    singles = np.flatnonzero(han)
    pairs = np.flatnonzero(han[:-1] & han[1:])
    terms = [codes[singles] << CHARACTER_BITS, codes[pairs] << CHARACTER_BITS | codes[pairs + 1]] if characters else []
    places = [singles, pairs] if characters else []
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
    cut: Sequence[_Texts], size: int, terms: int, policy: Policy
) -> tuple[Floats, Ints, Numbers, NDArray[np.uint8], float, Ints, Numbers, Shorts, float, NDArray[np.uint8]]:
    """BM25F: (rarity, starts, entries, impacts, coarse, heads, held, exact, unit, fields) as in ``Arrays``."""
    scales = _scales(cut, policy)
    most = sum(int((texts.bounds[texts.which + 1] - texts.bounds[texts.which]).sum()) for texts in cut)
    held: Numbers = np.empty(most, np.uint16) if terms <= 0x10000 else np.empty(most, np.int32)
    weights, fields = np.empty(most, np.float16), np.empty(most, np.uint8)
    heads = np.zeros(size + 1, np.int32)
    end = 0
    for first in range(0, size, ENTRIES):
        last = min(first + ENTRIES, size)
        row, term, weight, bits = _together(cut, scales, first, last)
        part = slice(end, end + len(term))
        held[part], weights[part], fields[part] = term, weight, bits
        heads[first + 1 : last + 1] = end + np.cumsum(np.bincount(row, minlength=last - first))
        end += len(term)
    # A copy frees what repeated terms left over; a view would keep it.
    held, weights, fields = held[:end].copy(), weights[:end].copy(), fields[:end].copy()
    holders: NDArray[np.intp] = np.zeros(terms, np.intp)
    for at in range(0, end, 1 << 20):
        holders += np.bincount(held[at : at + (1 << 20)], minlength=terms)
    idf = (np.log(1.0 + (size - holders + 0.5) / (holders + 0.5)) ** policy.sharpness).astype(np.float32)
    k1 = np.float32(policy.k1)
    unit = max(float(idf.max(initial=0.0)) * (policy.k1 + 1.0), 1e-6) / 65535.0
    starts = np.concatenate((np.zeros(1, np.int64), np.cumsum(holders))).astype(np.int32)
    entries: Numbers = np.empty(end, np.uint16) if size <= 0x10000 else np.empty(end, np.int32)
    impacts = np.empty(end, np.uint8)
    exact = weights.view(np.uint16)
    free = starts[:-1].astype(np.int64)
    for first in range(0, size, ENTRIES):
        last = min(first + ENTRIES, size)
        part = slice(int(heads[first]), int(heads[last]))
        number = held[part]
        weight = weights[part].astype(np.float32)
        value = weight * (k1 + 1) / (weight + k1) * idf[number]
        exact[part] = np.maximum(np.rint(value / np.float32(unit)), 1).astype(np.uint16)
        order = np.argsort(number, kind="stable")
        ordered = number[order]
        runs = _heads(ordered)
        sizes = np.diff(runs, append=len(ordered))
        to = np.arange(len(ordered)) + np.repeat(free[ordered[runs]] - runs, sizes)
        row = np.repeat(np.arange(first, last), np.diff(heads[first : last + 1]))
        entries[to] = row[order]
        impacts[to] = np.maximum(exact[part][order] >> 8, 1)
        free[ordered[runs]] += sizes
    return idf, starts, entries, impacts, unit * 256.0, heads, held, exact, unit, fields


def _scales(cut: Sequence[_Texts], policy: Policy) -> list[Floats]:
    """For each field, what one occurrence counts in each of its texts."""
    found = []
    for field, texts in zip(Field, cut, strict=True):
        average = max(float(texts.lengths[texts.which].mean()) if len(texts.which) else 1.0, 1e-6)
        b = policy.field_lengths[field]
        scale = policy.field_weights[field] / (1.0 - b + b * texts.lengths / average)
        found.append(scale.astype(np.float32))
    return found


def _together(
    cut: Sequence[_Texts], scales: Sequence[Floats], first: int, last: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats, NDArray[np.uint8]]:
    """(row from ``first`` on, term, weight over all fields, fields as bits) of some entries, by row and term."""
    keys = []
    for place, texts in enumerate(cut):
        which = texts.which[first:last]
        sizes = texts.bounds[which + 1] - texts.bounds[which]
        ends = np.cumsum(sizes)
        at = np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(texts.bounds[which] - ends + sizes, sizes)
        row = np.repeat(np.arange(last - first), sizes)
        keys.append(row << 42 | texts.terms[at].astype(np.int64) << 11 | place << 8 | texts.counts[at])
    key = np.concatenate(keys)
    key.sort()
    field, row = key >> 8 & 7, key >> 42
    scale = np.stack([scale[texts.which[first:last]] for scale, texts in zip(scales, cut, strict=True)])
    weight = (key & COUNT_MAX).astype(np.float32) * scale[field, row]
    bits = np.left_shift(np.uint8(1), field.astype(np.uint8))
    runs = _heads(key >> 11)
    if not len(runs):
        return row, key, weight, bits
    term = key[runs] >> 11 & 0x7FFFFFFF
    return row[runs], term, np.add.reduceat(weight, runs), np.bitwise_or.reduceat(bits, runs)


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


def _heads(values: NDArray[np.integer]) -> NDArray[np.intp]:
    """Where each run of equal values starts."""
    if not len(values):
        return np.zeros(0, np.intp)
    return np.concatenate((np.zeros(1, np.intp), np.flatnonzero(values[1:] != values[:-1]) + 1))
