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
CHUNK, ENTRIES, PHRASINGS = 64, 1024, 1024
WORD_BIT = 1 << 30
CHARACTER_BASE = ord(HAN_FIRST) - 1
CHARACTER_BITS = 15
SEPARATOR = "\x1e"
PART = "\n"
# A phrasing is one name, alias or question.
PHRASING_FIELDS = (Field.NAME, Field.ALIASES, Field.QUESTIONS)
PAIR_FACTOR = 0x9E37
# How often a text holds a term is counted up to this; more says nothing more (BM25's saturation).
COUNT_BITS, FIELD_BITS = 5, 3
COUNT_MAX = (1 << COUNT_BITS) - 1
TERM_BITS_MAX = 32 - COUNT_BITS - FIELD_BITS
# What a term adds to an entry's score is kept as one of 512 values, each about a hundredth more than the one before.
FIELDS_BITS = len(Field)
VALUES = 1 << 16 - FIELDS_BITS
BITS = (1 << np.arange(FIELDS_BITS)).astype(np.uint8)

Longs = NDArray[np.uint64]
Ints = NDArray[np.int32]
Floats = NDArray[np.float32]
Shorts = NDArray[np.uint16]
Numbers = NDArray[np.uint16] | Ints


@dataclass(frozen=True, slots=True)
class Arrays:
    """What a built index holds. ``terms`` ascend; a term's number is its place there.

    By term: ``entries[starts[i]:starts[i + 1]]`` ascend and hold term i; ``impacts`` times ``coarse`` is about what it
    adds to their scores. By entry: ``held[heads[row]:heads[row + 1]]`` are the numbers of its terms, ascending; of
    ``worth``, the upper bits are the place in ``values`` of what each adds, the lower ones the fields that hold it.
    ``pairs[phrasings[j]:phrasings[j + 1]]`` are the hashed letter pairs of the distinct phrasing j, and
    ``which[firsts[row]:firsts[row + 1]]`` the phrasings of an entry. ``words`` gives the term's number of each word of
    the vocabulary, -1 where no entry holds it.
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
    worth: Shorts
    values: Floats
    pairs: Shorts
    phrasings: Ints
    which: Ints
    firsts: Ints


def build(entries: Sequence[Entry], segmenter: Segmenter, policy: Policy) -> Arrays:
    """The arrays of an index over ``entries``."""
    vocabulary: defaultdict[str, int] = defaultdict()
    vocabulary.default_factory = vocabulary.__len__
    heads = _Heads([(vocabulary[first], vocabulary[second]) for first, second in sorted(segmenter.heads)])
    cut: list[_Texts] = []
    for field in Field:
        limit = policy.body_max if field is Field.BODY else None
        cut.append(_cut(_texts(entries, field, limit), segmenter, heads, vocabulary, field not in policy.words_only))
    terms = np.unique(np.concatenate([texts.distinct for texts in cut]))
    words = np.full(len(vocabulary), -1, np.int32)
    first_word = int(terms.searchsorted(np.uint32(WORD_BIT)))
    words[terms[first_word:] & np.uint32(WORD_BIT - 1)] = np.arange(first_word, len(terms), dtype=np.int32)
    numbered = [texts.numbered(terms) for texts in cut]
    postings = _postings(numbered, len(entries), len(terms), policy)
    return Arrays(dict(vocabulary), words, terms, *postings, *_phrasings(entries))


def _texts(entries: Sequence[Entry], field: Field, limit: int | None) -> tuple[list[str], NDArray[np.int64]]:
    """(the distinct texts of a field, the text of each entry)."""
    place: dict[tuple[str, ...], int] = {}
    which = np.fromiter(
        (place.setdefault(tuple(entry.parts(field)), len(place)) for entry in entries), np.int64, len(entries)
    )
    return [PART.join(parts)[:limit] for parts in place], which


@dataclass(frozen=True, slots=True)
class _Texts:
    """The distinct texts of one field. ``which`` is the text of each entry; the terms of text j are
    ``terms[bounds[j]:bounds[j + 1]]``, ascending, each with its count; ``lengths`` in Chinese characters."""

    which: NDArray[np.int64]
    terms: NDArray[np.uint32]
    counts: NDArray[np.uint8]
    bounds: NDArray[np.int64]
    lengths: Floats
    distinct: NDArray[np.uint32]

    def numbered(self, terms: NDArray[np.uint32]) -> _Numbered:
        """With the terms' numbers instead of the terms."""
        numbers = terms.searchsorted(self.terms).astype(np.uint32)
        codes = numbers << np.uint32(COUNT_BITS + FIELD_BITS) | self.counts
        return _Numbered(self.which, codes, self.bounds, self.lengths)


