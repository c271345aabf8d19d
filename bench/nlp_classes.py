"""Classification on public sets: the gate, hotline categories, intents, bureaus and departments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.nlp_data import (
    FOREIGN,
    Labelled,
    bureaus,
    clean,
    departments,
    half,
    hotline_raw,
    intents,
    rows,
)
from bench.nlp_retrieval import Line, auroc_line, line
from nlp.evaluation import macro_f1
from nlp.features import features_of
from nlp.linear import Linear, one_of, train
from nlp.segment import Segmenter
from nlp.understanding import Understanding

SEGMENTER = Segmenter()
RESAMPLES = 300
Documents = list[list[str]]


def documents(texts: Sequence[str]) -> Documents:
    """Words and runs of one to three characters of normalised texts; no cues, which are for short requests."""
    return [features_of(text, SEGMENTER.cut(text), cues=False) for text in texts]


def margins(learn: Documents, labels: Sequence[str], test: Documents) -> tuple[NDArray[np.float32], list[str]]:
    """(margins of the test documents, classes) after training on the others."""
    classes = sorted(set(labels))
    model = train(learn, one_of(labels, classes), classes, balanced=True)
    return np.array([model.margins(names) for names in test]), classes


def two_folds(found: Labelled, more: tuple[Documents, list[str]] | None = None) -> tuple[list[str], list[list[str]]]:
    """(labels, classes of each text, best first): each half judged by a model of the other half, and of ``more``."""
    texts = documents(found.texts)
    order: list[list[str]] = [[] for _ in texts]
    for which in (0, 1):
        learn = [at for at, key in enumerate(found.keys) if half(key) != which]
        test = [at for at, key in enumerate(found.keys) if half(key) == which]
        extra_texts, extra_labels = more or ([], [])
        labels = [found.labels[at] for at in learn] + extra_labels
        scores, classes = margins([texts[at] for at in learn] + extra_texts, labels, [texts[at] for at in test])
        for at, row in zip(test, np.argsort(-scores, axis=1), strict=True):
            order[at] = [classes[place] for place in row]
    return found.labels, order


def f1_line(measure: str, truth: Sequence[str], guess: Sequence[str], goal: str, note: str = "") -> Line:
    """Macro-F1 with its interval by resampling."""
    rng = np.random.default_rng(7)
    scores = []
    for _ in range(RESAMPLES):
        draw = rng.integers(0, len(truth), len(truth))
        scores.append(macro_f1([truth[at] for at in draw], [guess[at] for at in draw]))
    low, high = np.percentile(scores, [2.5, 97.5])
    return Line(measure, macro_f1(truth, guess), float(low), float(high), len(truth), goal, note)


def hotline(folder: Path) -> Iterator[Line]:
    """Seven categories: on the set cut into words, and on raw messages with the cut ones as further training."""
    cut = rows(folder, "hotline_tokens")
    texts = documents_cut([row["seg"] for row in cut])
    labels = [row["label"] for row in cut]
    guess = [""] * len(cut)
    for which in (0, 1):
        learn = [at for at, row in enumerate(cut) if half(row["seg"]) != which]
        test = [at for at, row in enumerate(cut) if half(row["seg"]) == which]
        scores, classes = margins([texts[at] for at in learn], [labels[at] for at in learn], [texts[at] for at in test])
        for at, best in zip(test, scores.argmax(axis=1), strict=True):
            guess[at] = classes[best]
    yield f1_line("hotline, 7 categories, cut texts: macro-F1", labels, guess, ">= .92", "2 folds")
    for body, goal in ((True, ">= .905"), (False, ">= .865")):
        found = hotline_raw(folder, body=body)
        apart = [at for at, row in enumerate(cut) if not _copied(row["seg"].split(), raw_words(folder))]
        more = ([texts[at] for at in apart], [labels[at] for at in apart])
        truth, order = two_folds(found, more)
        yield f1_line(f"{found.name}: macro-F1", truth, [best[0] for best in order], goal, "2 folds, + cut texts")


def documents_cut(texts: Sequence[str]) -> Documents:
    """Features of texts that are cut already; pairs and triples stay within neighbours of the cut."""
    return [features_of(text.replace(" ", ""), text.split(), cues=False) for text in texts]


_RAW: dict[Path, list[set[str]]] = {}


def raw_words(folder: Path) -> list[set[str]]:
    """Words of each raw message, to find the cut copy of it."""
    if folder not in _RAW:
        _RAW[folder] = [
            {word for word in SEGMENTER.cut(clean(row["title"] + "\n" + row["text"])) if len(word) > 1}
            for row in rows(folder, "hotline_raw")
        ]
    return _RAW[folder]


def _copied(words: Sequence[str], raw: Sequence[set[str]]) -> bool:
    """Whether seven in ten of the words are in one raw message: the same message, not to be trained on."""
    mine = {word for word in words if len(word) > 1}
    return any(len(mine & other) >= 0.7 * len(mine) for other in raw) if mine else True


def classes(folder: Path) -> Iterator[Line]:
    """Intents, bureaus and departments by two folds."""
    for found, goal in ((intents(folder, four=False), ">= .92"), (intents(folder, four=True), ">= .75")):
        truth, order = two_folds(found)
        yield f1_line(f"{found.name}: macro-F1", truth, [best[0] for best in order], goal, "2 folds")
    for found, goals in ((bureaus(folder), (">= .89", ">= .95")), (departments(folder), (">= .70", ">= .88"))):
        truth, order = two_folds(found)
        for top, goal in zip((1, 3), goals, strict=True):
            hits = np.array([label in best[:top] for label, best in zip(truth, order, strict=True)])
            yield line(f"{found.name}: top-{top}", hits, goal, f"{len(set(truth))} classes, 2 folds")


def gate(folder: Path) -> Iterator[Line]:
    """Our kind of text against foreign text, of kinds that were trained on and of kinds that were not."""
    ours = [clean(row["q"]) for row in rows(folder, "city_faq")]
    ours += [clean(row["q"]) for row in rows(folder, "policy_qa")]
    ours += [clean(row["title"]) for row in rows(folder, "hotline_reply")]
    foreign = {name: [clean(row["text"]) for row in rows(folder, f"foreign_{name}")] for name in FOREIGN}
    model = _gate(_part(ours, 0), [text for texts in foreign.values() for text in _part(texts, 0)])
    yes, no = _part(ours, 1), [text for texts in foreign.values() for text in _part(texts, 1)]
    yield _gate_line("domain gate, known kinds: AUROC", model, yes, no, ">= .995")
    areas = []
    for name in FOREIGN:
        model = _gate(_part(ours, 0), [text for kind, texts in foreign.items() if kind != name for text in texts])
        found = _gate_line(f"- unseen kind {name}", model, yes, foreign[name], "")
        areas.append(found.value)
        yield found
    yield Line(
        "domain gate, unseen kinds: mean AUROC", float(np.mean(areas)), min(areas), max(areas), 4, ">= .92", "range"
    )
    shipped = Understanding.load()
    scores = np.array([shipped.view(text, SEGMENTER.cut(text)).domain for text in (*yes, *no)])
    known = np.array([True] * len(yes) + [False] * len(no))
    yield auroc_line("- the shipped gate, own training text only", scores, known, "", "no public text seen")


def _part(texts: Sequence[str], which: int) -> list[str]:
    return [text for text in texts if half(text) == which]


def _gate(ours: Sequence[str], foreign: Sequence[str]) -> Linear:
    labels = ["ours"] * len(ours) + ["foreign"] * len(foreign)
    return train(documents((*ours, *foreign)), one_of(labels, ("ours", "foreign")), ("ours", "foreign"), balanced=True)


def _gate_line(measure: str, model: Linear, yes: Sequence[str], no: Sequence[str], goal: str) -> Line:
    scores = np.array([model.margins(names)[0] for names in documents((*yes, *no))])
    return auroc_line(measure, scores, np.array([True] * len(yes) + [False] * len(no)), goal, "half 1")


MEASURES: tuple[Callable[[Path], Iterator[Line]], ...] = (gate, classes, hotline)
