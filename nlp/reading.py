"""Reading one text: its words, and the terms to search for, repaired ones included."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nlp.english import chinese_of
from nlp.index import ItemIndex, Term
from nlp.pinyin import SoundIndex
from nlp.policy import Policy
from nlp.segment import HAN_RUN, OTHER_RUN, Segmenter


@dataclass(frozen=True, slots=True)
class Reading:
    """``words`` in order; ``terms`` those that the index holds, each once; ``repairs`` the words that were added."""

    text: str
    words: list[str]
    terms: list[Term]
    repairs: list[str]
    # Words that no entry holds: what the text says beyond the catalogue.
    unknown: int


def read(text: str, segmenter: Segmenter, index: ItemIndex, sounds: SoundIndex, policy: Policy) -> Reading:
    """``text`` is normalised."""
    words = segmenter.cut(text)
    translated = chinese_of(text)
    runs = HAN_RUN.findall(text) + translated
    terms: list[Term] = []
    unknown = 0
    for word in dict.fromkeys(words):
        if len(word) > 1 or not HAN_RUN.match(word):
            term = index.word(word, policy.word)
            if term is None:
                unknown += 1
            else:
                terms.append(term)
    terms.extend(index.characters(runs, policy.character, policy.bigram))
    repairs: list[str] = []
    if policy.sound > 0.0:
        repairs = sounds.repairs(runs) + [word for run in translated for word in segmenter.cut(run)]
        letters = [word for word in OTHER_RUN.findall(text) if word.isascii() and word.isalpha()]
        if letters:
            repairs.extend(sounds.from_letters(letters))
        known = {term.text for term in terms if len(term.text) > 2} | set(words)
        added = [word for word in dict.fromkeys(repairs) if word not in known]
        terms.extend(_repaired(added, {term.text for term in terms}, index, policy))
    return Reading(text, words, terms, repairs, unknown)


def _repaired(words: list[str], there: set[str], index: ItemIndex, policy: Policy) -> Iterator[Term]:
    """Terms of words that the text only sounds like, and of their characters that are not there as written."""
    for word in words:
        if (term := index.word(word, policy.word * policy.sound, repaired=True)) is not None:
            yield term
    for term in index.characters(words, policy.character * policy.sound, policy.bigram * policy.sound):
        if term.text not in there:
            yield term._replace(repaired=True)
