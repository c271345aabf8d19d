"""A whole corpus as one array of letters: the catalogue's side of ``normalise``, a hundred times faster.

Only mappings of one letter to one letter are applied (simplified characters, small letters, full width to half); a
ligature such as ``㎡`` in an item is left as it is, and no one searches for it.
"""

from __future__ import annotations

import unicodedata
from functools import cache

import numpy as np
from numpy.typing import NDArray

from nlp.normalise import simplified

Letters = NDArray[np.uint32]
# Blocks in which NFKC or small letters differ from the letter itself, Chinese characters apart.
_BLOCKS = ((0x41, 0x5B), (0xA0, 0x600), (0x2000, 0x2500), (0x3000, 0x3400), (0xF900, 0x10000))


@cache
def _table() -> Letters:
    table = np.arange(0x10000, dtype=np.uint32)
    for first, last in _BLOCKS:
        for code in range(first, last):
            folded = unicodedata.normalize("NFKC", chr(code)).lower()
            if len(folded) == 1:
                table[code] = ord(folded)
    for code, character in simplified().items():
        table[code] = ord(character)
    return table


def letters_of(text: str) -> Letters:
    """The letters of ``text`` in their one form; as many as ``text`` has. Lone surrogates become question marks."""
    raw = np.frombuffer(text.encode("utf-32-le", errors="replace"), np.uint32)
    folded = _table()[np.minimum(raw, 0xFFFF)]
    return np.where(raw > 0xFFFF, raw, folded) if len(raw) and raw.max() > 0xFFFF else folded


def text_of(letters: Letters) -> str:
    """The string of an array of letters."""
    return letters.astype("<u4").tobytes().decode("utf-32-le", errors="replace")
