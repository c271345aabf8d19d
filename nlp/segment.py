"""Cutting text into words: rjieba by default, jieba as the fallback in pure Python and as the reference.

Both run the same algorithm over the same dictionary and agree on every run of Chinese characters; they differ only
around Latin letters, digits and punctuation. So these runs are split off here, by one pattern, and the engines see
nothing but Chinese characters and blanks.

The catalogue's terms lie over the engine's words: where the words of a text are just the words of a term, the term is
given as one more word. Telling the engine itself would need a new instance for every catalogue, and reading its
dictionary anew holds the interpreter for .1 s (measured), five times what the event loop may be late.
"""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

HAN_FIRST, HAN_LAST = "\u4e00", "\u9fd5"
HAN_RUN = re.compile(f"[{HAN_FIRST}-{HAN_LAST}]+")
# Letters and digits of any other script: "c1", "12345", "wifi6", Hangul.
OTHER_RUN = re.compile(f"[^\\W_{HAN_FIRST}-{HAN_LAST}]+")
_RUN = re.compile(f"[{HAN_FIRST}-{HAN_LAST}]+|[^\\W_{HAN_FIRST}-{HAN_LAST}]+")
OTHER_MAX = 32
# Whole item names cut worse than their parts; two characters are the dictionary's business.
TERM_MIN, TERM_MAX = 3, 6


def usable_terms(candidates: Iterable[str]) -> frozenset[str]:
    """Those that help as words of the dictionary: three to six Chinese characters, nothing else."""
    return frozenset(t for t in candidates if TERM_MIN <= len(t) <= TERM_MAX and HAN_RUN.fullmatch(t))


class Engine(Protocol):
    """What cuts runs of Chinese characters and blanks into tokens that joined give the text again."""

    def cut(self, text: str) -> list[str]: ...


class RustEngine:
    """rjieba. The module's own instance is used, and never changed: another one would cost 24 MB more."""

    def __init__(self) -> None:
        import rjieba

        self._cut: Any = rjieba.cut

    def cut(self, text: str) -> list[str]:
        return list(self._cut(text))


class PythonEngine:
    """jieba. It loads a marshalled dictionary from its cache folder, so the folder is this process's alone: in the
    shared temporary folder, its default, any user of the machine could plant a file that is unmarshalled."""

    def __init__(self) -> None:
        import jieba

        jieba.setLogLevel(logging.WARNING)
        self._jieba: Any = jieba.Tokenizer()
        self._folder = tempfile.TemporaryDirectory(prefix="banshi-jieba-")
        self._jieba.tmp_dir = str(Path(self._folder.name))
        self._jieba.initialize()

    def cut(self, text: str) -> list[str]:
        return list(self._jieba.cut(text))


@cache
def rust_engine() -> Engine:
    """The process's rjieba; raises ImportError where it is not installed."""
    return RustEngine()


@cache
def python_engine() -> Engine:
    """The process's jieba; about a second to start."""
    return PythonEngine()


def default_engine() -> Engine:
    """rjieba where it is installed, jieba otherwise."""
    try:
        return rust_engine()
    except ImportError:
        return python_engine()


class Segmenter:
    """Words of a normalised text. Immutable: new terms are a new Segmenter, and the holder swaps it in."""

    def __init__(self, terms: Iterable[str] = (), engine: Engine | None = None) -> None:
        self._engine = engine or default_engine()
        self.terms = usable_terms(terms)
        # First and second words of the terms that the engine does not know as words.
        cuts = [words for words in map(self._engine.cut, sorted(self.terms)) if len(words) > 1]
        self.heads = frozenset((words[0], words[1]) for words in cuts)

    def cut_han(self, text: str) -> list[str]:
        """Tokens of a text of Chinese characters and blanks, the blanks too: the fast way for a whole corpus."""
        return self._engine.cut(text)

    def terms_at(self, tokens: Sequence[str], place: int) -> list[str]:
        """Terms of the catalogue that the tokens from this place on spell."""
        found: list[str] = []
        spelt = tokens[place]
        for token in tokens[place + 1 : place + TERM_MAX]:
            spelt += token
            if len(spelt) > TERM_MAX:
                break
            if spelt in self.terms:
                found.append(spelt)
        return found

    def cut(self, text: str) -> list[str]:
        """Words in order, then the terms they spell; no punctuation, no blanks; other scripts in runs of at most 32."""
        words: list[str] = []
        for match in _RUN.finditer(text):
            run = match.group()
            if HAN_FIRST <= run[0] <= HAN_LAST:
                words.extend(self._engine.cut(run))
            else:
                words.append(run[:OTHER_MAX])
        if self.heads:
            heads = [at for at, pair in enumerate(pairwise(words)) if pair in self.heads]
            words.extend([term for at in heads for term in self.terms_at(words, at)])
        return words
