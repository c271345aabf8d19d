"""Repairing what an input method got wrong: words of the same sound, and whole questions typed in pinyin.

A window of two to four characters that is no word of the index is also searched as the index words of the same sound.
A run of Latin letters that splits into syllables is searched as the index words of these syllables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import islice, product
from pathlib import Path

DATA = Path(__file__).parent / "data"
WORD_MIN, WORD_MAX = 2, 4
# Readings tried for one word, and characters of one text that are looked at: both bound the work of a query.
READINGS_MAX = 4
TEXT_MAX = 200
_BASE = 1024


@cache
def _tables() -> tuple[dict[str, tuple[int, ...]], dict[str, int]]:
    """(readings of each character, the commonest first, as syllable numbers; number of each syllable)."""
    found: dict[str, tuple[int, ...]] = {}
    numbers: dict[str, int] = {}
    for line in (DATA / "pinyin.txt").read_text(encoding="utf-8").splitlines()[1:]:
        syllable, colon, characters = line.partition(":")
        if not colon:
            continue
        number = numbers.setdefault(syllable, len(numbers) + 1)
        alone = (number,)
        for character in characters:
            before = found.get(character)
            found[character] = (*before, number) if before else alone
    return found, numbers


def _key(syllables: Iterable[int]) -> int:
    key = 0
    for syllable in syllables:
        key = key * _BASE + syllable
    return key


def readings(character: str) -> tuple[int, ...]:
    """Numbers of the syllables that the character is read as, the commonest first; empty when it has none."""
    return _tables()[0].get(character, ())


def sounds(word: str) -> list[int]:
    """Sound keys of a word of Chinese characters, at most ``READINGS_MAX``; empty when a character has no reading."""
    return _keys([readings(character) for character in word])


def _keys(options: Sequence[tuple[int, ...]]) -> list[int]:
    key = 0
    for option in options:
        if len(option) != 1:
            return [_key(choice) for choice in islice(product(*options), READINGS_MAX)]
        key = key * _BASE + option[0]
    return [key]


class SoundIndex:
    """Index words by their sound. Immutable after building."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words: dict[int, list[str]] = {}
        self._known = set()
        for word in words:
            if WORD_MIN <= len(word) <= WORD_MAX and not word.isascii():
                self._known.add(word)
                for key in sounds(word):
                    self._words.setdefault(key, []).append(word)

    def repairs(self, runs: Sequence[str]) -> list[str]:
        """Index words that sound like a window of these Chinese runs; no word that is there as written."""
        found: dict[str, None] = {}
        left = TEXT_MAX
        known, words = self._known, self._words
        for run in runs:
            run = run[:left]
            left -= len(run)
            options = list(map(readings, run))
            for start in range(len(run) - WORD_MIN + 1):
                for end in range(start + WORD_MIN, min(start + WORD_MAX, len(run)) + 1):
                    if run[start:end] not in known:
                        for key in _keys(options[start:end]):
                            if key in words:
                                found.update(dict.fromkeys(words[key]))
        return list(found)

    def from_letters(self, letters: Sequence[str]) -> list[str]:
        """Index words spelt by Latin runs, ``["shenfenzheng"]`` or ``["shen", "fen", "zheng"]``; longest first."""
        syllables: list[int] = []
        for run in letters:
            syllables.extend(_syllables(run[:TEXT_MAX]) or (0,))
        found: dict[str, None] = {}
        for size in range(WORD_MAX, WORD_MIN - 1, -1):
            for start in range(min(len(syllables), TEXT_MAX) - size + 1):
                window = syllables[start : start + size]
                if 0 not in window:
                    found.update(dict.fromkeys(self._words.get(_key(window), ())))
        return list(found)


def _syllables(letters: str) -> list[int]:
    """The split of a Latin run into the fewest syllables; empty when it is no pinyin."""
    numbers = _tables()[1]
    best: list[list[int] | None] = [[]] + [None] * len(letters)
    for end in range(1, len(letters) + 1):
        for start in range(max(0, end - 6), end):
            before = best[start]
            number = numbers.get(letters[start:end])
            if before is not None and number is not None:
                here = best[end]
                if here is None or len(before) + 1 < len(here):
                    best[end] = [*before, number]
    return best[-1] or []
