"""The trained parts, behind one record: intent, domain gate, and how likely a candidate is right.

Every part has a safe default, so that a missing or broken file costs quality, never an answer.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nlp.answer import Intent
from nlp.features import cues_of, features_of
from nlp.linear import BrokenModel, Linear

log = logging.getLogger(__name__)

MODEL = Path(__file__).parent / "data" / "understanding.npz"
# A later release is written beside; the one before stays as the last good one.
PREVIOUS = ".previous.npz"
INTENTS = tuple(intent.value for intent in Intent)
DOMAIN = "domain"
RIGHT_SIZE, DOMAIN_SIZE = 11, 5


@dataclass(frozen=True, slots=True)
class Logistic:
    """A probability from a few named values."""

    weights: tuple[float, ...]
    bias: float

    def probability(self, values: Sequence[float]) -> float:
        total = self.bias + sum(weight * value for weight, value in zip(self.weights, values, strict=True))
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total))))


@dataclass(frozen=True, slots=True)
class View:
    """What the text alone says. ``domain`` is the gate's margin: about -1 for foreign, +1 for the city's services."""

    intent: Intent
    intent_probability: float
    domain: float


@dataclass(frozen=True, slots=True)
class Understanding:
    """The models of one release. Immutable. The defaults were set by hand, for a start without a trained file."""

    model: Linear | None = None
    # From margins to probabilities of intents.
    sharpness: float = 3.0
    right: Logistic = field(
        default_factory=lambda: Logistic((3.0, 3.0, 3.0, 1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0), -4.0)
    )
    # Values: the gate's margin, the best candidate's score, likeness and coverage, share of unknown words.
    domain: Logistic = field(default_factory=lambda: Logistic((2.0, 1.0, 3.0, 3.0, -1.0), -1.0))

    @classmethod
    def load(cls, path: Path = MODEL) -> Understanding:
        """The models of this file; the last good ones, or the defaults, where it cannot be used."""
        for candidate in (path, path.with_suffix(PREVIOUS)):
            try:
                return cls.of(Linear.load(candidate))
            except BrokenModel as error:
                log.warning("nlp_model_unusable", extra={"path": str(candidate), "error": str(error)})
        return cls()

    @classmethod
    def of(cls, model: Linear) -> Understanding:
        """From a model whose ``about`` holds the calibration; raises BrokenModel when it is not there or not sound."""
        if model.outputs != (*INTENTS, DOMAIN):
            raise BrokenModel(f"outputs {model.outputs}")
        try:
            found = model.about["calibration"]
            sharpness = float(found["sharpness"])
            right = _logistic(found["right"], RIGHT_SIZE)
            domain = _logistic(found["domain"], DOMAIN_SIZE)
        except (KeyError, TypeError, ValueError) as error:
            raise BrokenModel(f"calibration: {error}") from error
        return cls(model, sharpness, right, domain)

    @property
    def about(self) -> dict[str, Any]:
        """Data hash, seed and scores of the model in use; empty for the defaults."""
        return self.model.about if self.model else {}

    def view(self, text: str, words: Sequence[str]) -> View:
        """``text`` is normalised; ``words`` are its words."""
        if not text:
            return View(Intent.OTHER, 0.0, -1.0)
        if self.model is None:
            return _by_cues(text)
        names = features_of(text, words)
        margins = self.model.margins(names)
        logits = np.exp((margins[:-1] - margins[:-1].max()) * self.sharpness)
        best = int(logits.argmax())
        return View(Intent(INTENTS[best]), float(logits[best] / logits.sum()), float(margins[-1]))


def _logistic(values: Sequence[float], size: int) -> Logistic:
    numbers = [float(value) for value in values]
    if len(numbers) != size + 1 or not all(map(math.isfinite, numbers)):
        raise ValueError(f"{size} weights and a bias expected")
    return Logistic(tuple(numbers[:-1]), numbers[-1])


def _by_cues(text: str) -> View:
    """The intent by cue words alone; the first cue other than a question word decides."""
    cues = cues_of(text)
    for cue in cues:
        if cue not in (Intent.ASK, Intent.GREETING):
            return View(Intent(cue), 0.6, 0.0)
    if cues and all(cue == Intent.GREETING for cue in cues) and len(text) < 10:
        return View(Intent.GREETING, 0.6, 0.0)
    return View(Intent.ASK, 0.5, 0.0)
