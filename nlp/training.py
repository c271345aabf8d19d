"""Training the shipped models, only on text that the project itself wrote: ``data/nlp`` and the catalogue.

One linear model gives the intents and the domain gate; three small logistic regressions turn margins and retrieval
into probabilities. Everything is seeded: the same data give the same file.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlp import linear
from nlp.answer import Intent
from nlp.entry import Entry
from nlp.features import features_of
from nlp.linear import Linear
from nlp.matcher import Matcher
from nlp.normalise import normalise
from nlp.policy import Policy
from nlp.segment import Segmenter
from nlp.understanding import DOMAIN, INTENTS, Logistic, Understanding

FOLDS = 5
SEED = 7
PRUNED_TO = 20_000
DAYS = ("明天", "下周一", "周三下午", "后天上午", "国庆后", "这周五", "明早")
PLACES = ("荣成", "文登", "乳山", "环翠", "高新区", "经开区", "政务大厅", "市民中心")
# Sentences made from templates, a part of the written ones so that they do not drown them.
EACH_TEMPLATE = 12


@dataclass(frozen=True, slots=True)
class Example:
    """``domain`` is +1 the city's services, -1 foreign, 0 neither (a greeting)."""

    text: str
    intent: str
    domain: int


# What the intents and the gate are trained on, beside the catalogue; the other files of the folder only measure.
TRAINED_ON = ("intents.jsonl", "outside.jsonl", "templates.json")


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """The records of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def entries_from(folder: Path) -> list[Entry]:
    """The catalogue's items as the matcher sees them, from ``data/items``: for training and measuring."""
    rows = [row for path in sorted(folder.glob("*.jsonl")) for row in read_jsonl(path)]
    return [
        Entry(
            code=row["code"],
            version=1,
            name=row["name"],
            aliases=tuple(row.get("aliases", ())),
            questions=tuple(row.get("questions", ())),
            keywords=tuple(row.get("keywords", ())),
            department=row.get("department", ""),
            conditions=tuple(row.get("conditions", ())),
            body="\n".join([*(m["name"] for m in row.get("materials", ())), row.get("result_name", "")]),
        )
        for row in {row["code"]: row for row in rows}.values()
    ]


def examples_from(folder: Path, entries: Sequence[Entry], seed: int = SEED) -> list[Example]:
    """Written examples, sentences from templates over the catalogue's aliases, and the catalogue's questions."""
    written = read_jsonl(folder / "intents.jsonl")
    found = [Example(row["text"], row["intent"], _domain(row["intent"])) for row in written]
    found += [Example(row["text"], Intent.OTHER.value, -1) for row in read_jsonl(folder / "outside.jsonl")]
    rng = random.Random(seed)
    names = [alias for entry in entries for alias in (*entry.aliases[:2], *entry.keywords[:1], entry.name)]
    templates: dict[str, list[str]] = json.loads((folder / "templates.json").read_text(encoding="utf-8"))
    for intent, patterns in templates.items():
        for pattern in patterns:
            for _ in range(EACH_TEMPLATE if names else 0):
                text = pattern.format(item=rng.choice(names), day=rng.choice(DAYS), place=rng.choice(PLACES))
                found.append(Example(text, intent, 1))
    for entry in entries:
        found += [Example(question, Intent.ASK.value, 1) for question in entry.questions]
        found += [Example(text, "", 1) for text in (entry.name, *entry.aliases)]
    return found


def _domain(intent: str) -> int:
    return 0 if intent in (Intent.GREETING, Intent.PERSON) else 1


def labels_of(examples: Sequence[Example]) -> NDArray[np.int8]:
    """(examples, intents and gate): +1, -1, or 0 where the example says nothing."""
    matrix = np.zeros((len(examples), len(INTENTS) + 1), np.int8)
    for row, example in enumerate(examples):
        if example.intent:
            matrix[row, : len(INTENTS)] = -1
            matrix[row, INTENTS.index(example.intent)] = 1
        matrix[row, -1] = example.domain
    return matrix


def documents_of(texts: Iterable[str], segmenter: Segmenter) -> list[list[str]]:
    """Features of each text."""
    normal = (normalise(text).text for text in texts)
    return [features_of(text, segmenter.cut(text)) for text in normal]


def fold_of(text: str, folds: int = FOLDS) -> int:
    """The written rule of every split here: SHA-1 of the text, modulo the number of folds."""
    return int(hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), 16) % folds