@dataclass(frozen=True, slots=True)
class _Numbered:
    """As ``_Texts``; ``codes`` hold the number of a term, room for a field, and the count."""

    which: NDArray[np.int64]
    codes: NDArray[np.uint32]
    bounds: NDArray[np.int64]
    lengths: Floats


def _cut(
    texts: tuple[Sequence[str], NDArray[np.int64]],
    segmenter: Segmenter,
    heads: _Heads,
    vocabulary: dict[str, int],
    characters: bool,
) -> _Texts:
    each, which = texts
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
    cut: Sequence[_Numbered], size: int, terms: int, policy: Policy
) -> tuple[Floats, Ints, Numbers, NDArray[np.uint8], float, Ints, Numbers, Shorts, Floats]:
    """BM25F: (rarity, starts, entries, impacts, coarse, heads, held, worth, values) as in ``Arrays``."""
    heads, held, weights, fields = _by_entry(cut, size, terms, policy)
    end = len(held)
    holders: NDArray[np.intp] = np.zeros(terms, np.intp)
    for at in range(0, end, 1 << 20):
        holders += np.bincount(held[at : at + (1 << 20)], minlength=terms)
    idf = (np.log(1.0 + (size - holders + 0.5) / (holders + 0.5)) ** policy.sharpness).astype(np.float32)
    k1 = np.float32(policy.k1)
    top = max(float(idf.max(initial=0.0)) * (policy.k1 + 1.0), 1e-6)
    coarse = np.float32(top / 255.0)
    # No value is under what the smallest weight and the commonest term make.
    least = float(weights.min(initial=np.float16(1.0)))
    low = max(least * (policy.k1 + 1.0) / (least + policy.k1) * float(idf.min(initial=top)), top * 1e-5)
    step = np.float32(np.log(top / low) / (VALUES - 1)) + np.float32(1e-9)
    values = (low * np.exp(np.arange(VALUES) * step)).astype(np.float32)
    starts = np.concatenate((np.zeros(1, np.int64), np.cumsum(holders))).astype(np.int32)
    entries: Numbers = np.empty(end, np.uint16) if size <= 0x10000 else np.empty(end, np.int32)
    impacts = np.empty(end, np.uint8)
    # Each weight is read before what it makes is written into its place.
    worth = weights.view(np.uint16)
    free = starts[:-1].copy()
    for first in range(0, size, ENTRIES):
        last = min(first + ENTRIES, size)
        part = slice(int(heads[first]), int(heads[last]))
        number = held[part]
        weight = weights[part].astype(np.float32)
        value = weight * (k1 + 1) / (weight + k1) * idf[number]
        place = np.rint(np.log(np.maximum(value / np.float32(low), 1.0)) / step).clip(0, VALUES - 1).astype(np.uint16)
        worth[part] = place << np.uint16(FIELDS_BITS) | fields[part]
        order = np.argsort(number, kind="stable")
        ordered = number[order]
        runs = _heads(ordered)
        sizes = np.diff(runs, append=len(ordered))
        to = np.arange(len(ordered), dtype=np.int32) + np.repeat(free[ordered[runs]] - runs.astype(np.int32), sizes)
        row = np.repeat(np.arange(first, last, dtype=entries.dtype), np.diff(heads[first : last + 1]))
        entries[to] = row[order]
        impacts[to] = np.maximum(value / coarse, 1).astype(np.uint8)[order]
        free[ordered[runs]] += sizes.astype(np.int32)
    return idf, starts, entries, impacts, float(coarse), heads, held, worth, values


def _by_entry(
    cut: Sequence[_Numbered], size: int, terms: int, policy: Policy
) -> tuple[Ints, Numbers, NDArray[np.float16], NDArray[np.uint8]]:
    """(heads, held, the weight of each, its fields as bits), ``heads`` and ``held`` as in ``Arrays``."""
    scales = _scales(cut, policy)
    most = sum(int((texts.bounds[texts.which + 1] - texts.bounds[texts.which]).sum()) for texts in cut)
    held: Numbers = np.empty(most, np.uint16) if terms <= 0x10000 else np.empty(most, np.int32)
    weights, fields = np.empty(most, np.float16), np.empty(most, np.uint8)
    heads = np.zeros(size + 1, np.int32)
    end = 0
    bits = max(terms - 1, 1).bit_length()
    if bits > TERM_BITS_MAX:
        raise ValueError(f"{terms} terms, more than an index can number")
    # As many entries as the rest of the key can tell apart.
    many = 1 << min(TERM_BITS_MAX - bits, ENTRIES.bit_length() - 1)
    for first in range(0, size, many):
        last = min(first + many, size)
        row, term, weight, flags = _together(cut, scales, first, last, bits)
        part = slice(end, end + len(term))
        held[part], weights[part], fields[part] = term, weight, flags
        heads[first + 1 : last + 1] = end + np.cumsum(np.bincount(row, minlength=last - first))
        end += len(term)
    # A copy frees what repeated terms left over; a view would keep it.
    return heads, held[:end].copy(), weights[:end].copy(), fields[:end].copy()


