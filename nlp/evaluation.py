"""Measuring on the project's own text: questions left out of the catalogue, written examples, foreign text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlp.answer import Outcome
from nlp.entry import Entry
from nlp.matcher import Explanation, Matcher
from nlp.policy import Policy
from nlp.ranking import FEATURES
from nlp.training import FOLDS, TRAINED_ON, Example, Trial, fold_of, logistic, matcher_for, without
from nlp.understanding import DOMAIN_SIZE, INTENTS, Logistic, Understanding

# One item in this many is taken out of the catalogue in each fold, so that 'none of these' is measured too.
HIDDEN = 10
DOMAIN_PLACE = FEATURES.index("domain")
ANSWER_AT = tuple(round(0.30 + 0.025 * step, 3) for step in range(27))
ASK_AT = tuple(round(0.05 + 0.025 * step, 3) for step in range(27))


@dataclass(frozen=True, slots=True)
class Asked:
    """A trial, what came back, and the values behind the probabilities."""

    trial: Trial
    explanation: Explanation
    foreign: bool = False

    @property
    def codes(self) -> list[str]:
        """Codes of the candidates, best first."""
        return [candidate.code for candidate in self.explanation.answer.candidates]


def data_hash(folder: Path, entries: Sequence[Entry]) -> str:
    """SHA-256 over the training files and the catalogue: what the model was made from."""
    digest = hashlib.sha256()
    for name in TRAINED_ON:
        digest.update((folder / name).read_bytes())
    for entry in entries:
        digest.update(json.dumps(asdict(entry), ensure_ascii=False, sort_keys=True).encode())
    return digest.hexdigest()


def intent_scores(
    examples: Sequence[Example], margins: NDArray[np.float32], labels: NDArray[np.int8]
) -> dict[str, float]:
    """Held-out macro-F1 of the intents on what was written by hand, and AUROC of the gate."""
    rows = np.flatnonzero((labels[:, : len(INTENTS)] == 1).any(axis=1))
    truth = labels[rows, : len(INTENTS)].argmax(axis=1)
    guess = margins[rows, : len(INTENTS)].argmax(axis=1)
    known = labels[:, -1] != 0
    return {
        "intent_accuracy": round(float((truth == guess).mean()), 4),
        "intent_macro_f1": round(macro_f1(truth.tolist(), guess.tolist()), 4),
        "gate_auroc": round(auroc(margins[known, -1], labels[known, -1] == 1), 4),
    }


def macro_f1(truth: Sequence[object], guess: Sequence[object]) -> float:
    """Mean over the classes of the harmonic mean of precision and recall."""
    scores = []
    for label in sorted(set(truth), key=str):
        hit = sum(t == label and g == label for t, g in zip(truth, guess, strict=True))
        wrong = sum((t == label) != (g == label) for t, g in zip(truth, guess, strict=True))
        scores.append(2.0 * hit / max(2 * hit + wrong, 1))
    return float(np.mean(scores)) if scores else 0.0


def auroc(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """Chance that a positive has the higher score; ties count half."""
    values, places = np.unique(np.asarray(scores), return_inverse=True)
    each = np.bincount(places, minlength=len(values))
    ranks = (np.cumsum(each) - (each - 1) / 2.0)[places]
    yes, no = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - yes * (yes + 1) / 2.0) / max(yes * no, 1))


def ask_held_out(
    entries: Sequence[Entry], foreign: Sequence[str], understanding: Understanding, policy: Policy
) -> Iterator[Asked]:
    """Every question of the catalogue asked of a matcher that lacks its fold of questions and a tenth of the items
    (whose questions have no right answer then), and foreign texts."""
    for fold in range(FOLDS):
        kept, trials = without(entries, fold)
        hidden = {entry.code for entry in entries if fold_of(entry.code, HIDDEN) == fold}
        matcher = matcher_for([entry for entry in kept if entry.code not in hidden], understanding, policy)
        for trial in trials:
            asked = Trial(trial.text, "") if trial.code in hidden else trial
            yield Asked(asked, matcher.explain(trial.text))
        for text in foreign:
            if fold_of(text) == fold:
                yield Asked(Trial(text, ""), matcher.explain(text), foreign=True)


def calibrate(
    entries: Sequence[Entry],
    examples: Sequence[Example],
    margins: NDArray[np.float32],
    draft: Understanding,
    policy: Policy,
) -> tuple[Logistic, Logistic]:
    """(probability that a candidate is right, probability of the domain), from held-out questions and margins."""
    held_out = {example.text: float(margin) for example, margin in zip(examples, margins[:, -1], strict=True)}
    foreign = [example.text for example in examples if example.domain < 0]
    values: list[list[float]] = []
    right: list[float] = []
    domain: list[list[float]] = []
    ours: list[float] = []
    for asked in ask_held_out(entries, foreign, draft, policy):
        margin = held_out[asked.trial.text]
        domain.append([margin, *asked.explanation.domain_values[1:]])
        ours.append(0.0 if asked.foreign else 1.0)
        for code, features in zip(asked.codes, asked.explanation.features, strict=True):
            row = list(features.values())
            row[DOMAIN_PLACE] = margin
            values.append(row)
            right.append(float(code == asked.trial.code))
    return _fitted(values, right, len(FEATURES)), _fitted(domain, ours, DOMAIN_SIZE)


def _fitted(values: Sequence[Sequence[float]], truth: Sequence[float], size: int) -> Logistic:
    return logistic(np.array(values, np.float64).reshape(-1, size), np.array(truth, np.float64))


@dataclass(frozen=True, slots=True)
class Report:
    """What ``python -m nlp evaluate`` prints: shares of trials, 0..1."""

    trials: int
    foreign: int
    first: float  # R@1
    third: float  # the right item among the first three
    answered: float
    asked: float
    wrong_answers: float  # confident and wrong, of all trials with a right item
    wrong_when_missing: float  # confident though the right item is not in the catalogue
    foreign_refused: float
    missing_auroc: float
    calibration_error: float
    answer_at: float
    ask_at: float
    cost: float


def evaluate(entries: Sequence[Entry], foreign: Sequence[str], understanding: Understanding, policy: Policy) -> Report:
    """The report over held-out questions, with the thresholds that cost least and their cost a trial."""
    asked = list(ask_held_out(entries, foreign, understanding, policy))
    ours = [one for one in asked if one.trial.code]
    missing = [one for one in asked if not one.trial.code and not one.foreign]
    strange = [one for one in asked if one.foreign]
    best = np.array([_best(one) for one in (*ours, *missing)] or [0.0])
    present = np.array([True] * len(ours) + [False] * len(missing) or [False])
    answer_at, ask_at, cost = thresholds(asked, policy)
    return Report(
        trials=len(ours),
        foreign=len(strange),
        first=_share(ours, lambda one: one.codes[:1] == [one.trial.code]),
        third=_share(ours, lambda one: one.trial.code in one.codes[:3]),
        answered=_share(ours, lambda one: one.explanation.answer.outcome is Outcome.ANSWER),
        asked=_share(ours, lambda one: one.explanation.answer.outcome is Outcome.ASK_BACK),
        wrong_answers=_share(ours, _wrong),
        wrong_when_missing=_share(missing, _wrong),
        foreign_refused=_share(strange, lambda one: one.explanation.answer.outcome is Outcome.NONE),
        missing_auroc=round(auroc(best, present), 4),
        calibration_error=calibration_error(asked),
        answer_at=answer_at,
        ask_at=ask_at,
        cost=cost,
    )


def written_by_others(matcher: Matcher, rows: Sequence[Mapping[str, str]]) -> list[tuple[int, bool]]:
    """For each phrasing ({text, item}) of somebody who has seen no alias: the place of its item among the candidates
    (0 the first, -1 not there), and whether a wrong item was answered confidently."""
    found = []
    for row in rows:
        answer = matcher.ask(row["text"])
        codes = [candidate.code for candidate in answer.candidates]
        place = codes.index(row["item"]) if row["item"] in codes else -1
        found.append((place, answer.outcome is Outcome.ANSWER and place != 0))
    return found


def _share(asked: Sequence[Asked], test: Callable[[Asked], bool]) -> float:
    return round(sum(map(test, asked)) / max(len(asked), 1), 4)


def _best(asked: Asked) -> float:
    candidates = asked.explanation.answer.candidates
    return candidates[0].probability if candidates else 0.0


def _wrong(asked: Asked) -> bool:
    answer = asked.explanation.answer
    return answer.outcome is Outcome.ANSWER and answer.candidates[0].code != asked.trial.code


def calibration_error(asked: Sequence[Asked], bins: int = 10) -> float:
    """Expected calibration error of the first candidate's probability: mean distance from the share that is right."""
    pairs = [(_best(one), one.codes[:1] == [one.trial.code]) for one in asked if one.codes]
    total = 0.0
    for at in range(bins):
        inside = [(p, hit) for p, hit in pairs if min(int(p * bins), bins - 1) == at]
        if inside:
            total += abs(sum(p for p, _ in inside) - sum(hit for _, hit in inside))
    return round(total / max(len(pairs), 1), 4)


def thresholds(asked: Sequence[Asked], policy: Policy) -> tuple[float, float, float]:
    """(answer_at, ask_at, cost a trial): the cheapest pair by the policy's costs."""
    if not asked:
        return policy.answer_at, policy.ask_at, 0.0
    best = np.array([_best(one) for one in asked])
    offered = np.array([sum(c.probability for c in one.explanation.answer.candidates[:3]) for one in asked])
    first = np.array([bool(one.trial.code) and one.codes[:1] == [one.trial.code] for one in asked])
    third = np.array([bool(one.trial.code) and one.trial.code in one.codes[:3] for one in asked])
    real = np.array([bool(one.trial.code) for one in asked])
    answer = np.where(first, 0.0, policy.cost_wrong)
    ask = policy.cost_question + np.where(third, 0.0, policy.cost_person)
    person = np.where(real, policy.cost_person, 0.0)

    def cost(pair: tuple[float, float]) -> float:
        chosen = np.where(best >= pair[0], answer, np.where(offered >= pair[1], ask, person))
        return float(chosen.mean())

    pair = min(product(ANSWER_AT, ASK_AT), key=cost)
    return pair[0], pair[1], round(cost(pair), 4)