def held_out_margins(examples: Sequence[Example], segmenter: Segmenter) -> NDArray[np.float32]:
    """Margins for each example from a model that did not see its fold."""
    documents = documents_of((example.text for example in examples), segmenter)
    labels = labels_of(examples)
    folds = np.array([fold_of(example.text) for example in examples])
    margins = np.zeros((len(examples), labels.shape[1]), np.float32)
    for fold in range(FOLDS):
        model = _fit(documents, labels, np.flatnonzero(folds != fold))
        for row in np.flatnonzero(folds == fold):
            margins[row] = model.margins(documents[row])
    return margins


def _fit(documents: Sequence[Sequence[str]], labels: NDArray[np.int8], rows: NDArray[np.intp]) -> Linear:
    chosen = [documents[row] for row in rows]
    return linear.train(chosen, labels[rows], (*INTENTS, DOMAIN), seed=SEED, balanced=True).pruned(PRUNED_TO)


def logistic(values: NDArray[np.float64], right: NDArray[np.float64], ridge: float = 1e-5) -> Logistic:
    """Logistic regression by Newton's method. ``values`` (rows, features); ``right`` 0 or 1 for each row."""
    x = np.column_stack((values, np.ones(len(values))))
    w = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-np.clip(x @ w, -30, 30)))
        gradient = x.T @ (p - right) + ridge * len(x) * np.append(w[:-1], 0.0)
        hessian = (x * (p * (1 - p))[:, None]).T @ x + ridge * len(x) * np.eye(len(w))
        step = np.linalg.solve(hessian, gradient)
        w -= step
        if float(np.abs(step).max()) < 1e-8:
            break
    return Logistic(tuple(w[:-1].tolist()), float(w[-1]))


def sharpness(margins: NDArray[np.float32], labels: NDArray[np.int8]) -> float:
    """The factor before the soft maximum that makes the held-out intents likeliest."""
    rows = np.flatnonzero((labels[:, : len(INTENTS)] == 1).any(axis=1))
    return sharpness_of(margins[rows, : len(INTENTS)], labels[rows, : len(INTENTS)].argmax(axis=1))


def sharpness_of(margins: NDArray[np.float32], truth: NDArray[np.intp]) -> float:
    """The factor before the soft maximum of held-out margins (samples, classes) that makes the truth likeliest."""
    scores = margins.astype(np.float64)

    def loss(factor: float) -> float:
        logits = scores * factor
        logits -= logits.max(axis=1, keepdims=True)
        return float(np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(scores)), truth]))

    return float(min(np.arange(0.5, 12.01, 0.25), key=loss))


@dataclass(frozen=True, slots=True)
class Trial:
    """One question asked of a matcher that did not know it. ``code`` is empty where no item is right."""

    text: str
    code: str


def without(entries: Sequence[Entry], fold: int) -> tuple[list[Entry], list[Trial]]:
    """The catalogue without one fold of its questions, and these questions."""
    kept, trials = [], []
    for entry in entries:
        stay = [question for question in entry.questions if fold_of(question) != fold]
        trials += [Trial(question, entry.code) for question in entry.questions if fold_of(question) == fold]
        kept.append(replace(entry, questions=tuple(stay)))
    return kept, trials


def train(entries: Sequence[Entry], folder: Path, policy: Policy | None = None) -> Understanding:
    """The models of a new release, with their origin and held-out scores in ``about``."""
    from nlp.evaluation import calibrate, data_hash, intent_scores

    policy = policy or Policy()
    segmenter = Segmenter()
    examples = examples_from(folder, entries)
    margins = held_out_margins(examples, segmenter)
    labels = labels_of(examples)
    documents = documents_of((example.text for example in examples), segmenter)
    model = _fit(documents, labels, np.arange(len(examples)))
    factor = sharpness(margins, labels)
    draft = Understanding(model, factor)
    right, domain = calibrate(entries, examples, margins, draft, policy)
    about = {
        "data": data_hash(folder, entries),
        "seed": SEED,
        "examples": len(examples),
        "items": len(entries),
        "scores": intent_scores(examples, margins, labels),
        "calibration": {
            "sharpness": factor,
            "right": [*right.weights, right.bias],
            "domain": [*domain.weights, domain.bias],
        },
    }
    return Understanding.of(replace(model, about=about))


def matcher_for(entries: Sequence[Entry], understanding: Understanding, policy: Policy) -> Matcher:
    """A matcher with these models."""
    return Matcher.build(entries, understanding=understanding, policy=policy)
