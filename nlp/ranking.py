"""From scores to probabilities: a second look at the best entries, and how likely each is what was meant."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nlp.index import Held, ItemIndex, TermKind
from nlp.policy import Policy
from nlp.reading import Reading
from nlp.understanding import Understanding

FEATURES = (
    "attained",  # the score, of what was attainable
    "lead",  # before the best other candidate
    "likeness",
    "likeness_lead",
    "coverage",  # share of the text's terms that the candidate holds, weighed by rarity
    "words",  # the same of whole words only
    "gap",  # the rarest thing that it does not hold, as a share of the rarest in the text
    "spread",  # how near the others come on average
    "length",
    "domain",
    "unknown",
)
# Entries that get the second look.
POOL = 20
NEAR = 0.6


@dataclass(frozen=True, slots=True)
class Ranking:
    """Candidates, best first: rows, scores relative to what was attainable (about 0..1), probabilities, and the values
    of ``FEATURES``."""

    rows: list[int]
    relative: list[float]
    probabilities: list[float]
    values: list[tuple[float, ...]]
    # What each candidate holds of the terms of the text.
    held: Held
    # Probability that the text is about the city's services, and what it was made from: the gate's margin; the best
    # candidate's score, likeness and coverage; the share of unknown words.
    in_domain: float
    domain_values: tuple[float, ...]

    def features(self, place: int) -> dict[str, float]:
        """By name, of the candidate at this place."""
        return dict(zip(FEATURES, self.values[place], strict=True))


class Ranker:
    """Ranks the entries of one index. Immutable."""

    def __init__(self, index: ItemIndex, understanding: Understanding, policy: Policy) -> None:
        self._index = index
        self._understanding = understanding
        self._policy = policy

    def rank(self, reading: Reading, margin: float) -> Ranking:
        """The best entries by score, raised by the likeness to one known phrasing, with their probabilities.

        ``margin`` is the domain gate's.
        """
        policy = self._policy
        rows, scores = self._index.search(reading.terms, POOL, policy)
        unknown = reading.unknown / max(len(reading.words), 1)
        if not rows:
            domain = (margin, 0.0, 0.0, 0.0, unknown)
            return Ranking(
                [], [], [], [], self._index.held((), ()), self._understanding.domain.probability(domain), domain
            )
        attainable = self.attainable(reading)
        like = self._index.likeness(reading.text, rows)
        blended = [score / attainable * _raised(alike, policy) for score, alike in zip(scores, like, strict=True)]
        order = sorted(range(len(rows)), key=lambda at: (-blended[at], rows[at]))[: policy.candidates]
        rows, relative, like = [rows[at] for at in order], [blended[at] for at in order], [like[at] for at in order]
        held = self._index.held(reading.terms, rows)
        coverage, words, gap = self._coverage(reading, held)
        rest = (math.log1p(len(reading.text)), margin, unknown)
        values = _features(relative, like, list(zip(coverage, words, gap, strict=True)), rest)
        domain = (margin, relative[0], max(like), coverage[0], unknown)
        in_domain = self._understanding.domain.probability(domain)
        return Ranking(rows, relative, self._probabilities(values), values, held, in_domain, domain)

    def _probabilities(self, values: Sequence[tuple[float, ...]]) -> list[float]:
        """Together at most one, and never higher at a later place: the order is what the caller sees."""
        found = [self._understanding.right.probability(value) for value in values]
        total = max(sum(found), 1.0)
        return sorted((probability / total for probability in found), reverse=True)

    def attainable(self, reading: Reading) -> float:
        """About the score of an entry that would say just this: every term as it can weigh at most."""
        known = sum(term.weight * term.rarity for term in reading.terms if not term.repaired)
        return max((known + self._missing(reading)) * (self._policy.k1 + 1.0), 1e-6)

    def _missing(self, reading: Reading) -> float:
        return reading.unknown * self._policy.word * self._index.unknown_rarity

    def _coverage(self, reading: Reading, held: Held) -> tuple[list[float], list[float], list[float]]:
        """``coverage``, ``words`` and ``gap`` of each candidate, as in ``FEATURES``; 0..1."""
        rarity = np.array([term.rarity for term in reading.terms])
        weights = np.array([term.weight for term in reading.terms]) * rarity
        total = max(float(weights.sum()) + self._missing(reading), 1e-6)
        coverage = (weights @ held.present) / total
        whole = np.array([term.kind is TermKind.WORD and not term.repaired for term in reading.terms])
        unknown = reading.unknown * self._index.unknown_rarity
        words = (np.where(whole, rarity, 0.0) @ held.present) / max(float(rarity[whole].sum()) + unknown, 1e-6)
        first = np.array([not term.repaired for term in reading.terms])
        rarest = self._index.unknown_rarity if reading.unknown else float(rarity.max(initial=0.0))
        absent = (~held.present & first[:, None]) * rarity[:, None]
        gap = absent.max(axis=0, initial=0.0) / max(rarest, 1e-6)
        return coverage.tolist(), words.tolist(), gap.tolist()


def _raised(alike: float, policy: Policy) -> float:
    """The factor of a likeness; from ``NEAR`` on it rises steeply: that phrasing is known, and decides."""
    return 1.0 + policy.likeness * alike + policy.sameness * max(0.0, alike - NEAR)


def _features(
    score: Sequence[float],
    like: Sequence[float],
    covered: Sequence[tuple[float, float, float]],
    rest: tuple[float, float, float],
) -> list[tuple[float, ...]]:
    """``FEATURES`` of each candidate, in order."""
    values: list[tuple[float, ...]] = []
    total = sum(score)
    for at, mine in enumerate(score):
        other = max((s for place, s in enumerate(score) if place != at), default=0.0)
        other_like = max((s for place, s in enumerate(like) if place != at), default=0.0)
        lead = (mine - other) / max(mine, other, 1e-9)
        spread = min((total - mine) / max(len(score) - 1, 1) / max(mine, 1e-9), 2.0)
        values.append((mine, lead, like[at], like[at] - other_like, *covered[at], spread, *rest))
    return values