def _scales(cut: Sequence[_Numbered], policy: Policy) -> list[Floats]:
    """For each field, what one occurrence counts in each of its texts."""
    found = []
    for field, texts in zip(Field, cut, strict=True):
        average = max(float(texts.lengths[texts.which].mean()) if len(texts.which) else 1.0, 1e-6)
        b = policy.field_lengths[field]
        scale = policy.field_weights[field] / (1.0 - b + b * texts.lengths / average)
        found.append(scale.astype(np.float32))
    return found


def _together(
    cut: Sequence[_Numbered], scales: Sequence[Floats], first: int, last: int, bits: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats, NDArray[np.uint8]]:
    """(row from ``first`` on, term, weight over all fields, fields as bits) of some entries, by row and term.

    A key is row, term, field and count in 32 bits, ``bits`` of them for the term: sorting keys half as long takes half
    the time, and sorting is a third of the build.
    """
    term_at, row_at = COUNT_BITS + FIELD_BITS, COUNT_BITS + FIELD_BITS + bits
    keys = []
    for place, texts in enumerate(cut):
        which = texts.which[first:last]
        sizes = texts.bounds[which + 1] - texts.bounds[which]
        ends = np.cumsum(sizes)
        at = np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(texts.bounds[which] - ends + sizes, sizes)
        row = np.repeat(np.arange(last - first, dtype=np.uint32) << np.uint32(row_at), sizes)
        keys.append(row | texts.codes[at] | np.uint32(place << COUNT_BITS))
    key = np.concatenate(keys)
    key.sort()
    field, row = key >> np.uint32(COUNT_BITS) & np.uint32((1 << FIELD_BITS) - 1), key >> np.uint32(row_at)
    scale = np.stack([scale[texts.which[first:last]] for scale, texts in zip(scales, cut, strict=True)])
    weight = (key & np.uint32(COUNT_MAX)).astype(np.float32) * scale.ravel().take(field * np.uint32(last - first) + row)
    flags = BITS.take(field)
    runs = _heads(key >> np.uint32(term_at))
    if not len(runs):
        return row.astype(np.int64), key.astype(np.int64), weight, flags
    term = (key[runs] >> np.uint32(term_at) & np.uint32((1 << bits) - 1)).astype(np.int64)
    return row[runs].astype(np.int64), term, np.add.reduceat(weight, runs), np.bitwise_or.reduceat(flags, runs)


def _phrasings(entries: Sequence[Entry]) -> tuple[Shorts, Ints, Ints, Ints]:
    """(pairs, phrasings, which, firsts) as in ``Arrays``: each distinct phrasing once."""
    place: dict[str, int] = {}
    which: list[int] = []
    firsts = [0]
    for entry in entries:
        which.extend(place.setdefault(text, len(place)) for field in PHRASING_FIELDS for text in entry.parts(field))
        firsts.append(len(which))
    each = list(place)
    pairs, sizes = [np.zeros(0, np.uint16)], [np.zeros(1, np.int32)]
    for first in range(0, len(each), PHRASINGS):
        flat = [text.replace(SEPARATOR, " ") for text in each[first : first + PHRASINGS]]
        letters = letters_of(SEPARATOR.join(flat))
        letters = letters[is_letter(letters) | (letters == ord(SEPARATOR))]
        apart = letters == ord(SEPARATOR)
        inside = np.flatnonzero(~apart[:-1] & ~apart[1:])
        pairs.append(pair_hashes(letters)[inside])
        sizes.append(np.bincount(np.cumsum(apart)[inside], minlength=len(flat))[: len(flat)].astype(np.int32))
    bounds = np.cumsum(np.concatenate(sizes), dtype=np.int32)
    return np.concatenate(pairs), bounds, np.array(which, np.int32), np.array(firsts, np.int32)


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
