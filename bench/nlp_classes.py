"""Classification on public sets: the gate, hotline categories, intents, bureaus and departments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from bench.nlp_data import (
    FOREIGN,
    Labelled,
    bureaus,
    clean,
    departments,
    digest,
    half,
    hotline_raw,
    intents,
    rows,
)
from bench.nlp_retrieval import Line, auroc_line, line
from nlp.evaluation import macro_f1
from nlp.features import features_of, message_features
from nlp.hotline import chosen, fitted
from nlp.linear import Linear, one_of, train
from nlp.segment import Segmenter
from nlp.understanding import Understanding

SEGMENTER = Segmenter()
RESAMPLES = 300
Documents = list[list[str]]


def documents(texts: Sequence[str]) -> Documents:
    """Words and runs of one to three characters of normalised texts; no cues, which are for short requests."""
    return [features_of(text, SEGMENTER.cut(text), cues=False) for text in texts]


Order = list[list[str]]
PLAIN = (1.0, 0.0)


def messages(found: Labelled) -> Documents:
    """Features of messages: of title and body together, and of the title by itself."""
    return [message_features(*pair, SEGMENTER) for pair in zip(found.titles, found.bodies, strict=True)]


def judged(
    texts: Documents,
    names: Sequence[str],
    keys: Sequence[str],
    folds: int,
    more: tuple[Documents, list[str]] | None = None,
    twins: Documents | None = None,
    setting: tuple[float, float] | None = None,
) -> Order:
    """Classes of each text, best first, by a model of the other folds (SHA-1 of the key, modulo ``folds``), of ``more``
    texts, and of the ``twins`` of the texts that it may learn.

    Settings are chosen inside the training part; ``setting`` gives them instead: the plain recipe, for comparison.
    """
    extra_texts, extra_names = more or ([], [])
    classes = sorted({*names, *extra_names})
    every = [*texts, *extra_texts, *(twins or ())]
    labels = one_of([*names, *extra_names, *(names if twins else ())], classes)
    fold = np.array([digest(key) % folds for key in keys])
    inner = [digest(f"inner{key}") % 4 for key in keys]
    inners = np.array([*inner, *(at % 4 for at in range(len(extra_texts))), *(inner if twins else ())])
    away = np.full(len(extra_texts), -1)
    folds_of_all = np.concatenate((fold, away, fold if twins else np.zeros(0, np.int64)))
    own = np.arange(len(every)) < len(texts) + len(extra_texts)
    order: Order = [[] for _ in texts]
    for which in range(folds):
        learn = np.flatnonzero(folds_of_all != which)
        model = fitted(every, labels, learn, classes, setting or chosen(every, labels, learn, inners, own))
        for at in np.flatnonzero(fold == which):
            order[at] = [classes[place] for place in np.argsort(-model.margins(texts[at]), kind="stable")]
    return order


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
    keys, labels = [row["seg"] for row in cut], [row["label"] for row in cut]
    texts = documents_cut(keys)
    for setting, name in ((None, "hotline, 7 categories, cut texts"), (PLAIN, "- plain recipe")):
        order = judged(texts, labels, keys, 2, setting=setting)
        yield f1_line(f"{name}: macro-F1", labels, [best[0] for best in order], ">= .92", "2 folds")
    apart = [at for at, row in enumerate(cut) if not _copied(row["seg"].split(), raw_words(folder))]
    more = ([texts[at] for at in apart], [labels[at] for at in apart])
    for body, goal in ((True, ">= .905"), (False, ">= .865")):
        found = hotline_raw(folder, body=body)
        order = judged(messages(found), found.labels, found.keys, 2, more)
        yield f1_line(
            f"{found.name}: macro-F1", found.labels, [best[0] for best in order], goal, "2 folds, + cut texts"
        )


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
    """Intents, bureaus and departments: by two folds, and by ten, whose training part is nearer to what the goals were
    measured with; each beside the plain recipe on the same folds."""
    for found, goal in ((intents(folder, four=False), ">= .92"), (intents(folder, four=True), ">= .75")):
        texts = messages(found)
        for setting, name in ((None, found.name), (PLAIN, f"- plain recipe, {found.name}")):
            order = judged(texts, found.labels, found.keys, 2, setting=setting)
            yield f1_line(f"{name}: macro-F1", found.labels, [best[0] for best in order], goal, "2 folds")
    for found, goals in ((bureaus(folder), (">= .89", ">= .95")), (departments(folder), (">= .70", ">= .88"))):
        texts = messages(found)
        twins = [message_features("", text, SEGMENTER) for text in found.more] if found.more else None
        for folds in (2, 10):
            for setting, name in ((None, found.name), (PLAIN, f"- plain recipe, {found.name}")):
                order = judged(texts, found.labels, found.keys, folds, None, None if setting else twins, setting)
                for top, goal in zip((1, 3), goals, strict=True):
                    hits = np.array([label in best[:top] for label, best in zip(found.labels, order, strict=True)])
                    note = f"{len(set(found.labels))} classes, {folds} folds"
                    yield line(f"{name}: top-{top}", hits, goal, note)


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
