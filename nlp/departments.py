"""Which department a complaint or a request is for: three suggestions, for the person who assigns it.

A city's own model (``nlp.hotline``) where there is one. Otherwise the catalogue: a message is for the departments whose
items it resembles, and for the department that it names.
"""

from __future__ import annotations

import json
import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import numpy as np

from nlp.features import message_features
from nlp.linear import BrokenModel, Linear
from nlp.matcher import Matcher
from nlp.normalise import normalise
from nlp.segment import Segmenter

log = logging.getLogger(__name__)

FILE = "department.npz"
SHORT_NAMES = Path(__file__).parent / "data" / "departments.json"
SUGGESTED = 3
# Items that a message is compared with, and how sharply the better ones count; chosen on the catalogue's own questions
# (docs/matching.md).
POOL = 20
SHARPNESS = 14.0
# What naming a department adds to its score: as much as an item that says all of the text.
NAMED = 1.0
# A chance for departments that nothing speaks for, beside the scores: the suggestions add up to less than one.
REST = 2.0


@cache
def short_names() -> Mapping[str, tuple[str, ...]]:
    """How residents name departments, by the end of the official name."""
    table: dict[str, list[str]] = json.loads(SHORT_NAMES.read_text(encoding="utf-8"))
    return {name: tuple(words) for name, words in table.items()}


class Departments:
    """Suggests departments. Immutable; make a new one when the catalogue or the model changes."""

    def __init__(self, matcher: Matcher, model: Linear | None = None) -> None:
        self._matcher = matcher
        self._model = model
        self._names = _names_in(entry.department for entry in matcher.entries)
        self._endings = sorted(self._names, key=len, reverse=True)
        # The terms of a catalogue belong to that catalogue: the model was trained on the engine's words alone.
        self._segmenter = Segmenter()

    @classmethod
    def load(cls, matcher: Matcher, folder: Path | None) -> Departments:
        """With the model in ``folder``; without one where there is no folder, no file, or a broken one (logged)."""
        path = folder / FILE if folder else None
        if path is None or not path.exists():
            return cls(matcher)
        try:
            return cls(matcher, _checked(Linear.load(path)))
        except BrokenModel as error:
            log.warning("nlp_model_unusable", extra={"path": str(path), "error": str(error)})
            return cls(matcher)

    def suggest_departments(self, text: str, title: str = "") -> list[tuple[str, float]]:
        """At most three (department, probability), the likeliest first; probabilities add up to at most one.

        Empty for a text without a word that anything knows. Any text will do; it is normalised here.
        """
        title, body = normalise(title).text, normalise(text).text
        if not title and not body:
            return []
        found = self._learnt(title, body) if self._model else self._from_catalogue(f"{title}\n{body}".strip())
        best = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))[:SUGGESTED]
        return [(name, round(probability, 4)) for name, probability in best]

    def of_the_catalogue(self, text: str) -> list[str]:
        """The same by the names that the catalogue has: a city's messages may say 教育局 or 威海市教育局 for 市教育局.

        What the model names and the catalogue does not know is left out; where nothing is left, the catalogue suggests.
        """
        named = (self._official(name) for name, _ in self.suggest_departments(text))
        found = list(dict.fromkeys(name for name in named if name))
        if found or self._model is None:
            return found
        return Departments(self._matcher).of_the_catalogue(text)

    def _official(self, name: str) -> str | None:
        if name in self._names.values():
            return name
        # The longest of the words that end it: 应急管理局 is no 管理局.
        return next((self._names[word] for word in self._endings if name.endswith(word)), None)

    def _learnt(self, title: str, body: str) -> dict[str, float]:
        assert self._model is not None
        margins = self._model.margins(message_features(title, body, self._segmenter)).astype(np.float64)
        shares = np.exp((margins - margins.max()) * float(self._model.about["sharpness"]))
        shares /= shares.sum()
        return dict(zip(self._model.outputs, shares.tolist(), strict=True))

    def _from_catalogue(self, text: str) -> dict[str, float]:
        scores: defaultdict[str, float] = defaultdict(float)
        for entry, score in self._matcher.nearest(text, POOL):
            if entry.department:
                scores[entry.department] += math.exp(SHARPNESS * min(score, 2.0)) - 1.0
        for word, name in self._names.items():
            if word in text:
                scores[name] += math.exp(SHARPNESS * NAMED)
        total = sum(scores.values()) + REST
        return {name: score / total for name, score in scores.items()}


def suggest_departments(text: str, matcher: Matcher, folder: Path | None = None) -> list[tuple[str, float]]:
    """One text; a caller with many keeps a ``Departments``."""
    return Departments.load(matcher, folder).suggest_departments(text)


def _checked(model: Linear) -> Linear:
    sharpness = model.about.get("sharpness")
    if model.about.get("target") != "department" or not isinstance(sharpness, int | float):
        raise BrokenModel("no model of departments")
    return model


def _names_in(departments: Iterable[str]) -> dict[str, str]:
    """Words that name a department -> its official name."""
    found: dict[str, str] = {}
    for name in dict.fromkeys(departments):
        if not name:
            continue
        core = name.lstrip("省市区县") or name
        for ending, words in short_names().items():
            if core.endswith(ending):
                found.update(dict.fromkeys(words, name))
        if len(core) > 2:
            found[core] = name
    return found
